"""What the monitor says in words: numbers, events, and the story of a task."""

from __future__ import absolute_import, division, print_function

import re

from net_protocol import report
from net_protocol.compat import INTEGER_TYPES, TEXT_TYPES

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

#: How much a line matters, which is its colour where there are colours.
PLAIN = 'plain'
HEADING = 'heading'
PAST = 'past'
GOOD = 'good'
BAD = 'bad'
LOUD = 'loud'

# What is not a character to be read in its place. Reasons come from other processes.
_NOT_PLAIN = re.compile(u'[^ -~]')

#: Kind of event -> (how much it matters, sentence).
EVENTS = {
    'registered': (GOOD, '%(calculator)s appeared, at %(address)s'),
    'returned': (GOOD, '%(calculator)s is back, in a new life, at %(address)s'),
    'replaced': (BAD, '%(calculator)s was at %(old_address)s and is at %(address)s now'),
    'registration_refused': (BAD, '%(calculator)s is not registered: there are %(limit)s already'),
    'suspected': (BAD, '%(calculator)s is suspect (%(why)s), it holds %(tasks)s'),
    'died': (LOUD, '%(calculator)s is DEAD: silent for %(silence_s).1f s, what it held (%(tasks)s) goes to others'),
    'recovered': (GOOD, '%(calculator)s was %(was)s and is alive again'),
    'left': (PLAIN, '%(calculator)s left'),
    'reassigned': (BAD, '%(task)s lost its attempt %(attempt)s on %(calculator)s: %(reason)s'),
    'adopted': (PLAIN, '%(task)s goes on where it runs already, on %(calculator)s'),
    'ended': (BAD, '%(task)s %(outcome)s after %(attempts)s: %(reason)s'),
    'refused': (BAD, '%(task)s is refused: %(reason)s'),
    'late_result': (PLAIN, '%(calculator)s answered %(task)s too late: it was over'),
    'late_result_used': (GOOD, '%(calculator)s answered %(task)s late, but as the first: taken'),
    'recovered_books': (GOOD, 'the dispatcher is back: %(waiting)s tasks wait again, %(untold)s are told again'),
    'journal_failed': (LOUD, 'the journal cannot be written: %(reason)s; no new tasks until it can'),
    'journal_works': (GOOD, 'the journal is written again after %(seconds).1f s'),
    'held_up': (LOUD, 'the dispatcher was held up for %(seconds).1f s'),
    'draining': (LOUD, 'the dispatcher is stopping: %(running)s tasks run, %(waiting)s wait'),
}

#: How an attempt ended.
ENDS = {
    'result': 'brought the result',
    'error': 'said that the task can\'t be computed',
    'timed_out': 'no answer in time',
    'dead_calculator': 'its calculator was declared dead',
    'new_life': 'its calculator came back without it',
    'calculator_left': 'its calculator left',
    'unacknowledged': 'the assignment was not acknowledged',
    'not_held': 'its calculator did not have it any more',
    'turned_down': 'its calculator turned it down',
    'withdrawn': 'withdrawn: the task was over in another way',
}

REFUSALS = {
    'queue_full': 'the queue was full',
    'draining': 'the dispatcher was about to end',
    'not_yours': 'it did not come from its client',
    'journal': 'the dispatcher could not write it down',
}


def plain(text):
    # type: (Any) -> str
    """A text of others as it may stand in a line of a terminal."""
    return _NOT_PLAIN.sub('?', text if isinstance(text, TEXT_TYPES) else '%s' % (text,))


def task_name(task_id):
    # type: (str) -> str
    """A task for people: ``client-1:17`` is the 17th of client-1. (Its id also names an incarnation.)"""
    parts = plain(task_id).split(':')
    return '%s:%s' % (parts[0], parts[-1]) if len(parts) == 3 else plain(task_id)


