"""What happens, in words for somebody who sees this for the first time."""

from __future__ import absolute_import, division, print_function

from demo.cast import CALCULATOR, CLIENT, DISPATCHER

MYPY = False
if MYPY:
    from typing import Any, Dict, Tuple  # noqa: F401

    from demo.event_reader import Entry  # noqa: F401

#: The role of entries that the demo makes itself.
DEMO = 'demo'

#: How much a line matters, which is its colour where there are colours.
BAD = 'bad'
GOOD = 'good'
PLAIN = 'plain'
LOUD = 'loud'

#: (role, kind, value of ``_variant``) -> (how much it matters, sentence). Kinds that are not here are too many to be
#: told one by one, or said better by another process.
SENTENCES = {
    (CALCULATOR, 'out_of_order', 'crash'): (BAD, '%(name)s crashes and forgets all it had: %(tasks)s'),
    (CALCULATOR, 'out_of_order', 'freeze'): (BAD, '%(name)s freezes, holding %(tasks)s'),
    (CALCULATOR, 'in_order', 'crash'): (GOOD, '%(name)s is back, after a crash of %(away_s).1f s'),
    (CALCULATOR, 'in_order', 'freeze'): (GOOD, '%(name)s goes on where it stood %(away_s).1f s ago'),
    (DISPATCHER, 'registered', None): (PLAIN, '%(calculator)s appears: the dispatcher hears its first heartbeat'),
    (DISPATCHER, 'suspected', None): (BAD, '%(calculator)s is suspect: %(why)s, it gets no new task'),
    (DISPATCHER, 'died', None): (BAD, '%(calculator)s is dead to the dispatcher: silent for %(silence_s).1f s'),
    (DISPATCHER, 'recovered', None): (GOOD, '%(calculator)s is heard again'),
    (DISPATCHER, 'reassigned', None): (PLAIN, '%(task)s is taken from %(calculator)s (%(why)s)'),
    (DISPATCHER, 'adopted', None): (PLAIN, '%(task)s goes on where it runs already, at %(calculator)s'),
    (DISPATCHER, 'done', 'again'): (GOOD, '%(task)s is done, at attempt %(attempt)d, by %(calculator)s'),
    (DISPATCHER, 'ended', None): (BAD, '%(task)s ends %(outcome)s: %(reason)s'),
    (DISPATCHER, 'late_result', None): (PLAIN, '%(calculator)s answers %(task)s too late: it is over'),
    (DISPATCHER, 'late_result_used', None): (GOOD, '%(calculator)s answers %(task)s late, but as the first: taken'),
    (DISPATCHER, 'held_up', None): (BAD, 'the dispatcher was held up for %(seconds).1f s'),
    (CLIENT, 'draining', None): (PLAIN, '%(name)s sends no more, %(tasks)s to be answered'),
    (CLIENT, 'refused', None): (BAD, '%(task)s is refused: %(reason)s'),
    (CLIENT, 'cancelling', None): (BAD, '%(name)s waits no longer and cancels %(tasks)s'),
    (DISPATCHER, 'left', None): (PLAIN, '%(calculator)s takes its leave'),
    (DEMO, 'began', None): (PLAIN, 'the dispatcher listens on UDP port %(port)d; all others are started'),
    (DEMO, 'page', None): (LOUD, 'the page is at %(address)s'),
    (DEMO, 'killed', None): (LOUD, '%(victim)s IS KILLED by this demo (SIGKILL), holding %(tasks)s'),
    (DEMO, 'newcomer', None): (LOUD, '%(newcomer)s is started in its place'),
    (DEMO, 'ending', None): (LOUD, '%(why)s: everything is ended now'),
    (DEMO, 'lost', None): (LOUD, '%(process)s is gone: %(how)s, and not by this demo'),
    (DEMO, 'cut_short', None): (LOUD, '%(process)s is killed: asked to stop for the third time'),
    (DEMO, 'stuck', None): (LOUD, '%(process)s did not end in time and is killed'),
}

_WHY_SUSPECTED = {'silent': 'silent for too long'}
_WHY_REASSIGNED = {
    'timed_out': 'no answer in time',
    'dead_calculator': 'dead',
    'new_life': 'came back without it',
    'calculator_left': 'it left',
    'unacknowledged': 'not acknowledged',
    'not_held': 'does not have it',
    'turned_down': 'turned it down',
}


def task_name(task_id):
    # type: (str) -> str
    """A task as people are told of it: ``client-1:17`` is the 17th of client-1. (Its id also names an incarnation.)"""
    client, _, number = task_id.split(':')
    return '%s:%s' % (client, number)


def tasks_in_words(number):
    # type: (int) -> str
    """So many tasks."""
    return '%s task%s' % (number or 'no', '' if number == 1 else 's')


def told(entry):
    # type: (Entry) -> Tuple[str, str] | None
    """How much it matters, and the sentence; None for what is not worth one."""
    found = SENTENCES.get((entry.role, entry.kind, _variant(entry)))
    return None if found is None else (found[0], found[1] % _words(entry))


def _variant(entry):
    # type: (Entry) -> str | None
    if entry.kind == 'done':
        return 'again' if entry.facts['attempt'] > 1 else 'at once'
    return entry.facts.get('outage')


def _words(entry):
    # type: (Entry) -> Dict[str, Any]
    facts = entry.facts
    words = dict(facts, name=entry.name)
    if 'task_id' in facts:
        words['task'] = task_name(facts['task_id'])
    for count in ('running', 'waiting'):
        if count in facts:
            words['tasks'] = tasks_in_words(facts[count])
    if entry.kind == 'reassigned':
        words['why'] = _WHY_REASSIGNED.get(facts['reason'], facts['reason'])
    if entry.kind == 'suspected':
        words['why'] = _WHY_SUSPECTED.get(facts['why'], facts['why'])
    return words
