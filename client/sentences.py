"""What a client tells people: the level and the sentence of each event, and its progress in one line."""

from __future__ import absolute_import, division, print_function

from client.statistics import shown_seconds

MYPY = False
if MYPY:
    from client.statistics import Statistics  # noqa: F401

SENTENCES = {
    'sent': ('debug', 'task %(task_id)s sent'),
    'answered': ('debug', 'task %(task_id)s answered after %(response_time_s).3f s, %(attempts attempts)s'),
    'unanswered': ('info', 'task %(task_id)s: %(outcome)s (%(reason)s)'),
    'refused': ('info', 'task %(task_id)s: refused (%(reason)s)'),
    'dispatcher_restarted': ('info', 'another life of the dispatcher answers; asking it for %(waiting tasks)s'),
    'draining': ('info', 'stopping: no new task, waiting for %(waiting)d, %(bound_s)g s at the most; '
                         'once more ends it at once'),
    'cancelling': ('info', 'cancelling what is still out: %(waiting tasks)s'),
}


def progress_line(statistics):
    # type: (Statistics) -> str
    """How things stand."""
    times = statistics.response_time
    return 'sent %d, answered %d, waiting %d, response time last %s s, mean %s s' % (
        statistics.sent, statistics.answered, statistics.waiting, shown_seconds(times.last_s),
        shown_seconds(times.mean_s))
