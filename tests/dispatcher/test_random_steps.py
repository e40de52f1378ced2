"""Random steps of clients, calculators and the network, with the invariants checked after each, and no task unaccounted
for at the end.
"""

from __future__ import absolute_import, division, print_function

import random

import pytest

from dispatcher.calculators import DEAD, LEFT
from tests.dispatcher.driver import Driver, task_id

SETTINGS = (
    {}, {'pending_max': 6, 'remembered_max': 3}, {'answer_timeout_s': 1, 'attempts_max': 3},
    {'memory_max_bytes': 1000000, 'calculators_max': 2}, {'journal': 'path'})


class Randomly(object):
    """Takes random steps. Rows that left wait in ``under_way`` until they are acknowledged, lost, or dropped."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.driver = Driver(twice=seed % 2 == 0, **SETTINGS[seed % len(SETTINGS)])
        self.under_way = []
        self.next_number = {}

    def choose(self, things):
        return things[int(self.rng.random() * len(things))]

    def step(self):
        driver, before = self.driver, len(self.driver.sent)
        getattr(self, self.choose(STEPS))()
        driver.turn()
        self.under_way += [entry for entry in driver.sent[before:] if entry[1] not in ('ping', 'status_report')]

    def client(self):
        return self.driver.client('client-%s' % self.choose('ab'), self.choose(['aaaaaaaa', 'bbbbbbbb']))

    def calculator(self):
        return self.driver.calculator('calculator-%s' % self.choose('123'), self.choose(['aaaaaaaa', 'bbbbbbbb']))

    def submit(self):
        client = self.client()
        first = self.next_number.get(client.name + client.incarnation, 1)
        count = self.choose([1, 1, 2, 5])
        self.next_number[client.name + client.incarnation] = first + count
        payload = self.choose([u'short', u'x' * 20000])
        self.driver.submit(*range(first, first + count), channel=client, payload=payload,
                           time_left_s=self.choose([0.1, 2, 60]))

    def submit_again(self):
        client = self.client()
        number = max(1, self.next_number.get(client.name + client.incarnation, 1) - self.choose([1, 2, 5]))
        self.driver.submit(number, channel=client)

    def cancel(self):
        client = self.client()
        number = self.next_number.get(client.name + client.incarnation, 1) - self.choose([0, 1, 4])
        self.driver.cancel(max(1, number), client)

    def raise_open(self):
        client = self.client()
        self.driver.over(client.peer_open + self.choose([1, 1, 3]), client)

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
        calculator = channel.peer
        if calculator is None or not (calculator.attempts or calculator.leftovers):
            return
        everything = dict(calculator.attempts)
        everything.update({number: leftover.task for number, leftover in calculator.leftovers.items()})
        number = self.choose(sorted(everything))
        error = u'no' if self.rng.random() < 0.1 else None
        self.driver.result(channel, self.choose([number, number, number, 0]), everything[number].task_id,
                           self.choose([u'r', u'r' * 5000]), error)

    def refuse(self):
        channel = self.calculator()
        if channel.peer is not None and channel.peer.attempts:
            number = self.choose(sorted(channel.peer.attempts))
            self.driver.hear(channel, 'assign_refused', [[number, channel.peer.attempts[number].task_id, 'busy']])

    def acknowledge(self):
        for _ in range(min(len(self.under_way), self.choose([1, 5, 20]))):
            channel, kind, row = self.under_way.pop(0)
            if channel.is_open and not channel.is_asleep:
                self.driver.acknowledge(channel, kind, row)

    def lose(self):
        for _ in range(min(len(self.under_way), 5)):
            channel, kind, row = self.under_way.pop(0)
            if channel.is_open and not channel.is_asleep:
                row = self.driver.lose(channel, kind, row)
                if row is not None:
                    self.under_way.append((channel, kind, row))

    def reopen(self):
        channel = self.choose([self.client(), self.calculator()])
        self.under_way = [entry for entry in self.under_way if entry[0] is not channel]
        self.driver.reopen(channel)

    def sleep(self):
        channel = self.choose([self.client(), self.calculator()])
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

    def unreachable(self):
        channel = self.calculator()
        channel.is_unreachable = True
        self.driver.core.unreachable(self.driver.now, channel)

    def reachable(self):
        channel = self.calculator()
        if channel.is_unreachable:
            channel.is_unreachable = False
            self.driver.core.reachable(self.driver.now, channel)

    def fill_window(self):
        channel = self.choose([self.client(), self.calculator()])
        channel.has_room = not channel.has_room and not channel.is_asleep

    def break_disk(self):
        self.driver.failure = None if self.driver.failure else 'I/O error'

    def wait(self):
        self.driver.wait(self.choose([0.0, 0.05, 0.5, 2.0, 7.0]))

    def be_late(self):
        self.driver.now += self.choose([0.3, 3.0])
        self.driver.wait(0)


STEPS = (['submit', 'beat', 'result', 'acknowledge'] * 6 + ['raise_open', 'wait'] * 3 + [
    'submit_again', 'cancel', 'refuse', 'lose', 'reopen', 'sleep', 'awake', 'leave', 'hint', 'unreachable', 'reachable',
    'fill_window', 'break_disk', 'be_late'])


@pytest.mark.parametrize('seed', range(1, 21))
def test_whatever_happens_the_tables_agree_and_every_task_ends(seed):
    world = Randomly(seed)
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
    # When every client says that it is over with everything, nothing is kept.
    for channel in list(driver.channels.values()):
        if channel.role == 'client':
            if channel.is_asleep:
                driver.awake(channel)
            driver.over(10 ** 6, channel)
    driver.wait(1)
    for channel in list(driver.channels.values()):
        driver.close(channel)
    assert driver.core.undelivered == driver.core.absent_outcomes
