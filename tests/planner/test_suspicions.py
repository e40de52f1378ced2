"""How often a calculator in order is suspected, beside the formula.

If heartbeats were the only signs of life, a silence that is long enough for a verdict after n missed heartbeats would
begin with a share of p ** n * (1 - p) of them, where p is the share of datagrams that are lost. Heartbeats are
acknowledged, and probes repeat those that are lost, so there are fewer. Without loss there are none, because verdicts
come half an interval after a heartbeat was due.
"""

from __future__ import absolute_import, division, print_function

import pytest

from dispatcher.failure_detector import FailureDetector
from planner.replication import row_of
from simulator import scenario

CALCULATORS = 10


def suspicions_per_heartbeat(loss, missed, duration_s=200):
    settings = scenario.SETTINGS.checked({
        'duration_s': duration_s, 'clients': 1, 'client': {'task_interval_s': {'constant': 1000}},
        'calculators': CALCULATORS, 'calculator': {'outage': {'probability': 0}},
        'dispatcher': {'suspect_after_missed': missed, 'dead_after_missed': missed + 3},
        'network': {'delay_s': [0.001, 0.05], 'slow': 0, 'burst_probability': 0, 'loss': loss}})
    row = row_of(1, settings)
    assert row['error'] is None, row['error']
    heartbeats = sum([segment['calculators_s'] for segment in row['segments']])
    assert heartbeats == pytest.approx(CALCULATORS * duration_s, rel=0.01)
    return sum([segment['false_suspicions'] for segment in row['segments']]) / heartbeats


def test_without_loss_nobody_is_suspected_after_one_missed_heartbeat():
    assert suspicions_per_heartbeat(0, 1) == 0


def test_a_verdict_at_the_moment_of_the_next_heartbeat_would_be_noticed(monkeypatch):
    exact = FailureDetector._missed_at
    monkeypatch.setattr(FailureDetector, '_missed_at', lambda self, calculator, heartbeats: exact(
        self, calculator, heartbeats - 0.5))
    assert suspicions_per_heartbeat(0, 1, 50) > 0.1


@pytest.mark.parametrize('missed', [1, 2])
def test_with_loss_there_are_no_more_than_by_the_formula(missed):
    loss = 0.3
    found = suspicions_per_heartbeat(loss, missed)
    assert 0 < found < loss ** missed * (1 - loss)
