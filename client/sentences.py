"""The progress of a client in one line."""

from __future__ import absolute_import, division, print_function

from client.statistics import shown_seconds

MYPY = False
if MYPY:
    from client.statistics import Statistics  # noqa: F401


def progress_line(statistics):
    # type: (Statistics) -> str
    times = statistics.response_time
    line = 'sent %d, answered %d, waiting %d' % (statistics.sent, statistics.answered, statistics.waiting)
    if times.last_s is None:
        return line
    return '%s, response time last %s s, mean %s s' % (line, shown_seconds(times.last_s), shown_seconds(times.mean_s))
