"""The texts of the monitor: numbers, the state of the system, events, and the history of a task."""

from __future__ import absolute_import, division, print_function

import re

from common import report
from common.compat import INTEGER_TYPES, TEXT_TYPES
from common.sentences import ENDS, HINT, REFUSALS, REFUSED, SENTENCES, in_words
from common.words import Facts, counted
from net_protocol.codec import json_text
from net_protocol.rows import DISPATCHER

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

    from monitor.picture import Picture  # noqa: F401

#: The style of a line: its importance, shown as a colour if there are colours.
PLAIN = 'plain'
HEADING = 'heading'
PAST = 'past'
GOOD = 'good'
BAD = 'bad'
LOUD = 'loud'

# Texts of other processes may contain characters that move the cursor or end a line.
_NOT_PLAIN = re.compile(u'[^ -~]')

EVENTS = dict(SENTENCES[DISPATCHER], refused=REFUSED)
_LOUD = ('died', 'journal_failed', 'no_calculators', 'held_up', 'draining')
_GOOD = ('registered', 'returned', 'recovered', 'late_result_used', 'probation_over', 'readmitted', 'journal_read',
         'journal_works')
_BAD = ('reassigned', 'ended', 'refused')


def plain(text):
    # type: (Any) -> str
    """A text of another process, with printable ASCII characters only."""
    return _NOT_PLAIN.sub('?', text if isinstance(text, TEXT_TYPES) else '%s' % (text,))


def task_name(task_id):
    # type: (str) -> str
    """The short name of a task, without the incarnation: ``client-1:17``."""
    parts = plain(task_id).split(':')
    return '%s:%s' % (parts[0], parts[-1]) if len(parts) == 3 else plain(task_id)


def seconds(value):
    # type: (float | None) -> str
    """A duration: 0.34 s, 12 s, 5 min 20 s, 3 h 12 min."""
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
    return '-' if value is None else '%.1f/s' % value if value < 100 else '%.0f/s' % value


def tasks(number):
    # type: (int) -> str
    return '%s task%s' % (number or 'no', '' if number == 1 else 's')


def health(picture, silence_s, is_silent):
    # type: (Picture, float, bool) -> Tuple[str, str]
    """The style and the text of the state of the whole system."""
    if is_silent:
        return LOUD, 'the dispatcher HAS NOT ANSWERED for %s' % seconds(silence_s)
    if picture.at is None:
        return PAST, 'asking ...'
    whole = picture.facts.get(report.WHOLE, {})
    states = picture.facts.get(report.CALCULATOR_STATES, {})
    if whole.get('draining'):
        return BAD, 'stopping'
    if not states.get('alive'):
        return LOUD, 'NO CALCULATOR is alive' if sum(states.values()) else 'NO CALCULATOR is registered'
    trouble = ['%d %s' % (states[state], state) for state in ('dead', 'suspect') if states.get(state)]
    if trouble:
        return BAD, 'calculators: %s' % ', '.join(trouble)
    if whole.get('functions_differ'):
        return BAD, 'calculators offer different functions: %s' % plain(whole['functions_differ'])
    return GOOD, 'healthy'


class _Words(Facts):
    """The facts of an event. A missing text is a question mark, a missing number 0."""

    def __init__(self, facts, **more):
        # type: (Dict[str, Any], **Any) -> None
        super(_Words, self).__init__(dict(facts, **more))

    def __getitem__(self, place):
        # type: (str) -> Any
        name, _, things = place.partition(' ')
        value = self._facts.get(name, 0 if things or name.endswith('_s') or name == 'seconds' else '?')
        if not isinstance(value, INTEGER_TYPES + (float,)):
            value = plain(task_name(value) if name == 'task_id' else value)
        return counted(value, things) if things and not isinstance(value, TEXT_TYPES) else value


def style_of(kind, level):
    # type: (str, str) -> str
    return (LOUD if kind in _LOUD else GOOD if kind in _GOOD else
            BAD if kind in _BAD or level != 'info' else PLAIN)


def event(kind, facts):
    # type: (str, Dict[str, Any]) -> Tuple[str, str]
    """The style and the sentence of an event. An unknown kind, of a later version, is shown with its facts."""
    if kind not in EVENTS:
        shown = ', '.join('%s %s' % (plain(name), plain(facts[name])) for name in sorted(facts))
        return PLAIN, '%s: %s' % (plain(kind).replace('_', ' '), shown)
    level, sentence = EVENTS[kind]
    try:
        return style_of(kind, level), sentence.replace(HINT, '') % _Words(in_words(kind, facts))
    except (TypeError, ValueError):
        return style_of(kind, level), '%s: not understood' % kind


# The history of a task.

_THEN = {
    report.ASSIGN_AGAIN: 'the assignment is sent to %(calculator)s again',
    report.GIVE_UP_CALCULATOR: '%(calculator)s acknowledges nothing and becomes suspect, and the task %(again)s',
    report.SUSPECT_CALCULATOR: '%(calculator)s becomes suspect and gets no new tasks; it keeps this one for now',
    report.DECLARE_DEAD: '%(calculator)s is declared dead, and the task %(again)s',
    report.ANSWER_TIMEOUT: 'the time of this attempt is over, and the task %(again)s',
    report.EXPIRE: 'the time of the task is over: it expires',
}

