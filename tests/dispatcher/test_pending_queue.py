"""The queue of waiting tasks: clients take turns, and tasks that have lost their calculator come first."""

from __future__ import absolute_import, division, print_function

import random

from dispatcher.clients import Client
from dispatcher.pending_queue import PendingQueue
from dispatcher.tasks import ASSIGNED, WAITING, Task
from net_protocol.rows import CANCELLED


class Bench(object):
    """A queue of tasks whose names are client and number, such as 'a1'."""

    def __init__(self, *names):
        self.queue = PendingQueue()
        self.clients = {}
        self.tasks = {}
        for name in names:
            self.queue.put(self.task(name))

    def task(self, name):
        if name not in self.tasks:
            client = self.clients.setdefault(name[0], Client(name[0], 'aaaaaaaa', None))
            self.tasks[name] = Task(client, int(name[1:]), u'', 0.0, 60.0, 0)
        self.tasks[name].state = WAITING
        return self.tasks[name]

    def take(self):
        task = self.queue.take()
        task.state = ASSIGNED
        return task.client.name + str(task.number)

    def take_all(self):
        return [self.take() for _ in range(self.queue.size)]

    def cancel(self, name):
        task = self.tasks[name]
        task.state = CANCELLED
        self.queue.remove(task)


def test_a_finished_task_is_not_taken():
    bench = Bench('a1', 'a2', 'a3', 'b1')
    bench.cancel('a2')
    bench.cancel('b1')
    assert (bench.queue.size, bench.queue.lanes) == (2, 1)
    assert bench.take_all() == ['a1', 'a3']


def test_a_client_whose_tasks_were_all_cancelled_has_one_turn_when_it_submits_again():
    bench = Bench('a1', 'b1', 'b2')
    bench.cancel('a1')
    for name in ('a2', 'a3'):
        bench.queue.put(bench.task(name))
    assert bench.take_all() == ['a2', 'b1', 'a3', 'b2']


def test_finished_tasks_leave_the_queue_before_there_are_many():
    bench = Bench(*['a%d' % number for number in range(1000)])
    for number in range(1, 1000):
        bench.cancel('a%d' % number)
    assert len(bench.clients['a'].lane) <= 66 and bench.queue.size == 1


def test_the_position_of_a_task_counts_the_tasks_of_its_client():
    bench = Bench('a1', 'b1', 'a2', 'a3')
    bench.cancel('a2')
    assert bench.queue.before(bench.tasks['a3'], 100) == bench.queue.before(bench.tasks['a3'], 1) == 1
    assert [task.task_id[0] for task in bench.queue.oldest(10)] == ['a', 'b']
    bench.queue.put_first(bench.task('a9'))
    assert bench.queue.before(bench.tasks['a9'], 100) == 0


class NaiveQueue(object):
    """A simple queue with the same order, made of lists."""

    def __init__(self):
        self.first = []
        self.lanes = {}
        self.turns = []

    def put(self, name, at_front=False):
        lane = self.lanes.setdefault(name[0], [])
        lane.insert(0 if at_front else len(lane), name)
        if name[0] not in self.turns:
            self.turns.append(name[0])

    def take(self):
        if self.first:
            return self.first.pop(0)
        client = self.turns.pop(0)
        name = self.lanes[client].pop(0)
        if self.lanes[client]:
            self.turns.append(client)
        return name


def test_the_order_is_that_of_a_naive_queue():
    rng = random.Random(5)
    for _ in range(30):
        bench, naive, taken = Bench(), NaiveQueue(), []
        for number in range(200):
            step = rng.random()
            if step < 0.5:
                name = '%s%d' % ('abc'[int(rng.random() * 3)], number)
                bench.queue.put(bench.task(name))
                naive.put(name)
            elif step < 0.8 and bench.queue.size:
                taken.append(bench.take())
                assert taken[-1] == naive.take()
            elif taken:
                name = taken.pop()
                if rng.random() < 0.5:
                    bench.queue.put_back(bench.task(name))
                    naive.put(name, at_front=True)
                else:
                    bench.queue.put_first(bench.task(name))
                    naive.first.append(name)
            waiting = naive.first + sum(naive.lanes.values(), [])
            assert (bench.queue.size, bench.queue.lanes) == (len(waiting), len({name[0] for name in waiting}))
