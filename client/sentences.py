"""The log level and sentence of each event of a client, and its progress in one line."""

from __future__ import absolute_import, division, print_function

from client.statistics import shown_seconds

MYPY = False
if MYPY:
    from client.statistics import Statistics  # noqa: F401

SENTENCES = {
    'sent': ('debug', 'Task %(task_id)s: sent.'),
    'answered': ('debug', 'Task %(task_id)s: answered after %(response_time_s).3f s, %(attempts attempts)s.'),
    'unanswered': ('info', 'Task %(task_id)s: %(outcome)s (%(reason)s).'),
    'refused': ('info', 'Task %(task_id)s: refused (%(reason)s).'),
    'not_offered': ('warning', '%(reason)s'),
    'dispatcher_restarted': ('info', 'The dispatcher restarted; resubmitting %(waiting tasks)s.'),
    'draining': ('info', 'Stopping: waiting up to %(bound_s)g s for %(waiting tasks)s. '
                         'Press Ctrl-C again to quit now.'),
    'cancelling': ('info', 'Cancelling %(waiting tasks)s.'),
}


def progress_line(statistics):
    # type: (Statistics) -> str
    times = statistics.response_time
    return 'sent %d, answered %d, waiting %d, response time last %s s, mean %s s' % (
        statistics.sent, statistics.answered, statistics.waiting, shown_seconds(times.last_s),
        shown_seconds(times.mean_s))
