"""The account and the status line of the dispatcher in words."""

from __future__ import absolute_import, division, print_function

from net_protocol.rows import OUTCOMES

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401


def account_lines(account):
    # type: (Dict[str, Any]) -> List[str]
    attempts, counts, traffic = account['attempts'], account['counts'], account['traffic']
    lines = [
        'tasks accepted   %8d   %s, waiting %d, running %d' % (
            account['accepted'], ', '.join('%s %d' % (outcome, account['outcomes'][outcome]) for outcome in OUTCOMES),
            account['waiting'], account['running']),
        'attempts         %8d   %s' % (
            account['assignments'] + account['adopted'],
            _not_zero(attempts, 'running %d' % account['running'])),
        # Results that ended a task, those among them of attempts that were not live any more; the other results.
        'results used     %8d   from lost attempts %d; not used: late %d, duplicate %d' % (
            attempts['result'] + attempts['error'] + counts['late_results_used'], counts['late_results_used'],
            counts['late_results'], counts['duplicate_results']),
        'calculators      %8d   %s' % (
            sum(account['calculators'].values()), _not_zero(account['calculators'], 'none')),
        'datagrams in     %8d   %s rows each, refused %d' % (
            traffic['datagrams_in'], traffic['rows_per_datagram_in'] or '-', sum(traffic['refused'].values())),
        'datagrams out    %8d   %s rows each, resent rows %d' % (
            traffic['datagrams_out'], traffic['rows_per_datagram_out'] or '-', traffic['resent']),
    ]
    if counts['journal_commits'] or counts['journal_failures'] or counts['tasks_recovered']:
        lines.append('journal commits  %8d   records %d, failed %d; recovered tasks %d, outcomes %d' % (
            counts['journal_commits'], counts['journal_records'], counts['journal_failures'],
            counts['tasks_recovered'], counts['outcomes_recovered']))
    return lines


def status_line(status, done_per_s, rows_per_datagram):
    # type: (Dict[str, int], float, float | None) -> str
    numbers = ('waiting %(waiting)d, running %(running)d, '
               'calculators alive %(alive)d / suspect %(suspect)d / dead %(dead)d') % status
    if status.get('journal_failing'):
        numbers += ', JOURNAL FAILING'
    return numbers + (', %.1f tasks/s, %s rows per datagram' % (done_per_s, rows_per_datagram or '-'))


def _not_zero(counts, otherwise):
    # type: (Dict[str, int], str) -> str
    shown = ['%s %d' % (name.replace('_', ' '), counts[name]) for name in sorted(counts) if counts[name]]
    return ', '.join(shown) or otherwise
