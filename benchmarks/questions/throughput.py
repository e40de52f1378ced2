"""Tasks per second, and the processor time of each."""

from __future__ import absolute_import, division, print_function

from benchmarks import systems
from benchmarks.questions.comparison import compared, take_all
from benchmarks.tables import middle, spread

ABOUT = 'tasks per second and processor time per task with 100 tasks out, ours and others'


def take(context):
    take_all(context, systems.IN_FLIGHT)


def lines(section):
    return compared(section, 'tasks_per_s', (
        ('a task whose worker dies', 'guarantee', None), ('tasks/s', 'tasks_per_s', spread),
        ('broker, us/task', 'broker_us', spread), ('workers', 'workers_us', middle), ('client', 'client_us', middle),
        ('sum', 'total_us', middle), ('p50, us', 'p50_us', middle), ('p99, us', 'p99_us', middle)))