_WAITS = {
    report.NO_CALCULATOR: 'It waits because no calculator is registered.',
    report.NONE_IN_ORDER: (
        'It waits because no calculator is alive: suspect %(suspect)s, dead %(dead)s, left %(left)s.'),
    report.NO_FUNCTION: 'It waits because no calculator offers its function.',
    report.DELAYED: 'It waits for some seconds, because several attempts failed.',
    report.ALL_BUSY: (
        'It waits because all calculators that are alive (%(alive)s) are busy. Running tasks: %(running)s; waiting '
        'tasks: %(waiting)s, of them of this client and before this one: %(before)s.'),
    report.DISPATCHER_RECOVERS: (
        'It waits because the dispatcher has restarted and first collects which tasks the calculators run.'),
    report.ITS_TURN: 'It waits and is assigned next.',
    report.DISPATCHER_DRAINS: 'It waits because the dispatcher is stopping and assigns no more tasks.',
    report.ACKNOWLEDGEMENT: 'It is assigned to %(calculator)s (attempt %(attempt)s), not acknowledged yet.',
    report.ANSWER: 'It is running on %(calculator)s (attempt %(attempt)s), which is %(calculator_state)s and '
                   'was heard %(heard)s ago.',
}

_STATES = {
    'waiting': 'is waiting', 'assigned': 'is assigned', 'done': 'is done', 'failed': 'failed',
    'expired': 'expired', 'cancelled': 'was cancelled', report.REFUSED: 'was refused',
}


def story(task_id, rows):
    # type: (str, List[Any] | None) -> List[str]
    """The history of a task in sentences. ``rows`` are those of a report; None if there was no answer."""
    name = '%s (%s)' % (task_name(plain(task_id)), plain(task_id))
    if rows is None:
        return ['%s: the dispatcher does not answer.' % name]
    facts = {row[1]: row[2] for row in rows if row[0] == report.FACTS}
    tries = [report.as_record(row) for row in rows if row[0] == report.TRY]
    task = facts.get(report.TASK, {})
    if task.get('state') in (None, report.UNKNOWN):
        return ['%s: the dispatcher does not know this task.' % name,
                'It never arrived, or it ended long ago, or a former incarnation of the dispatcher lost it.']
    lines = ['%s %s.%s' % (name, _STATES.get(task['state'], plain(task['state'])), _when(task))]
    lines += [_attempt(one) for one in tries]
    waits, timer = facts.get(report.WAITS_FOR), facts.get(report.NEXT)
    if waits is not None and waits.get('what') in _WAITS:
        words = _Words(waits, heard=seconds(waits.get('silence_s')))
        lines.append(_again(tries) + _WAITS[waits['what']] % words)
    if timer is not None and timer.get('timer') in _THEN:
        last = timer.get('attempts_left', 1) <= 0
        words = _Words(timer, again='fails, because that was its last attempt' if last else
                       'waits for another calculator')
        lines.append('If no message arrives within %s: %s.' % (
            seconds(timer.get('in_s')), _THEN[timer['timer']] % words))
    if task.get('deadline_in_s') is not None:
        lines.append('It expires in %s unless it is done before.' % seconds(max(0.0, task['deadline_in_s'])))
    return lines


def _when(task):
    # type: (Dict[str, Any]) -> str
    accepted_s, ended_s = task.get('accepted_s'), task.get('ended_s')
    text = ''
    # A refused task was never accepted.
    if accepted_s is not None and ended_s is not None:
        text = ' It was accepted %s ago and ended %s ago, after %s.' % (
            seconds(accepted_s), seconds(ended_s), seconds(accepted_s - ended_s))
    elif accepted_s is not None:
        text = ' It was accepted %s ago.' % seconds(accepted_s)
    elif ended_s is not None:
        text = ' That was %s ago.' % seconds(ended_s)
    if task.get('reason'):
        text += ' The reason: %s.' % plain(REFUSALS.get(task['reason'], task['reason']))
    return text


def _attempt(one):
    # type: (Dict[str, Any]) -> str
    if one['end'] is None:
        return '  attempt %d on %s: running for %s' % (
            one['attempt'], plain(one['calculator']), seconds(one['began_s']))
    return '  attempt %d on %s: started %s ago, ended after %s: %s' % (
        one['attempt'], plain(one['calculator']), seconds(one['began_s']), seconds(one['began_s'] - one['ended_s']),
        ENDS.get(one['end'], plain(one['end'])))


def _again(tries):
    # type: (List[Dict[str, Any]]) -> str
    """Why the last attempt was lost, if there was one."""
    lost = [one for one in tries if one['end'] is not None]
    if not lost:
        return ''
    last = lost[-1]
    return 'Attempt %d on %s was lost: %s. ' % (
        last['attempt'], plain(last['calculator']), ENDS.get(last['end'], plain(last['end'])))


def failed_lines(row):
    # type: (Any) -> List[str]
    """The lines of a failed task: the row of an answer to ``failed``."""
    task, function, payload, reason, attempts, ago_s, history = row
    # The arguments of a call are already JSON.
    return ['%s failed %.0f s ago after %s: %s' % (task, ago_s, counted(attempts, 'attempts'), plain(reason)),
            '  ' + (json_text('payload', payload) if function is None else '%s %s' % (function, plain(payload)))] + [
        '  attempt %d on %s: %s' % (number, calculator, ENDS.get(ended, plain(ended)))
        for number, calculator, ended in history]
