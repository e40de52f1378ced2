"""The response time with one task at a time."""

from __future__ import absolute_import, division, print_function

from benchmarks.questions.comparison import compared, take_all
from benchmarks.tables import middle, spread

ABOUT = 'response time with one task out at a time, ours and others'


def take(context):
    take_all(context, 1)


def lines(section):
    return compared(section, 'p50_us', (
        ('p50, us', 'p50_us', spread), ('p95, us', 'p95_us', middle), ('p99, us', 'p99_us', spread),
        ('p99.9, us', 'p999_us', middle), ('max, us', 'max_us', middle)))
