"""Random steps of clients, calculators and the network. The invariants hold after each step, and every task ends."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from dispatcher.calculators import DEAD, LEFT
from tests.dispatcher.driver import Driver, task_id

SETTINGS = (
    {}, {'pending_max': 6, 'remembered_max': 3}, {'answer_timeout_s': 1, 'attempts_max': 3},
    {'memory_max_bytes': 1000000, 'calculators_max': 2}, {'journal': 'path'})


class RandomWorld(object):
    """``in_flight`` has the rows that were sent and are not yet acknowledged, lost, or dropped."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.driver = Driver(twice=seed % 2 == 0, **SETTINGS[seed % len(SETTINGS)])
        self.in_flight = []
        self.next_number = {}

    def choose(self, things):
        return things[int(self.rng.random() * len(things))]

    def step(self):
        driver, before = self.driver, len(self.driver.sent)
        getattr(self, self.choose(STEPS))()
        driver.turn()
        self.in_flight += [entry for entry in driver.sent[before:] if entry[1] not in ('ping', 'status_report')]

    def client(self):
        return self.driver.client('client-%s' % self.choose('ab'), self.choose(['aaaaaaaa', 'bbbbbbbb']))

    def calculator(self):
        return self.driver.calculator('calculator-%s' % self.choose('123'), self.choose(['aaaaaaaa', 'bbbbbbbb']))

    def peer(self):
        return self.choose([self.client(), self.calculator()])

    def number_below_next(self, client, distances):
        return max(1, self.next_number.get((client.name, client.incarnation), 1) - self.choose(distances))

    def submit(self):
        client = self.client()
        first = self.next_number.get((client.name, client.incarnation), 1)
        count = self.choose([1, 1, 2, 5])
        self.next_number[client.name, client.incarnation] = first + count
        payload = self.choose([u'short', u'x' * 20000])
        self.driver.submit(*range(first, first + count), channel=client, payload=payload,
                           time_left_s=self.choose([0.1, 2, 60]))

    def submit_again(self):
        client = self.client()
        self.driver.submit(self.number_below_next(client, [1, 2, 5]), channel=client)

    def cancel(self):
        client = self.client()
        self.driver.cancel(self.number_below_next(client, [0, 1, 4]), client)

    def raise_open(self):
        client = self.client()
        self.driver.raise_open(client.peer_open + self.choose([1, 1, 3]), client)

    def beat(self):
        channel = self.calculator()
        calculator = channel.peer
        held = sorted(list(calculator.attempts) + list(calculator.leftovers)) if calculator else []
        if held and self.rng.random() < 0.2:
            held.remove(self.choose(held))
        if self.rng.random() < 0.1:
            held = sorted(set(held + [self.choose([3, 50])]))
        orphans = [task_id(self.choose([1, 2, 3]), 'client-a')] if self.rng.random() < 0.2 else []
        self.driver.beat(channel, [[number, number] for number in held], orphans, capacity=self.choose([2, 3]),
                         draining=self.rng.random() < 0.1)

    def result(self):
        channel = self.calculator()
        if channel.peer is None:
            return
        tasks = dict(channel.peer.attempts)
        tasks.update({number: leftover.task for number, leftover in channel.peer.leftovers.items()})
        if tasks:
            number = self.choose(sorted(tasks))
            self.driver.result(channel, self.choose([number, number, number, 0]), tasks[number].task_id,
                               self.choose([u'r', u'r' * 5000]), u'no' if self.rng.random() < 0.1 else None)

    def refuse(self):
        channel = self.calculator()
        if channel.peer is not None and channel.peer.attempts:
            number = self.choose(sorted(channel.peer.attempts))
            self.driver.refuse(channel, number, channel.peer.attempts[number].task_id)

    def delivered(self, count):
        """Takes so many rows from ``in_flight``, and returns those whose channel can handle them."""
        taken, self.in_flight = self.in_flight[:count], self.in_flight[count:]
        return [entry for entry in taken if entry[0].is_open and not entry[0].is_asleep]

    def acknowledge(self):
        for channel, kind, row in self.delivered(self.choose([1, 5, 20])):
            self.driver.acknowledge(channel, kind, row)

    def lose(self):
        for channel, kind, row in self.delivered(5):
            row = self.driver.lose(channel, kind, row)
            if row is not None:
                self.in_flight.append((channel, kind, row))

    def reopen(self):
        channel = self.peer()
        self.in_flight = [entry for entry in self.in_flight if entry[0] is not channel]
        self.driver.reopen(channel)

    def sleep(self):
        channel = self.peer()
        if not channel.is_asleep:
            self.driver.sleep(channel)

    def awake(self):
        for channel in list(self.driver.channels.values()):
            if channel.is_asleep:
                self.driver.awake(channel)

    def leave(self):
        if self.rng.random() < 0.3:
            self.driver.hear(self.calculator(), 'leave', [[]])

    def hint(self):
        self.driver.core.hinted(self.driver.now, self.calculator())

    def change_reachable(self):
        channel, core = self.calculator(), self.driver.core
        was_unreachable, channel.is_unreachable = channel.is_unreachable, self.choose([False, True])
        if channel.is_unreachable:
            core.unreachable(self.driver.now, channel)
        elif was_unreachable:
            core.reachable(self.driver.now, channel)

    def fill_window(self):
        channel = self.peer()
        channel.has_room = not channel.has_room and not channel.is_asleep

    def break_disk(self):
        self.driver.failure = None if self.driver.failure else 'I/O error'

    def wait(self):
        self.driver.wait(self.choose([0.0, 0.05, 0.5, 2.0, 7.0]))

    def be_late(self):
        self.driver.now += self.choose([0.3, 3.0])
        self.driver.wait(0)


STEPS = (['submit', 'beat', 'result', 'acknowledge'] * 6 + ['raise_open', 'wait'] * 3 + [
    'submit_again', 'cancel', 'refuse', 'lose', 'reopen', 'sleep', 'awake', 'leave', 'hint', 'change_reachable',
    'change_reachable', 'fill_window', 'break_disk', 'be_late'])


@pytest.mark.parametrize('seed', range(1, 21))
def test_the_tables_agree_after_each_step_and_every_task_ends(seed):
    world = RandomWorld(seed)
    for _ in range(250):
        world.step()
    driver = world.driver
    driver.failure = None
    driver.wait(70)
    for channel in list(driver.channels.values()):
        channel.has_room = not channel.is_asleep
    driver.wait(1)
    account = driver.core.account(driver.now)
    assert (account['waiting'], account['running']) == (0, 0)
    assert account['accepted'] == sum(account['outcomes'].values())
    assert all(calculator.state in (DEAD, LEFT) for calculator in driver.core.calculators)
    # The dispatcher keeps nothing when every client has finished all its tasks.
    for channel in list(driver.channels.values()):
        if channel.role == 'client':
            if channel.is_asleep:
                driver.awake(channel)
            driver.raise_open(10 ** 6, channel)
    driver.wait(1)
    for channel in list(driver.channels.values()):
        driver.close(channel)
    assert driver.core.undelivered == driver.core.absent_outcomes
