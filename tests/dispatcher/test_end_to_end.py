"""Real clients and calculators on a simulated network; the simulator checks every other promise there."""

from __future__ import absolute_import, division, print_function

from planner.replication import row_of
from simulator import scenario


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