def seconds(value):
    # type: (float | None) -> str
    """A length of time, short: 0.34 s, 12.3 s, 5 min 20 s, 3 h 12 min."""
    if value is None:
        return '-'
    if value < 0.0995:
        return '%.0f ms' % (value * 1000)
    if value < 9.95:
        return '%.2g s' % value if value < 0.995 else '%.1f s' % value
    if value < 119.5:
        return '%.0f s' % value
    if value < 5970:
        return '%d min %02d s' % divmod(round(value), 60)
    if value < 48 * 3600:
        return '%d h %02d min' % divmod(round(value / 60), 60)
    return '%d d %02d h' % divmod(round(value / 3600), 24)


def rate(value):
    # type: (float | None) -> str
    """Things a second."""
    return '-' if value is None else '%.1f/s' % value if value < 100 else '%.0f/s' % value


def tasks(number):
    # type: (int) -> str
    """So many tasks."""
    return '%d task%s' % (number, '' if number == 1 else 's')


class _Words(dict):
    """The facts of an event; what it lacks is a question mark, and what is no number is 0 where one is due."""

    def __missing__(self, name):
        # type: (str) -> Any
        return 0 if name.endswith('_s') or name == 'seconds' else '?'


def event(kind, facts):
    # type: (str, Dict[str, Any]) -> Tuple[str, str]
    """How much an event matters, and its sentence. A kind of a later version is told as it is."""
    if kind not in EVENTS:
        told = ', '.join('%s %s' % (name, plain(facts[name])) for name in sorted(facts))
        return PLAIN, '%s: %s' % (plain(kind).replace('_', ' '), told)
    style, sentence = EVENTS[kind]
    words = _Words((name, value if isinstance(value, float) else plain(value)) for name, value in facts.items())
    if 'task_id' in words:
        words['task'] = task_name(words['task_id'])
    if 'attempts' in words:
        words['attempts'] = '%s attempt%s' % (words['attempts'], '' if words['attempts'] == '1' else 's')
    if isinstance(facts.get('held'), INTEGER_TYPES):
        words['tasks'] = tasks(facts['held'])
    reason = words.get('reason', '?')
    if kind == 'reassigned':
        words['reason'] = ENDS.get(reason, reason)
    elif kind == 'refused':
        words['reason'] = REFUSALS.get(reason, reason)
    try:
        return style, sentence % words
    except (TypeError, ValueError):
        return style, '%s: not understood' % kind


# The story of a task.

_THEN = {
    report.ASSIGN_AGAIN: 'the assignment is sent to %(calculator)s again',
    report.GIVE_UP_CALCULATOR: '%(calculator)s does not acknowledge and counts as suspect, and the task %(again)s',
    report.SUSPECT_CALCULATOR: '%(calculator)s counts as suspect and gets no new work; the task stays there for now',
    report.DECLARE_DEAD: '%(calculator)s counts as dead, and the task %(again)s',
    report.ANSWER_TIMEOUT: 'the time for this attempt is over, and the task %(again)s',
    report.EXPIRE: 'the time for the whole task is over: it expires, and its client is told',
}

_WAITS = {
    report.NO_CALCULATOR: 'It waits because no calculator is registered. The first that sends a heartbeat can take it.',
    report.NONE_IN_ORDER: (
        'It waits because no calculator is in order: suspect %(suspect)s, dead %(dead)s, left %(left)s. The first that '
        'is back can take it.'),
    report.ALL_BUSY: (
        'It waits because all are busy: calculators in order %(alive)s, tasks that run %(running)s, tasks that wait '
        '%(waiting)s; of its own client, %(before)s are before it.'),
    report.DISPATCHER_RECOVERS: (
        'It waits because the dispatcher came back a moment ago and first hears what the calculators run.'),
    report.ITS_TURN: 'It waits for its turn, which comes at once.',
    report.DISPATCHER_DRAINS: (
        'It waits because the dispatcher is stopping and hands out nothing more. Its client asks whoever comes back.'),
    report.ACKNOWLEDGEMENT: 'It is assigned to %(calculator)s (attempt %(attempt)s), not acknowledged yet.',
    report.ANSWER: 'It is running on %(calculator)s (attempt %(attempt)s), which is %(calculator_state)s and was heard '
                   '%(heard)s ago.',
}

