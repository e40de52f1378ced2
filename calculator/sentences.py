"""The log level and sentence of each event of a calculator, and its account in words."""

from __future__ import absolute_import, division, print_function

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

SENTENCES = {
    'taken': ('debug', 'Task %(task_id)s: attempt %(attempt)d begins (assignment %(assignment)d).'),
    'renumbered': ('debug', 'Task %(task_id)s: goes on as attempt %(attempt)d (assignment %(assignment)d).'),
    'let_go': ('debug', 'Task %(task_id)s: %(end)s (assignment %(assignment)d).'),
    'out_of_order': ('warning', 'Out of order for %(duration_s).1f s: %(outage)s with %(running tasks)s running.'),
    'in_order': ('info', 'In order again, %(away_s).1f s after the %(outage)s.'),
    'dispatcher_restarted': ('info', 'The dispatcher restarted; holding %(held tasks)s.'),
    'name_taken': ('warning', 'Another calculator named %(name)s is registered, so this one gets no tasks. '
                              'Give each calculator its own name.'),
    'not_registered': ('warning', 'The dispatcher has too many calculators and does not register %(name)s; '
                                  'trying again at each heartbeat.'),
    'functions': ('info', 'Functions: %(functions)s.'),
    'child_died': ('warning', 'Task %(task_id)s: %(reason)s.'),
    'draining': ('info', 'Stopping: waiting up to %(bound_s)g s for %(running tasks)s and %(unreported results)s. '
                         'Press Ctrl-C again to quit now.'),
}


def account_lines(account):
    # type: (Dict[str, Any]) -> List[str]
    ends = account['ends']
    counts = account['counts']
    traffic = account['traffic']
    lines = [
        'tasks taken      %8d   reported %d, revoked %d, lost in a crash %d, abandoned %d, still held %d' % (
            account['assigned'], ends['reported'], ends['revoked'], ends['lost'], ends['abandoned'],
            account['running'] + account['unreported']),
        'not taken        %8d   busy %d, draining %d' % (
            counts['refused_busy'] + counts['refused_draining'], counts['refused_busy'], counts['refused_draining']),
        'outages          %8d   crash %d, freeze %d' % (
            counts['crashes'] + counts['freezes'], counts['crashes'], counts['freezes']),
        'datagrams in     %8d   %s rows each, dropped %d' % (
            traffic['datagrams_in'], traffic['rows_per_datagram_in'] or '-', sum(traffic['refused'].values())),
        'datagrams out    %8d   %s rows each, rows resent %d' % (
            traffic['datagrams_out'], traffic['rows_per_datagram_out'] or '-', traffic['resent']),
    ]
    if counts['calls']:
        lines.insert(2, 'calls            %8d   failed %d, of these by a death %d; stopped %d' % (
            counts['calls'], counts['calls_failed'], counts['deaths'], counts['calls_stopped']))
    return lines
