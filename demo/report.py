"""The report at the end: statistics of each client, totals, and the outcomes of the killed calculator's tasks."""

from __future__ import absolute_import, division, print_function

import textwrap

from demo.cast import CALCULATOR, CLIENT, DISPATCHER
from monitor.words import task_name, tasks

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from demo.director import Director  # noqa: F401
    from demo.processes import Household  # noqa: F401

#: No line is longer, so that every terminal can show the report.
COLUMNS = 79

_TIMES = ('min', 'mean', 'p95', 'max')
_ROW = '%-14s%6s%10s%12s%9s%9s%9s%9s'
_GOOD_ENDS = ('result', 'error')
_END_NAMES = {'new_incarnation': 'restarted calculator'}


def report(director):
    # type: (Director) -> List[str]
    household = director.household
    clients, calculators, dispatchers = [_accounts(household, role) for role in (CLIENT, CALCULATOR, DISPATCHER)]
    lines = _client_lines(household, clients) + ['']
    dispatcher = household.get(DISPATCHER)
    if DISPATCHER in dispatchers:
        lines += _dispatcher_lines(dispatchers[DISPATCHER])
    else:
        lines.append('The dispatcher left no account: %s.' % dispatcher.how_it_ended)
    counts = _added(account['counts'] for account in calculators.values())
    lines.append('Outages of the calculators: crashes %d, freezes %d.' % (
        counts.get('crashes', 0), counts.get('freezes', 0)))
    if DISPATCHER in dispatchers:
        lines.append(_balance_line(household, clients, dispatchers[DISPATCHER], director.stops > 1))
    lines += [''] + kill_lines(director)
    return [short for line in lines for short in textwrap.wrap(line, COLUMNS, subsequent_indent='    ') or ['']]


def kill_lines(director):
    # type: (Director) -> List[str]
    """The outcomes of the tasks that the killed calculator held, by its own events, and of those that the dispatcher
    sent to it before it noticed.
    """
    if director.kill is None:
        return ['No calculator was killed: the run ended before its middle.']
    (victim, killed_at), record = director.kill, director.record
    held = record.held.get(victim, set())
    sent = {task_id for name, task_id, at in record.lost if name == victim and at > killed_at} - held
    lines = ['%s was killed at %.1f s while it held %s.' % (
        victim, director.seconds_at(killed_at), tasks(len(held)))]
    dead_at = record.dead_at.get(victim, killed_at)
    if dead_at > killed_at:
        lines.append('The dispatcher declared it dead %.1f s later.' % (dead_at - killed_at))
    lines += [_end_of(record.ends.get(task_id), task_id, victim, killed_at) for task_id in sorted(held)]
    if sent:
        lines.append('Sent to it as well, before its silence was noticed: %s.' % tasks(len(sent)))
        lines += [_end_of(record.ends.get(task_id), task_id, victim, killed_at) for task_id in sorted(sent)]
    return lines


def _end_of(end, task_id, victim, killed_at):
    # type: (Any, str, str, float) -> str
    name = '  ' + task_name(task_id)
    if end is None:
        return name + ' had no outcome when the run ended'
    when = '%.1f s after the kill' % (end.time - killed_at) if end.time > killed_at else 'before the kill'
    if end.kind == 'ended':
        return '%s ended %s %s: %s' % (name, end.facts['outcome'], when, end.facts['reason'])
    if end.facts['calculator'] == victim:
        return '%s was done by %s itself: its answer was already on the way' % (name, victim)
    return '%s was done by %s %s, at attempt %d' % (name, end.facts['calculator'], when, end.facts['attempt'])


def _accounts(household, role):
    # type: (Household, str) -> Dict[str, Dict[str, Any]]
    """Name -> account, of the processes of a role that wrote one."""
    found = {process.name: process.account() for process in household.processes if process.role == role}
    return {name: account for name, account in found.items() if account is not None}


