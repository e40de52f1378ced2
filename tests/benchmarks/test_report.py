"""The page on performance has the figures of the result file, and verdicts on the goals."""

from __future__ import absolute_import, division, print_function

import io
import json
import os

import pytest

from benchmarks import goals, report, results
from benchmarks.questions import NAMES
from tests.benchmarks.test_tables import RUNS, run, section

HEADING = {'began': '2026-01-02T03:04:05', 'commit': 'abc1234', 'options': {'rounds': 2, 'duration': 5.0, 'size': 1.0},
           'machine': {'processors': 2, 'model': 'some', 'kernel': '6.1', 'memory_bytes': 8e9}}
PAGE = u'before\n<!-- begin throughput -->\nan old figure\n<!-- end throughput -->\nafter\n'


def page():
    with io.open(report.PAGE, encoding='utf-8') as file:
        return file.read()


def test_the_page_is_the_output_of_the_command_for_the_result_file():
    folder = os.path.join(os.path.dirname(report.PAGE), report.PLOTS)
    plots = [name for name in os.listdir(folder) if name.endswith('.svg')] if os.path.isdir(folder) else []
    try:
        everything = results.load(results.DEFAULT_PATH)
    except ValueError as error:
        pytest.skip('not measured yet: %s' % error)
    assert report.filled(page(), everything, {name[:-len('.svg')]: name for name in plots}) == page()


def test_the_page_has_a_place_for_every_question():
    places = {match.group(2) for match in report._PLACE.finditer(page())}
    assert places == set(NAMES) | {'goals', 'used'}


def test_only_the_content_of_a_place_is_replaced():
    everything = {'questions': {'throughput': section(RUNS, **HEADING)}}
    filled = report.filled(PAGE, everything, {'throughput': 'throughput.svg'})
    assert filled.startswith('before\n<!-- begin throughput -->\n')
    assert filled.endswith('<!-- end throughput -->\nafter\n')
    assert 'an old figure' not in filled
    for part in ('commit abc1234', '2 processors', '| NATS ', '(performance/throughput.svg)'):
        assert part in filled
    assert report.filled(filled, everything, {'throughput': 'throughput.svg'}) == filled


def judged(text, **questions):
    goal = next(goal for goal in goals.GOALS if goal.text == text)
    return goal.judged(questions)


@pytest.mark.parametrize('ours, verdict', [(200.0, 'reached'), (180.0, 'met'), (85.0, 'missed: 0.50 of the bound')])
def test_a_goal_is_judged_by_the_median_of_pairs(ours, verdict):
    runs = [run('ours-3.11', number, tasks_per_s=ours) for number in range(3)]
    runs += [run('nats', number, tasks_per_s=200.0) for number in range(3)]
    assert judged('throughput, over NATS', throughput=section(runs))[3] == verdict


@pytest.mark.parametrize('questions', [{}, {'throughput': section([])}, {'throughput': {'failed': 'no port'}}])
def test_a_goal_without_runs_is_not_measured(questions):
    assert judged('throughput, over NATS', **questions)[2:] == ['-', 'not measured']


@pytest.mark.parametrize('more, why', [
    ({'even_disturbed': True}, 'not judged: disturbed runs are counted'),
    ({'options': {'size': 0.01}}, 'not judged: of size 0.01'),
])
def test_disturbed_and_short_runs_are_not_judged(more, why):
    runs = [run('ours-3.11', 0, tasks_per_s=9.0), run('nats', 0, tasks_per_s=1.0)]
    assert judged('throughput, over NATS', throughput=section(runs, **more))[3] == why


def test_the_bound_of_the_latency_tail_is_at_least_that_of_the_relay():
    text = "latency p99, over p50 (bound: 2, or the relay's)"
    runs = [run('ours-3.11', 0, p50_us=100.0, p99_us=300.0), run('relay', 0, p50_us=10.0, p99_us=35.0)]
    names = {'order': ['ours-3.11', 'relay']}
    assert judged(text, latency=section(runs, **names))[1:] == ['at most 3.50', '3.00', 'met']
    runs[1]['p99_us'] = 11.0
    assert judged(text, latency=section(runs, **names))[1:] == ['at most 2.00', '3.00', 'missed: 1.50 of the bound']


@pytest.mark.parametrize('runs, verdict', [
    ([run('ours-3.11', 0, killed_s=0.5), run('ours-2.7', 0, killed_s=3.0)], ['0.50', 'met']),
    ([run('ours-3.11', 0)], ['-', 'not measured'])])
def test_a_goal_about_this_system_is_judged_by_its_first_variant(runs, verdict):
    found = judged('worker killed, until its task runs elsewhere, defaults, s', detection=section(
        runs, order=['ours-3.11', 'ours-2.7']))
    assert found[2:] == verdict


def test_goals_of_memory_are_judged():
    runs = [run('ours-3.11', 0, bytes_per_finished_task=80.0, bytes_per_task_100=1200.0, bytes_per_task_1000=800.0)]
    assert judged('memory of a finished task, bytes', memory=section(runs))[3] == 'missed: 16.0 of the bound'
    assert judged('memory of a waiting task, bytes', memory=section(runs))[2:] == ['800', 'met']


def test_every_goal_has_an_existing_question():
    assert {goal.question for goal in goals.GOALS} <= set(NAMES)
    assert len(goals.lines({})) == len(goals.GOALS) + 2


def test_a_question_replaces_only_its_part_of_the_file(tmpdir):
    path = str(tmpdir.join('results.json'))
    results.store(path, 'latency', {'runs': [1]})
    results.store(path, 'throughput', {'runs': [2]})
    results.store(path, 'latency', {'runs': [3]})
    assert results.load(path)['questions'] == {'latency': {'runs': [3]}, 'throughput': {'runs': [2]}}


def test_another_file_is_not_overwritten(tmpdir):
    path = tmpdir.join('results.json')
    path.write(json.dumps({'format': 99}))
    with pytest.raises(ValueError):
        results.store(str(path), 'latency', {})
    assert json.loads(path.read()) == {'format': 99}
