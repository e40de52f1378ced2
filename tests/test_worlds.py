"""Whole systems in memory, under faults drawn from a seed: first the faults, then peace, then the books are compared.

A failure names its seed; ``pytest tests/test_worlds.py -k "seed_17"`` repeats it.
"""

from __future__ import absolute_import, division, print_function

import random

import pytest

from net_protocol import notional
from net_protocol.messages import Outcome, Submit
from tests.fake_link import FakeLink

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

SEEDS = range(1, 41)

#: What rare path must have been taken by the whole batch, or it shows less than it seems to.
RARE_PATHS = (
    'duplicate_submits', 'submits_after_ack', 'late_results', 'late_results_used', 'duplicate_results', 'revokes',
    'stale_heartbeats', 'suspected', 'died', 'recovered', 'returned', 'left', 'adopted', 'unknown_results',
    'attempt_timed_out', 'attempt_dead_calculator', 'attempt_new_life', 'attempt_unacknowledged', 'attempt_withdrawn',
    'attempt_calculator_left', 'attempt_turned_down', 'expired', 'refused_queue_full',
)


class World(object):
    """One system, all its sizes and faults drawn from a seed."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.ended = False
        self.link = FakeLink(seed)
        self.link.drop(self.rng.choice([0, 0.1, 0.3, 0.5]))
        self.link.duplicate_share = self.rng.choice([0, 0.2, 0.5])
        self.link.delay_s = self.rng.choice([(0.001, 0.002), (0.005, 0.5), (0.01, 3.0)])
        self.link.dispatcher(task_timeout_s=40, answer_timeout_s=8, pending_max=self.rng.choice([5, 1000]))
        self.dispatchers = [self.dispatcher]
        self.calculators = 0
        for _ in range(self.rng.randint(1, 5)):
            self.add_calculator()
        self.clients = [self.link.client('client-%d' % number, tasks=self.rng.randint(5, 30), task_timeout_s=40,
                                         task_interval_s=[0, 2]) for number in range(self.rng.randint(1, 3))]

    @property
    def dispatcher(self):
        return self.link.nodes['dispatcher', 5555]

    def add_calculator(self):
        self.calculators += 1
        self.link.calculator(
            'calculator-%d' % self.calculators, capacity=self.rng.choice([1, 1, 3, 40]),
            heartbeat_interval_s=self.rng.choice([0.5, 1]), drain_timeout_s=self.rng.choice([0, 5]),
            outage={'probability': self.rng.choice([0, 0.3]), 'check_interval_s': 4, 'duration_s': [0.5, 12],
                    'kind': 'mixed'})

    def disturb(self):
        """One fault, drawn."""
        calculators = sorted(address for address in self.link.nodes if address[0].startswith('calculator'))
        fault = self.rng.randint(0, 9)
        if fault == 0 and calculators:
            self.link.crash(self.link.nodes[self.rng.choice(calculators)])
        elif fault <= 2:
            self.add_calculator()
        elif fault == 3 and calculators:
            node = self.link.nodes[self.rng.choice(calculators)]
            node.core.stop(self.link.now)
        elif fault == 4 and calculators:
            node = self.link.nodes[self.rng.choice(calculators)]
            self.link.cut(self.dispatcher, node)
        elif fault == 5:
            self.link.cuts.clear()
        elif fault == 6:
            self.link.crash(self.dispatcher)
            self.dispatchers.append(self.link.dispatcher(task_timeout_s=40, answer_timeout_s=8))
        elif fault == 7:
            node = self.link.nodes[self.rng.choice(sorted(self.link.nodes))]
            self.link.freeze(node)
            self.link.run(self.rng.uniform(0.1, 12))
            self.link.thaw(node)

    def run(self):
        """Faults, then peace with a calculator that works; returns whether everything ended."""
        for _ in range(12):
            self.link.run(self.rng.uniform(0.5, 6))
            self.disturb()
        self.link.heal()
        self.link.delay_s = (0.001, 0.002)
        self.link.calculator('calculator-of-peace', capacity=10)
        return self.link.run_until(lambda: all(client.core.is_stopped for client in self.clients), 600)


@pytest.fixture(scope='module')
def worlds():
    """All worlds, each run when it is first asked for."""
    class Worlds(dict):
        def __missing__(self, seed):
            world = self[seed] = World(seed)
            world.ended = world.run()
            return world
    return Worlds()


@pytest.mark.parametrize('seed', SEEDS, ids=['seed_%d' % seed for seed in SEEDS])
def test_every_task_ends_once_and_right_whatever_happens(seed, worlds):
    world = worlds[seed]
    assert world.ended, 'somebody still waits'
    for client in world.clients:
        statistics = client.core.statistics
        assert statistics.sent == sum(statistics.ends.values()) == statistics.answered + statistics.unanswered
        assert statistics.ends['wrong'] == 0
        assert statistics.ends['cancelled'] == 0
    # What a client believes is what some life of the dispatcher said, and that is right.
    payloads = {}  # type: Dict[str, Any]
    for _, _, _, message in world.link.sent:
        if isinstance(message, Submit):
            assert payloads.setdefault(message.task_id, message.payload) == message.payload
        elif isinstance(message, Outcome) and message.outcome == 'done':
            assert message.result == notional.compute(payloads[message.task_id])


@pytest.mark.parametrize('seed', SEEDS, ids=['seed_%d' % seed for seed in SEEDS])
def test_one_life_of_the_dispatcher_never_tells_two_outcomes_for_one_task(seed, worlds):
    told = {}  # type: Dict[str, List[Any]]
    crashes = len(worlds[seed].dispatchers) - 1
    for _, _, _, message in worlds[seed].link.sent:
        if isinstance(message, Outcome):
            told.setdefault(message.task_id, []).append(message)
    for messages in told.values():
        different = [message for number, message in enumerate(messages) if message not in messages[:number]]
        assert len(different) <= 1 + crashes, different


@pytest.mark.parametrize('seed', SEEDS, ids=['seed_%d' % seed for seed in SEEDS])
def test_in_the_end_the_dispatcher_holds_nothing(seed, worlds):
    world = worlds[seed]
    world.link.run(120)
    assert world.dispatcher.core.status['waiting'] == world.dispatcher.core.status['running'] == 0
    world.dispatcher.core.stop(world.link.now)
    assert world.dispatcher.core.is_stopped


def test_a_world_repeats_itself():
    def story(seed):
        world = World(seed)
        world.run()
        return repr(world.link.sent)
    assert story(3) == story(3)


def test_the_batch_takes_every_rare_path(worlds):
    taken = dict.fromkeys(RARE_PATHS, 0)
    for seed in SEEDS:
        for dispatcher in worlds[seed].dispatchers:
            for path in RARE_PATHS:
                taken[path] += dispatcher.core.counts[path]
    assert [path for path in RARE_PATHS if not taken[path]] == []


def test_without_faults_every_task_is_done_at_the_first_attempt():
    link = FakeLink()
    dispatcher = link.dispatcher()
    for number in range(3):
        link.calculator('calculator-%d' % number)
    client = link.client(tasks=50)
    assert link.run_until(lambda: client.core.is_stopped)
    account = dispatcher.core.account(link.now)
    assert account['attempts'] == dict(dict.fromkeys(account['attempts'], 0), result=50)
    assert client.core.statistics.further_attempts == 0
    assert client.core.resent == 0


def test_a_one_way_partition_blocks_only_its_own_node():
    link = FakeLink()
    dispatcher = link.dispatcher(answer_timeout_s=30)
    cut_off = link.calculator('calculator-cut-off')
    link.calculator('calculator-reachable', capacity=5)
    link.cut(dispatcher, cut_off)
    client = link.client(tasks=30)
    assert link.run_until(lambda: client.core.is_stopped)
    assert client.core.statistics.answered == 30
    assert dispatcher.core.status['suspect'] == 1
    assert dispatcher.core.counts['attempt_unacknowledged'] == 1, 'not tried again as long as it can not be reached'


def test_a_client_behind_a_one_way_partition_learns_its_outcomes_when_it_heals():
    link = FakeLink()
    dispatcher = link.dispatcher()
    link.calculator(capacity=5)
    client = link.client(tasks=5)
    link.cut(dispatcher, client)
    link.run(20)
    assert client.core.statistics.answered == 0
    link.heal()
    assert link.run_until(lambda: client.core.is_stopped)
    assert client.core.statistics.answered == 5


def test_a_dispatcher_that_lost_everything_is_asked_again_and_the_work_goes_on():
    link = FakeLink()
    dispatcher = link.dispatcher()
    link.calculator(capacity=10, task_duration_s=[8, 9])
    client = link.client(tasks=10, task_interval_s=[0.1, 0.1])
    link.run(4)
    link.crash(dispatcher)
    dispatcher = link.dispatcher()
    assert link.run_until(lambda: client.core.is_stopped)
    assert client.core.statistics.answered == 10
    assert dispatcher.core.counts['adopted'] == 10, 'nothing is begun anew'
    assert client.core.statistics.further_attempts == 0
