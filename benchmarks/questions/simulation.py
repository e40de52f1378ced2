"""The simulator: response times on a lossy network, and its own speed."""

from __future__ import absolute_import, division, print_function

import json
import os

from benchmarks import children
from benchmarks.figures import median
from benchmarks.questions.comparison import closing_lines, measured
from benchmarks.tables import spread, table

ABOUT = 'the simulator: p50 of tasks of 0.1 s with 30 % loss; tasks per second of processor time in its preset "busy"'

LOSSY = {
    'clients': 1, 'calculators': 1, 'duration_s': 60,
    'network': {'delay_s': [0.005, 0.005], 'loss': 0.3},
    'calculator': {'task_duration_s': [0.1, 0.1], 'outage': {'probability': 0}},
    'client': {'task_interval_s': [0, 0], 'in_flight_max': 1},
}
SEEDS = range(1, 21)
#: The median of these worlds with 0.1.0. Time is virtual, so it is the same on every machine.
P50_OF_0_1_0_S = 0.811
BOUND_S = 600.0


def take(context):
    known = context.wanted([context.own(python) for python in context.options.pythons])
    lossy_s = median(_p50_s(seed) for seed in SEEDS)
    context.rounds(known, lambda system: {'lossy_p50_s': lossy_s, 'tasks_per_cpu_s': _speed(context, system)})


def _p50_s(seed):
    """The median response time in one world."""
    from simulator import scenario
    from simulator.world import CLIENT, World
    world = World(seed, scenario.SETTINGS.checked(LOSSY))
    world.start()
    world.run_until(float(LOSSY['duration_s']))  # type: ignore[arg-type]
    return world.running(CLIENT)[0].core.statistics.response_time.quantile(0.5)


def _speed(context, system):
    child = context.group.start('simulator', [system.python, os.path.join(children.ROOT, 'run_simulator.py'),
                                              '--preset', 'busy', '--json'])
    child.wait(BOUND_S)
    return json.loads(child.output)['tasks_per_cpu_s']


def lines(section):
    return table(('system', 'preset "busy", tasks per second of processor time',
                  'p50 with 30 % loss, s of virtual time'),
                 [(title, spread(found['tasks_per_cpu_s']), spread(found['lossy_p50_s']))
                  for _, title, found in measured(section)]) + closing_lines(section)
