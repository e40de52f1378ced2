"""The report at the end: statistics of each client, totals, and the fate of what the killed calculator had."""

from __future__ import absolute_import, division, print_function

import textwrap

from demo.cast import CALCULATOR, CLIENT, DISPATCHER
from demo.fates import fate_lines

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from demo.director import Kill  # noqa: F401
    from demo.processes import Household  # noqa: F401
    from demo.stage import Stage  # noqa: F401

#: No line is longer, so that the report can be read in any terminal.
COLUMNS = 79

_TIMES = ('min', 'mean', 'p95', 'max')
_ROW = '%-14s%6s%10s%12s%9s%9s%9s%9s'
_NOBODY_KILLED = 'No calculator was killed: the run ended before its middle.'
_GOOD_ENDS = ('result', 'error')


def report(stage, kill):
    # type: (Stage, Kill | None) -> List[str]
    """All lines."""
    household = stage.household
    clients = _accounts(household, CLIENT)
    calculators = _accounts(household, CALCULATOR)
    dispatchers = _accounts(household, DISPATCHER)
    lines = _client_lines(household, clients)
    for process in household.processes:
        if process.role == DISPATCHER and process.name in dispatchers:
            account = dispatchers[process.name]
            lines += [''] + _dispatcher_lines(account) + [_calculator_line(calculators.values())]
            lines.append(_balance_line(household, clients, account, stage.stops > 1))
        elif process.role == DISPATCHER:
            lines += ['', 'The dispatcher left no account: %s.' % process.how_it_ended,
                      _calculator_line(calculators.values())]
    lines += [''] + ([_NOBODY_KILLED] if kill is None else fate_lines(stage.books, kill, stage.seconds_at))
    return [short for line in lines for short in textwrap.wrap(line, COLUMNS, subsequent_indent='    ') or ['']]


def _accounts(household, role):
    # type: (Household, str) -> Dict[str, Dict[str, Any]]
    """The accounts of a role by name, of those that left one."""
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
    if unanswered:
        lines.append('How the unanswered ended: %s.' % unanswered)
    return lines


def _client_row(name, account):
    # type: (str, Dict[str, Any]) -> str
    times = account['response_time_s']
    return _ROW % ((name, account['sent'], account['answered'], account['unanswered'])
                   + tuple('-' if times[key] is None else '%.2f s' % times[key] for key in _TIMES))


def _total(accounts):
    # type: (List[Dict[str, Any]]) -> Dict[str, Any]
    """One account for all clients. Their percentiles can't be put together."""
    total = {key: sum(account[key] for account in accounts) for key in ('sent', 'answered', 'unanswered')}
    times = [(account['response_time_s'], account['answered']) for account in accounts if account['answered']]
    return dict(total, response_time_s={
        'min': min(time['min'] for time, _ in times) if times else None,
        'mean': sum(time['mean'] * answered for time, answered in times) / total['answered'] if times else None,
        'max': max(time['max'] for time, _ in times) if times else None,
        'p95': None})


def _dispatcher_lines(account):
    # type: (Dict[str, Any]) -> List[str]
    lines = ['The dispatcher accepted %d tasks: %s.' % (account['accepted'], ', '.join(
        '%s %d' % (outcome, account['outcomes'][outcome]) for outcome in sorted(account['outcomes'])
        if account['outcomes'][outcome]) or 'none ended')]
    lines.append(_attempts_line(account))
    return lines


def _attempts_line(account):
    # type: (Dict[str, Any]) -> str
    """What is not in vain, and does not run any more, brought a result. An attempt that was taken back may have done so
    too: a late result counts where it is the first.
    """
    attempts = account['attempts']
    taken_back = {end: attempts[end] for end in attempts if attempts[end] and end not in _GOOD_ENDS}
    answered = account['counts']['late_results_used']
    kinds = '(%s)' % ', '.join('%s %d' % (end.replace('_', ' '), taken_back[end]) for end in sorted(taken_back))
    line = 'It took %d attempts, %d of them in vain' % (
        account['assignments'] + account['adopted'], sum(taken_back.values()) - answered)
    if answered:
        line += ': %d were taken back %s, but %d of these brought the first answer after all' % (
            sum(taken_back.values()), kinds, answered)
    elif taken_back:
        line += ' ' + kinds
    return line + ('; %d still ran at the end.' % account['running'] if account['running'] else '.')


def _calculator_line(accounts):
    # type: (Any) -> str
    counts = _added(account['counts'] for account in accounts)
    return 'Outages of the calculators by themselves: crash %d, freeze %d.' % (
        counts.get('crashes', 0), counts.get('freezes', 0))


def _balance_line(household, clients, dispatcher, was_hurried):
    # type: (Household, Dict[str, Dict[str, Any]], Dict[str, Any], bool) -> str
    """Whether both sides of the wire have counted the same."""
    sent, answered = (sum(account[key] for account in clients.values()) for key in ('sent', 'answered'))
    accepted, done = dispatcher['accepted'], dispatcher['outcomes']['done']
    if (sent, answered) == (accepted, done):
        return 'The accounts agree: sent and accepted %d, answered and done %d.' % (sent, answered)
    silent = [process.name for process in household.processes if process.role == CLIENT and process.name not in clients]
    why = ['%s left none' % ', '.join(silent)] * bool(silent) + ['all was ended at once'] * was_hurried
    return 'The accounts differ%s: sent %d, accepted %d; answered %d, done %d.' % (
        ' (%s)' % ', '.join(why) if why else '', sent, accepted, answered, done)


def _added(dicts):
    # type: (Any) -> Dict[str, int]
    total = {}  # type: Dict[str, int]
    for one in dicts:
        for key, number in one.items():
            total[key] = total.get(key, 0) + number
    return total
