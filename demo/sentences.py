"""The events of the demo itself, and those of calculators and clients that the dispatcher does not report."""

from __future__ import absolute_import, division, print_function

from monitor.words import BAD, GOOD, LOUD, PLAIN, tasks

MYPY = False
if MYPY:
    from typing import Any, Dict, Tuple  # noqa: F401

#: (kind of event, kind of outage or None) -> (how much it matters, sentence).
SENTENCES = {
    ('out_of_order', 'crash'): (BAD, '%(name)s crashes and loses %(tasks)s'),
    ('out_of_order', 'freeze'): (BAD, '%(name)s freezes with %(tasks)s'),
    ('in_order', 'crash'): (GOOD, '%(name)s is back after a crash of %(away_s).1f s'),
    ('in_order', 'freeze'): (GOOD, '%(name)s continues after a freeze of %(away_s).1f s'),
    ('cancelling', None): (BAD, '%(name)s stops waiting and cancels %(tasks)s'),
    # Of the demo.
    ('began', None): (PLAIN, 'the dispatcher listens on UDP port %(port)d; the others start'),
    ('page', None): (LOUD, 'the page is at %(address)s'),
    ('killed', None): (LOUD, '%(victim)s IS KILLED by this demo (SIGKILL) with %(tasks)s'),
    ('newcomer', None): (LOUD, '%(newcomer)s starts in its place'),
    ('ending', None): (LOUD, '%(why)s: all processes are asked to end'),
    ('lost', None): (LOUD, '%(process)s is gone: %(how)s, and not by this demo'),
    ('cut_short', None): (LOUD, '%(process)s is killed: the demo was asked to stop for the third time'),
    ('stuck', None): (LOUD, '%(process)s did not end in time and is killed'),
}  # type: Dict[Tuple[str, str | None], Tuple[str, str]]

#: Kinds that the processes themselves report.
OWN_KINDS = frozenset(['out_of_order', 'in_order', 'cancelling'])


def sentence_of(kind, facts):
    # type: (str, Dict[str, Any]) -> Tuple[str, str]
    """How much an event matters, and its sentence."""
    style, sentence = SENTENCES[kind, facts.get('outage')]
    number = facts.get('running', facts.get('waiting'))
    return style, sentence % (facts if number is None else dict(facts, tasks=tasks(number)))
