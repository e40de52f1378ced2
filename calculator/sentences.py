"""The account of a calculator for people."""

from __future__ import absolute_import, division, print_function

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401


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
        lines.insert(2, 'calls            %8d   failed %d (%d by the death of a child), stopped %d' % (
            counts['calls'], counts['calls_failed'], counts['deaths'], counts['calls_stopped']))
    return lines
