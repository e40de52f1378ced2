"""The simulator replays recordings of real processes, with outages and killed calculators."""

from __future__ import absolute_import, division, print_function

import glob
import json
import time

import pytest

from tests.system.processes import CALCULATOR, eventually, run_to_end

#: Long tasks: the delays of a busy machine are small in comparison.
DURATION_S = [0.1, 0.7]
RUN_S = 20.0


def record(system, folder):
    """Run processes for some time, each with a file of events."""
    def calculator(name):
        return system.start(CALCULATOR, name, {
            'task_duration_s': DURATION_S, 'heartbeat_interval_s': 0.5, 'capacity': 2, 'outage': {
                'check_interval_s': 5, 'probability': 0.3, 'duration_s': [1, 2]}},
            ['--json', '--events', str(folder.join('calculator-%s.jsonl' % name))])

    dispatcher = system.dispatcher(arguments=['--events', str(folder.join('dispatcher.jsonl'))], answer_timeout_s=8,
                                   task_timeout_s=30)
    calculators = [calculator(name) for name in 'abcd']
    dispatcher.says('d registered')
    clients = [system.client(name, arguments=['--events', str(folder.join('%s.jsonl' % name)), '--duration',
                                              '%g' % RUN_S],
                             task_interval_s={'exponential': 0.25}, task_timeout_s=20, drain_timeout_s=20)
               for name in ('client-1', 'client-2')]
    time.sleep(RUN_S / 4)
    calculators[0].kill()
    time.sleep(RUN_S / 4)
    calculator('a')
    calculators[1].kill()
    for client in clients:
        client.wait(2 * RUN_S + 30)
    # The file of a killed process is complete.
    for process in system.processes:
        if process.is_running:
            process.kill()
    system.is_balanced = True


@pytest.mark.slow
def test_a_recording_of_real_processes_is_reproduced(system, tmpdir):
    record(system, tmpdir)
    alone = [str(tmpdir.join(name)) for name in ('dispatcher.jsonl', 'client-1.jsonl', 'client-2.jsonl')]
    calculators = sorted(glob.glob(str(tmpdir.join('calculator-?.jsonl'))))
    # Without the files of calculators, a death has the time at which the dispatcher noticed it.
    for files, p50_share, p99_share in ((alone + calculators, 0.05, 0.1), (alone, 0.1, 0.25)):
        status, out, err = run_to_end(['run_simulator.py', '--json', '--replay'] + files, 60)
        assert err == '' and status in (0, 1)
        found = json.loads(out)
        shown = json.dumps(found, sort_keys=True, indent=1)
        assert found['tasks'] > 100, shown
        assert len(found['differing']) == found['near_deadline'], shown
        for statistic, share in (('p50', p50_share), ('p99', p99_share)):
            assert found['replayed'][statistic] == pytest.approx(found['recorded'][statistic], rel=share), shown
        assert found['reproduced'] or files == alone, shown


def test_a_replayed_closed_loop_sends_the_recorded_number_of_tasks(system, tmpdir):
    paths = [str(tmpdir.join(name)) for name in ('dispatcher.jsonl', 'client.jsonl')]
    dispatcher = system.dispatcher(arguments=['--events', paths[0]])
    system.calculator('calculator-a', task_duration_s=[0.05, 0.1], capacity=2)
    client = system.client('client', tasks=30, arguments=['--events', paths[1]], task_interval_s=[0, 0],
                           in_flight_max=4)
    assert client.wait() == 0
    eventually(lambda: dispatcher.status['running'] == 0, 'all tasks are done')
    system.balance()
    status, out, err = run_to_end(['run_simulator.py', '--json', '--replay'] + paths, 60)
    found = json.loads(out)
    assert (found['tasks'], found['differing'], err) == (30, {}, ''), status
    assert found['replayed']['ends'] == {'done': 30}
