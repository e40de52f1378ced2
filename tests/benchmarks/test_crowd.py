"""A crowd keeps to the protocol: the real dispatcher takes it for what it plays."""

from __future__ import absolute_import, division, print_function

import sys

import pytest

from benchmarks import systems
from benchmarks.children import House
from benchmarks.questions.crowds import Crowd
from benchmarks.questions.scale import evenness
from benchmarks.systems import Own

pytestmark = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='waits with epoll')

TASKS = 50


@pytest.mark.parametrize('asking', [('clients', 3, '--keep', '5'), ('arrivals', 1, '--rate', '200')])
def test_calculators_and_clients_of_a_crowd_get_tasks_done(asking):
    own = Own(sys.executable, 'any')
    with House() as house:
        dispatcher = own.start_dispatcher(house)
        port = own.listening_port(dispatcher)
        calculators = Crowd(house, 'calculators', port, 7, '--capacity', '2', '--interval', '0.2')
        calculators.wait_for('registered', 7)
        clients = Crowd(house, asking[0], port, *asking[1:])
        clients.wait_for('answered', TASKS)
        said = clients.end()
        account = systems.account_of(dispatcher)
    assert account['outcomes']['done'] >= said['answered'] >= TASKS
    assert sum(said['answered_each']) == said['answered']
    assert 'unanswered' not in said
    # Nothing of what they said was wrong, and each task was done once.
    assert sum(account['traffic']['refused'].values()) == 0
    assert account['counts']['unexpected_messages'] == 0
    assert account['counts']['attempt_result'] == account['outcomes']['done']


def test_a_crowd_that_takes_no_work_is_given_none():
    own = Own(sys.executable, 'any')
    with House() as house:
        dispatcher = own.start_dispatcher(house)
        port = own.listening_port(dispatcher)
        Crowd(house, 'calculators', port, 3, '--draining').wait_for('registered', 3)
        Crowd(house, 'clients', port, 1, '--keep', '10').wait_for('accepted', 10)
        account = systems.account_of(dispatcher)
    assert account['counts']['assignments'] == 0
    assert account['accepted'] == 10


@pytest.mark.parametrize('each, expected', [([5, 5, 5, 5], 1.0), ([8, 0, 0, 0], 0.25), ([3, 1], 0.8), ([0, 0], 1.0)])
def test_evenness_is_one_where_all_get_the_same(each, expected):
    assert evenness(each) == pytest.approx(expected)
