"""Whether a task costs more where there are many calculators, many waiting tasks, many clients."""

from __future__ import absolute_import, division, print_function

import time

from benchmarks import machine, systems
from benchmarks.questions.comparison import closing_lines
from benchmarks.questions.crowds import Crowd
from benchmarks.rounds import figures, ratio
from benchmarks.systems import Own
from benchmarks.tables import middle, number, spread, table
from runtime.clock import monotonic

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from benchmarks.children import House  # noqa: F401
    from benchmarks.context import Context  # noqa: F401
    from benchmarks.systems import Running  # noqa: F401

ABOUT = 'processor time a task with 10,000 calculators, 1,000,000 waiting tasks, 1,000 clients'

CALCULATORS = (100, 1000, 10000)
WAITING = (100, 10000, 100000, 1000000)
CLIENTS = (10, 100, 1000)
#: Every kind that is compared begins with this one: two calculators, one client, no crowd.
BASE = 'ours-base'

#: More than all tasks of all crowds.
_PLENTY = 10000000
_LONG_S = 86400


class Case(Own):
    """Ours beside a crowd of that kind and size."""

    kind = ''

    def __init__(self, context, size):
        # type: (Context, int) -> None
        own = context.own()
        super(Case, self).__init__(own.python, own.version, dispatcher={
            'pending_max': _PLENTY, 'remembered_max': _PLENTY, 'task_timeout_s': _LONG_S}, workers=self.workers())
        self._context = context
        self.size = size
        self.name = BASE if not self.kind else 'ours-%s-%d' % (self.kind, size)
        self.title = self.describe(size)

    @staticmethod
    def workers():
        # type: () -> int
        """How many real calculators there are."""
        return systems.WORKERS

    @staticmethod
    def describe(size):
        # type: (int) -> str
        """For a table."""
        return '2 calculators, 1 client, nothing else'

    def run(self):
        # type: () -> Dict[str, Any]
        """One run."""
        options = self._context.options
        house = self._context.house
        try:
            running = self.start(house)
            return self.measure(house, running, options.warm_up, options.duration)
        finally:
            house.end_all()

    def measure(self, house, running, warm_up_s, duration_s):
        # type: (House, Running, float, float) -> Dict[str, Any]
        """What is measured once it runs."""
        return systems.drive(house, self, running, systems.IN_FLIGHT, warm_up_s, duration_s)


class Bystanders(Case):
    """Registered calculators that beat and take no work: the dispatcher's tables are large, the work is the same.

    What the heartbeats cost is measured before the work begins, and taken from what work and heartbeats cost together.
    """

    kind = 'bystanders'

    @staticmethod
    def describe(size):
        return '%s more calculators registered, without their heartbeats' % '{:,}'.format(size)

    def measure(self, house, running, warm_up_s, duration_s):
        crowd = Crowd(house, 'calculators', running.port, self.size, '--draining')
        crowd.wait_for('registered', self.size)
        before, began_at = running.broker.cpu_s(), monotonic()
        time.sleep(duration_s)
        beats_share = (running.broker.cpu_s() - before) / (monotonic() - began_at)
        found = super(Bystanders, self).measure(house, running, warm_up_s, duration_s)
        with_beats_us = found['broker_us']
        found['broker_us'] = max(0.0, 1e6 * (found['broker_s'] - beats_share * found['window_s']) / found['tasks'])
        return dict(found, with_beats_us=with_beats_us, beats_share=beats_share,
                    beat_us=1e6 * beats_share / self.size, memory_bytes=machine.memory_bytes(running.broker.pid))


class Takers(Case):
    """Calculators that all take work: each assignment is a datagram of its own."""

    kind = 'takers'

    @staticmethod
    def workers():
        return 0

    @staticmethod
    def describe(size):
        return '%s calculators, all taking work (heartbeats included)' % '{:,}'.format(size)

    def measure(self, house, running, warm_up_s, duration_s):
        crowd = Crowd(house, 'calculators', running.port, self.size)
        crowd.wait_for('registered', self.size)
        return super(Takers, self).measure(house, running, warm_up_s, duration_s)


