"""Tables of results, in Markdown."""

from __future__ import absolute_import, division, print_function

import pytest

from benchmarks.figures import summary
from benchmarks.questions import latency, throughput
from benchmarks.tables import middle, number, spread, table


@pytest.mark.parametrize('value, expected', [
    (None, '-'), (0, '0.00'), (0.0042, '0.004'), (0.256, '0.26'), (5, '5.00'),
    (12.34, '12.3'), (123.4, '123'), (1234.5, '1,230'),
    (98765, '98,800'), (999.6, '1000'), (1234567, '1,230,000'),
])
def test_a_number_has_three_significant_digits(value, expected):
    assert number(value) == expected


def test_a_spread_is_shown_for_several_runs():
    assert spread(summary([1, 2, 3])) == '2.00 (1.00 to 3.00)'
    assert spread(summary([2])) == '2.00'
    assert spread(summary([])) == spread(None) == middle(None) == '-'


def test_columns_are_aligned():
    assert table(('system', 'us'), [('ours', '1.00'), ('a long one', '123')]) == [
        '| system     |   us |',
        '| ---------- | ---: |',
        '| ours       | 1.00 |',
        '| a long one |  123 |']


def run(system, number, disturbed=False, **values):
    return dict(values, system=system, round=number, disturbed=disturbed, others_share=0.5 if disturbed else 0.01)


def section(runs, **more):
    names = ['ours-3.11', 'nats', 'broken']
    return dict({'runs': runs, 'order': names, 'bound': 0.05, 'missing': {'relay': 'it is not installed'},
                 'even_disturbed': False,
                 'systems': {name: {'title': name.upper(), 'used': '', 'guarantee': 'none'} for name in names}}, **more)


RUNS = [run('ours-3.11', 0, tasks_per_s=100.0, p50_us=10.0), run('nats', 0, tasks_per_s=200.0, p50_us=20.0),
        run('ours-3.11', 1, tasks_per_s=50.0, p50_us=12.0), run('nats', 1, tasks_per_s=50.0, p50_us=30.0),
        run('nats', 2, disturbed=True, tasks_per_s=1.0, p50_us=1.0),
        {'system': 'broken', 'round': 0, 'failed': 'it crashed', 'disturbed': False}]


def rows(lines):
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in lines if line.startswith('|')][2:]


def test_the_system_with_the_highest_throughput_is_first_and_ours_is_compared_in_pairs():
    found = rows(throughput.lines(section(RUNS)))
    assert [(row[0], row[2], row[-1]) for row in found] == [
        ('NATS', '125 (50.0 to 200)', '0.75 (0.50 to 1.00)'), ('OURS-3.11', '75.0 (50.0 to 100)', '')]


def test_the_system_with_the_shortest_latency_is_first():
    assert [row[0] for row in rows(latency.lines(section(RUNS)))] == ['OURS-3.11', 'NATS']


def test_failed_missing_and_disturbed_runs_are_named_below_the_table():
    text = '\n'.join(throughput.lines(section(RUNS)))
    assert 'broken failed: it crashed' in text
    assert 'relay was not measured: it is not installed' in text
    assert '1 of 6 runs were disturbed: others took up to 50.0 % of the machine, the bound is 5.00 %.' in text
    assert 'They are not counted.' in text
    text = '\n'.join(throughput.lines(section(RUNS, even_disturbed=True)))
    assert 'these figures compare nothing' in text