def _client_lines(household, accounts):
    # type: (Household, Dict[str, Dict[str, Any]]) -> List[str]
    lines = [_ROW % (('response time:', 'sent', 'answered', 'unanswered') + _TIMES)]
    for process in household.processes:
        if process.role == CLIENT:
            account = accounts.get(process.name)
            lines.append('%-14s  left no statistics: %s' % (process.name, process.how_it_ended) if account is None
                         else _client_row(process.name, account))
    lines.append(_client_row('all clients', _total(list(accounts.values()))))
    outcomes = _added(account['outcomes'] for account in accounts.values())
    unanswered = ', '.join('%s %d' % (outcome.replace('_', ' '), outcomes[outcome])
                           for outcome in sorted(outcomes) if outcome != 'done' and outcomes[outcome])
    return lines + (['Unanswered tasks by outcome: %s.' % unanswered] if unanswered else [])


def _client_row(name, account):
    # type: (str, Dict[str, Any]) -> str
    times = account['response_time_s']
    return _ROW % ((name, account['sent'], account['answered'], account['unanswered'])
                   + tuple('-' if times[key] is None else '%.2f s' % times[key] for key in _TIMES))


def _total(accounts):
    # type: (List[Dict[str, Any]]) -> Dict[str, Any]
    """One account for all clients. Their quantiles cannot be added."""
    total = {key: sum(account[key] for account in accounts) for key in ('sent', 'answered', 'unanswered')}
    times = [(account['response_time_s'], account['answered']) for account in accounts if account['answered']]
    return dict(total, response_time_s={
        'min': min(time['min'] for time, _ in times) if times else None,
        'mean': sum(time['mean'] * answered for time, answered in times) / total['answered'] if times else None,
        'max': max(time['max'] for time, _ in times) if times else None,
        'p95': None})


def _dispatcher_lines(account):
    # type: (Dict[str, Any]) -> List[str]
    """The outcomes of tasks and attempts. A late result of an attempt that was given up counts if it is the first."""
    attempts = account['attempts']
    given_up = {end: attempts[end] for end in attempts if attempts[end] and end not in _GOOD_ENDS}
    late = account['counts']['late_results_used']
    line = 'They took %d attempts, %d of them without a result' % (
        account['assignments'] + account['adopted'], sum(given_up.values()) - late)
    if given_up:
        line += ' (%s)' % ', '.join(
            '%s %d' % (_END_NAMES.get(end, end.replace('_', ' ')), given_up[end]) for end in sorted(given_up))
    if late:
        line += '; %d that were given up still returned the first result' % late
    if account['running']:
        line += '; %d still ran at the end' % account['running']
    return ['The dispatcher accepted %d tasks: %s.' % (account['accepted'], ', '.join(
        '%s %d' % (outcome, account['outcomes'][outcome]) for outcome in sorted(account['outcomes'])
        if account['outcomes'][outcome]) or 'none ended'), line + '.']


def _balance_line(household, clients, dispatcher, was_hurried):
    # type: (Household, Dict[str, Dict[str, Any]], Dict[str, Any], bool) -> str
    """Whether clients and dispatcher counted the same."""
    sent, answered = (sum(account[key] for account in clients.values()) for key in ('sent', 'answered'))
    accepted, done = dispatcher['accepted'], dispatcher['outcomes']['done']
    if (sent, answered) == (accepted, done):
        return 'The counts agree: sent and accepted %d, answered and done %d.' % (sent, answered)
    silent = [process.name for process in household.processes if process.role == CLIENT and process.name not in clients]
    why = ['%s left none' % ', '.join(silent)] * bool(silent) + ['all processes were ended at once'] * was_hurried
    return 'The accounts differ%s: sent %d, accepted %d; answered %d, done %d.' % (
        ' (%s)' % ', '.join(why) if why else '', sent, accepted, answered, done)


def _added(dicts):
    # type: (Any) -> Dict[str, int]
    total = {}  # type: Dict[str, int]
    for one in dicts:
        for key, number in one.items():
            total[key] = total.get(key, 0) + number
    return total
