"""What a calculator tells people: the level and the sentence of each event, and its account in words."""

from __future__ import absolute_import, division, print_function

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

SENTENCES = {
    'taken': ('debug', 'attempt %(attempt)d of task %(task_id)s taken'),
    'renumbered': ('debug', 'task %(task_id)s goes on as attempt %(attempt)d'),
    'let_go': ('debug', 'attempt %(attempt)d of task %(task_id)s is %(end)s'),
    'out_of_order': ('warning', 'out of order for %(duration_s).1f s: a %(outage)s while working on %(running tasks)s'),
    'in_order': ('info', 'in order again, %(away_s).1f s after a %(outage)s'),
    'dispatcher_restarted': ('info', 'another life of the dispatcher answers; held here: %(held tasks)s'),
    'draining': ('info', 'stopping: running %(running tasks)s, not acknowledged %(unreported results)s; '
                         '%(bound_s)g s at the most, once more ends it at once'),
}


def account_lines(account):
    # type: (Dict[str, Any]) -> List[str]
    """An account for people."""
    ends = account['ends']
    counts = account['counts']
    traffic = account['traffic']
    return [
        'tasks taken      %8d   reported %d, revoked %d, lost in a crash %d, abandoned %d, still held %d' % (
            account['assigned'], ends['reported'], ends['revoked'], ends['lost'], ends['abandoned'],
            account['running'] + account['unreported']),
        'not taken        %8d   busy %d, draining %d, meant for another life %d' % (
            counts['refused_busy'] + counts['refused_draining'] + counts['not_for_this_life'],
            counts['refused_busy'], counts['refused_draining'], counts['not_for_this_life']),
        'outages          %8d   crash %d, freeze %d' % (
            counts['crashes'] + counts['freezes'], counts['crashes'], counts['freezes']),
        'datagrams in     %8d   %s messages each, dropped %d' % (
            traffic['datagrams_in'], traffic['messages_per_datagram_in'] or '-', sum(traffic['refused'].values())),
        'datagrams out    %8d   %s messages each, resent messages %d' % (
            traffic['datagrams_out'], traffic['messages_per_datagram_out'] or '-', counts['resent']),
    ]
