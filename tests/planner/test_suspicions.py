"""False suspicions per heartbeat, compared with a formula.

If heartbeats were the only signs of life, p ** n * (1 - p) of them would begin a silence of n missed heartbeats, where
p is the probability of loss. In fact there are fewer silences, because probes repeat lost heartbeats. Without loss
there are none, because a verdict comes half an interval after a heartbeat was due.
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


def test_without_loss_no_calculator_is_suspected():
    assert suspicions_per_heartbeat(0, 1) == 0


def test_verdicts_half_an_interval_earlier_would_be_false(monkeypatch):
    exact = FailureDetector._missed_at
    monkeypatch.setattr(FailureDetector, '_missed_at', lambda self, calculator, heartbeats: exact(
        self, calculator, heartbeats - 0.5))
    assert suspicions_per_heartbeat(0, 1, 50) > 0.1


@pytest.mark.parametrize('missed', [1, 2])
def test_with_loss_there_are_fewer_suspicions_than_by_the_formula(missed):
    assert 0 < suspicions_per_heartbeat(0.3, missed) < 0.3 ** missed * (1 - 0.3)