class Waiting(Case):
    """Another client keeps that many tasks waiting; the two take turns."""

    kind = 'waiting'

    @staticmethod
    def describe(size):
        return '%s tasks waiting' % '{:,}'.format(size)

    def start(self, house):
        broker = self.start_dispatcher(house)
        port = self.listening_port(broker)
        self._crowd = Crowd(house, 'clients', port, 1, '--keep', str(self.size))
        self._crowd.wait_for('accepted', self.size)
        workers = [self.start_calculator(house, port) for _ in range(systems.WORKERS)]
        return systems.Running(broker, workers, port)

    def measure(self, house, running, warm_up_s, duration_s):
        return systems.drive(house, self, running, systems.IN_FLIGHT, warm_up_s, duration_s,
                             lambda began_at, ended_at: self._crowd.counted('answered', began_at, ended_at))


class Clients(Case):
    """So many clients with one task out each, and nobody else."""

    kind = 'clients'

    @staticmethod
    def describe(size):
        return '%s clients with one task out each' % '{:,}'.format(size)

    def measure(self, house, running, warm_up_s, duration_s):
        crowd = Crowd(house, 'clients', running.port, self.size)
        crowd.wait_for('answered', self.size)
        time.sleep(warm_up_s)
        each_before = crowd.answered_each()
        watch = machine.Watch()
        before, began_at = running.cpu_s(), monotonic()
        time.sleep(duration_s)
        after, ended_at = running.cpu_s(), monotonic()
        others_share = watch.others_share()
        tasks = crowd.counted('answered', began_at, ended_at)
        each = [then - first for then, first in zip(crowd.answered_each(), each_before)]
        return {'tasks': tasks, 'tasks_per_s': tasks / (ended_at - began_at), 'others_share': others_share,
                'broker_us': 1e6 * (after[0] - before[0]) / tasks, 'workers_us': 1e6 * (after[1] - before[1]) / tasks,
                'least': min(each), 'most': max(each), 'evenness': evenness(each)}


def evenness(each):
    # type: (List[int]) -> float
    """Jain's index of fairness: 1 where all get the same, 1/n where one gets all. (Jain, Chiu, Hawe: "A quantitative
    measure of fairness and discrimination for resource allocation in shared computer systems", DEC TR-301, 1984.)
    """
    squares = sum(one * one for one in each)
    return sum(each) ** 2 / (len(each) * squares) if squares else 1.0


def take(context):
    # type: (Context) -> None
    """Every case in every round."""
    cases = [Case(context, 0)]  # type: List[Case]
    for kind, sizes in ((Bystanders, CALCULATORS), (Takers, CALCULATORS), (Waiting, WAITING), (Clients, CLIENTS)):
        for size in sorted({max(2, int(size * context.options.size)) for size in sizes}):
            cases.append(kind(context, size))
    context.rounds(context.wanted(cases), lambda case: case.run())


def lines(section):
    # type: (Dict[str, Any]) -> List[str]
    """One row a case; the last column is its processor time a task over that of the plain one, pair by pair."""
    runs, even = section['runs'], section.get('even_disturbed', False)
    rows = []
    for name in section['order']:
        found = figures(runs, name, even)
        if found:
            base = base_of(section, name)
            times = '' if name == base else spread(ratio(runs, name, base, 'broker_us', even))
            rows.append((section['systems'][name]['title'], middle(found.get('tasks_per_s')),
                         spread(found.get('broker_us')), times, _more(found)))
    return table(('what', 'tasks/s', 'dispatcher, us/task', 'x times the plain one', 'besides'), rows) \
        + closing_lines(section)


def base_of(section, name):
    # type: (Dict[str, Any], str) -> str
    """What a case is compared with: waiting tasks with few of them, everything else with nobody."""
    if '-waiting-' in name:
        return min((other for other in section['order'] if '-waiting-' in other), key=size_of)
    return BASE


def size_of(name):
    # type: (str) -> int
    """How large the crowd is."""
    return int(name.rsplit('-', 1)[1])


def _more(found):
    # type: (Dict[str, Any]) -> str
    if 'with_beats_us' in found:
        return 'with heartbeats %s us/task; one heartbeat %s us, all of them %s %% of a processor' % (
            middle(found['with_beats_us']), middle(found['beat_us']), number(100 * found['beats_share']['median']))
    if 'evenness' in found:
        return 'tasks of a client: %s to %s, evenness %.4f' % (
            middle(found['least']), middle(found['most']), found['evenness']['median'])
    return ''