_STATES = {
    'waiting': 'waits', 'assigned': 'is with a calculator', 'done': 'is done', 'failed': 'has failed',
    'expired': 'has expired', 'cancelled': 'was cancelled', report.REFUSED: 'was refused',
}


def story(task_id, rows):
    # type: (str, List[Any] | None) -> List[str]
    """What became of a task, in sentences. ``rows`` are those of a report, or None where no answer came."""
    name = '%s (%s)' % (task_name(plain(task_id)), plain(task_id))
    if rows is None:
        return ['%s: the dispatcher does not answer.' % name]
    facts = {row[1]: row[2] for row in rows if row[0] == report.FACTS}
    tries = [report.as_record(row) for row in rows if row[0] == report.TRY]
    task = facts.get(report.TASK, {})
    if task.get('state') in (None, report.UNKNOWN):
        return ['%s: the dispatcher does not know this task.' % name,
                'It never arrived, or it is over for so long that it was forgotten, or this dispatcher is another than '
                'the one that had it.']
    lines = ['%s %s.%s' % (name, _STATES.get(task['state'], plain(task['state'])), _when(task))]
    lines += [_attempt(one) for one in tries]
    waits, timer = facts.get(report.WAITS_FOR), facts.get(report.NEXT)
    if waits is not None and waits.get('what') in _WAITS:
        words = _Words(waits, heard=seconds(waits.get('silence_s')))
        lines.append(_again(tries) + _WAITS[waits['what']] % words)
    if timer is not None and timer.get('timer') in _THEN:
        last = timer.get('attempts_left', 1) <= 0
        words = _Words(timer, again='fails: that was its last attempt' if last else 'waits for another calculator')
        lines.append('If nothing is heard, next in %s: %s.' % (
            seconds(timer.get('in_s')), _THEN[timer['timer']] % words))
    if task.get('deadline_in_s') is not None:
        lines.append('It expires in %s unless it is done before.' % seconds(max(0.0, task['deadline_in_s'])))
    return lines


def _when(task):
    # type: (Dict[str, Any]) -> str
    said = []
    if task.get('accepted_s') is not None:
        said.append('accepted %s ago' % seconds(task['accepted_s']))
    if task.get('ended_s') is not None:
        said.append('over since %s' % seconds(task['ended_s']))
        if task.get('accepted_s') is not None:
            said.append('it took %s' % seconds(task['accepted_s'] - task['ended_s']))
    text = ''
    if said:
        # What was refused was never accepted.
        text = ' It was %s.' % ', '.join(said) if task.get('accepted_s') is not None else ' It is %s.' % said[0]
    if task.get('reason'):
        text += ' The reason: %s.' % plain(REFUSALS.get(task['reason'], task['reason']))
    return text


def _attempt(one):
    # type: (Dict[str, Any]) -> str
    if one['end'] is None:
        return '  attempt %d on %s, for %s: running' % (
            one['attempt'], plain(one['calculator']), seconds(one['began_s']))
    return '  attempt %d on %s, begun %s ago, ended after %s: %s' % (
        one['attempt'], plain(one['calculator']), seconds(one['began_s']), seconds(one['began_s'] - one['ended_s']),
        ENDS.get(one['end'], plain(one['end'])))


def _again(tries):
    # type: (List[Dict[str, Any]]) -> str
    """Why it is tried again, where it is."""
    lost = [one for one in tries if one['end'] is not None]
    if not lost:
        return ''
    last = lost[-1]
    return 'It is tried again because of %s: %s. ' % (
        plain(last['calculator']), ENDS.get(last['end'], plain(last['end'])))
