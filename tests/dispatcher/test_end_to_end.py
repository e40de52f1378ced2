"""The dispatcher's core in a real turn, with real clients and calculators on a faulty network."""

from __future__ import absolute_import, division, print_function

import pytest

from planner.replication import row_of
from simulator import scenario
from tests.fake_link import DISPATCHER, FakeLink

CRASHES = {'check_interval_s': 4, 'probability': 1, 'duration_s': [1, 1]}
FREEZES = {'check_interval_s': 4, 'probability': 1, 'duration_s': [3, 8], 'kind': 'freeze'}


def world(seed, tasks=60, outage=None, **settings):
    """A dispatcher, two calculators and a client that sends so many tasks."""
    link = FakeLink(seed)
    options = {} if outage is None else {'outage': outage}
    nodes = [link.dispatcher(**settings)] + [
        link.calculator('calculator-%s' % letter, capacity=3, task_duration_s=[0.05, 0.5], **options)
        for letter in 'ab']
    return link, nodes, link.client(tasks=tasks, task_interval_s=[0, 0.05])


def outcomes(node, link):
    return {outcome: number for outcome, number in node.core.account(link.now)['outcomes'].items() if number}


@pytest.mark.parametrize('outage', [None, CRASHES, FREEZES], ids=['steady', 'crashes', 'freezes'])
@pytest.mark.parametrize('settings', [{}, {'answer_timeout_s': 0.3}, {'pending_max': 8}], ids=repr)
def test_every_task_is_done_once_on_a_network_that_drops_and_repeats(settings, outage):
    link, nodes, client = world(3, outage=outage, **settings)
    link.drop_share, link.duplicate_share = 0.2, 0.1
    assert link.run_until(lambda: client.core.is_stopped)
    assert outcomes(client, link) == outcomes(nodes[0], link) == {'done': 60}


def test_after_a_restart_without_a_journal_running_tasks_go_on_where_they_are():
    link, nodes, client = world(4, tasks=40)
    link.run_until(lambda: nodes[0].core.status['running'] >= 5)
    link.crash(nodes[0])
    link.run(0.05)
    again = link.dispatcher()
    assert link.nodes[DISPATCHER] is again
    assert link.run_until(lambda: client.core.is_stopped)
    assert outcomes(client, link) == {'done': 40}
    counts = again.core.counts
    assert counts['adopted'] + counts['late_results_used'] > 0


def test_a_calculator_that_hears_nothing_and_is_heard_keeps_no_task():
    link, nodes, client = world(5, tasks=20)
    link.run_until(lambda: nodes[0].core.status['running'] >= 5)
    link.cut(nodes[0], nodes[1])
    assert link.run_until(lambda: client.core.is_stopped)
    assert outcomes(client, link) == {'done': 20}
    assert nodes[0].core.counts['suspected'] == 1
    link.heal()
    assert link.run_until(lambda: nodes[0].core.status['alive'] == 2, 30)


def test_a_calculator_that_restarts_all_the_time_fails_no_task():
    """Beside two that are busy, so that each task that it loses would come back to it at once."""
    steady = {'task_duration_s': {'constant': 2}, 'outage': {'probability': 0}}
    outage = {'check_interval_s': 0.2, 'probability': 1, 'duration_s': [0.01, 0.01], 'kind': 'crash'}
    row = row_of(1, scenario.SETTINGS.checked({
        'duration_s': 30, 'clients': 1, 'client': {'task_interval_s': [0.7, 1]}, 'calculator': steady,
        'calculators': [{'count': 2}, {'count': 1, 'outage': outage}], 'network': {'delay_s': [0.0005, 0.001]}}))
    assert row['error'] is None
    ends = [end for segment in row['segments'] for end in segment['ends']]
    assert row['tasks'] > 20 and set(ends) == {'done'}
    assert sum([segment['attempts'] for segment in row['segments']]) < 2 * row['tasks']
