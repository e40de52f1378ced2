"""Whether a task costs more with many calculators, many waiting tasks, many clients."""

from __future__ import absolute_import, division, print_function

import time

from benchmarks import machine, systems
from benchmarks.questions.comparison import closing_lines, measured, times
from benchmarks.questions.crowds import Crowd
from benchmarks.systems import MEMORY_BYTES, Own
from benchmarks.tables import middle, number, spread, table
from runtime.clock import monotonic

ABOUT = 'processor time per task with 10,000 calculators, 1,000,000 waiting tasks, 1,000 clients'

CALCULATORS = (100, 1000, 10000)
WAITING = (100, 10000, 100000, 1000000)
CLIENTS = (10, 100, 1000)
#: Two calculators, one client, no crowd.
BASE = 'ours-base'

#: More than the tasks of all crowds.
_PLENTY = 10000000
_LONG_S = 86400


class Case(Own):
    """Ours with a crowd of ``KIND`` and ``size``."""

    KIND = 'base'
    TITLE = '2 calculators, 1 client, nothing else'
    WORKERS = systems.WORKERS

    def __init__(self, context, size=0):
        super(Case, self).__init__(context.options.pythons[0], dispatcher={
            'pending_max': _PLENTY, 'remembered_max': _PLENTY, 'memory_max_bytes': MEMORY_BYTES,
            'task_timeout_s': _LONG_S})
        self._options = context.options
        self._group = context.group
        self.size = size
        self.name = 'ours-%s-%d' % (self.KIND, size) if size else BASE
        self.title = self.TITLE.format(size)

    def run(self):
        """One run; returns its figures."""
        return self.measure(self.start(self._group, self.WORKERS))

    def crowd(self, port, kind, *options):
        return Crowd(self._group, kind, port, self.size, *options)

    def measure(self, running, more=None):
        return systems.drive(self._group, self, running, systems.IN_FLIGHT, self._options.warm_up,
                             self._options.duration, more)


class Bystanders(Case):
    """Registered calculators that send heartbeats and take no work: the tables are large, the work is the same.

    The cost of the heartbeats alone is measured first and subtracted.
    """

    KIND = 'bystanders'
    TITLE = '{:,} more calculators registered, without their heartbeats'

    def measure(self, running, more=None):
        self.crowd(running.port, 'calculators', '--draining').wait_for('registered', self.size)
        before, began_at = running.broker.cpu_s(), monotonic()
        time.sleep(self._options.duration)
        beats_share = (running.broker.cpu_s() - before) / (monotonic() - began_at)
        found = super(Bystanders, self).measure(running)
        without_us = 1e6 * (found['broker_s'] - beats_share * found['window_s']) / found['tasks']
        return dict(found, broker_us=max(0.0, without_us), with_beats_us=found['broker_us'], beats_share=beats_share,
                    beat_us=1e6 * beats_share / self.size)


class Takers(Case):
    """Calculators that all take work: each assignment is a separate datagram."""

    KIND = 'takers'
    TITLE = '{:,} calculators, all taking work (heartbeats included)'
    WORKERS = 0

    def measure(self, running, more=None):
        self.crowd(running.port, 'calculators').wait_for('registered', self.size)
        return super(Takers, self).measure(running)


class Waiting(Case):
    """Another client keeps that many tasks waiting; the two clients take turns."""

    KIND = 'waiting'
    TITLE = '{:,} tasks waiting'
    WORKERS = 0

    def measure(self, running, more=None):
        crowd = Crowd(self._group, 'clients', running.port, 1, '--keep', str(self.size))
        crowd.wait_for('accepted', self.size)
        for _ in range(systems.WORKERS):
            self.add_worker(self._group, running)
        return super(Waiting, self).measure(
            running, lambda began_at, ended_at: crowd.counted('answered', began_at, ended_at))


class Clients(Case):
    """Only so many clients, with one task in flight each."""

    KIND = 'clients'
    TITLE = '{:,} clients with one task out each'

    def measure(self, running, more=None):
        crowd = self.crowd(running.port, 'clients')
        crowd.wait_for('answered', self.size)
        time.sleep(self._options.warm_up)
        each_before = crowd.answered_each()
        watch = machine.Watch()
        before, began_at = running.cpu_s(), monotonic()
        time.sleep(self._options.duration)
        after, ended_at = running.cpu_s(), monotonic()
        others_share = watch.others_share()
        tasks = crowd.counted('answered', began_at, ended_at)
        each = [then - first for then, first in zip(crowd.answered_each(), each_before)]
        return {'tasks': tasks, 'tasks_per_s': tasks / (ended_at - began_at), 'others_share': others_share,
                'broker_us': 1e6 * (after[0] - before[0]) / tasks, 'workers_us': 1e6 * (after[1] - before[1]) / tasks,
                'least': min(each), 'most': max(each), 'evenness': evenness(each)}


def evenness(each):
    """Jain's index of fairness: 1 if all get the same, 1/n if one gets all. (Jain, Chiu, Hawe: "A quantitative measure
    of fairness and discrimination for resource allocation in shared computer systems", DEC TR-301, 1984.)
    """
    squares = sum(one * one for one in each)
    return sum(each) ** 2 / (len(each) * squares) if squares else 1.0


def take(context):
    cases = [Case(context)]
    for kind, sizes in ((Bystanders, CALCULATORS), (Takers, CALCULATORS), (Waiting, WAITING), (Clients, CLIENTS)):
        cases += [kind(context, size) for size in sorted({context.scaled(size, 2) for size in sizes})]
    context.rounds(context.wanted(cases), lambda case: case.run())


def lines(section):
    """A row for each case, with its processor time per task over that of the base case, pair by pair."""
    return table(('what', 'tasks/s', 'dispatcher, us/task', 'x times the plain one', 'besides'), [
        (title, middle(found.get('tasks_per_s')), spread(found.get('broker_us')),
         times(section, name, base_of(section, name), 'broker_us'), _more(found))
        for name, title, found in measured(section)]) + closing_lines(section)


def base_of(section, name):
    """The case that ``name`` is compared with: for waiting tasks that with the fewest, else ``BASE``."""
    if '-waiting-' in name:
        return min((other for other in section['order'] if '-waiting-' in other), key=size_of)
    return BASE


def size_of(name):
    return int(name.rsplit('-', 1)[1])


def _more(found):
    if 'with_beats_us' in found:
        return 'with heartbeats %s us/task; one heartbeat %s us, all of them %s %% of a processor' % (
            middle(found['with_beats_us']), middle(found['beat_us']), number(100 * found['beats_share']['median']))
    if 'evenness' in found:
        return 'tasks of a client: %s to %s, evenness %.4f' % (
            middle(found['least']), middle(found['most']), found['evenness']['median'])
    return ''
