"""The events of the demo itself, and those of calculators and clients that the dispatcher does not report."""

from __future__ import absolute_import, division, print_function

from common.sentences import SENTENCES
from common.words import Facts
from monitor.words import BAD, GOOD, LOUD, PLAIN

MYPY = False
if MYPY:
    from typing import Any, Dict, Tuple  # noqa: F401

#: Kind of event of the demo -> (style, sentence).
DEMO = {
    'began': (PLAIN, 'The dispatcher listens on UDP port %(port)d; the others start.'),
    'page': (LOUD, 'The page is at %(address)s'),
    'killed': (LOUD, '%(victim)s IS KILLED by this demo (SIGKILL) with %(held tasks)s.'),
    'newcomer': (LOUD, '%(newcomer)s starts in its place.'),
    'ending': (LOUD, 'All processes are asked to end: %(why)s.'),
    'lost': (LOUD, '%(process)s %(how)s; the demo did not cause this.'),
    'cut_short': (LOUD, '%(process)s is killed: the demo was asked three times to stop.'),
    'stuck': (LOUD, '%(process)s did not end in time and is killed.'),
}

#: Kinds that the processes themselves report.
OWN_KINDS = {'out_of_order': BAD, 'in_order': GOOD, 'cancelling': BAD}


def sentence_of(kind, facts):
    # type: (str, Dict[str, Any]) -> Tuple[str, str]
    """The style and the sentence of an event of the demo."""
    style, sentence = DEMO[kind]
    return style, sentence % Facts(facts)


def sentence_by(name, role, kind, facts):
    # type: (str, str, str, Dict[str, Any]) -> Tuple[str, str]
    """The same for an event of a process."""
    return OWN_KINDS[kind], '%s: %s' % (name, SENTENCES[role][kind][1] % Facts(facts))
