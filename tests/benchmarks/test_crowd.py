"""Crowds: the dispatcher can't tell their members from real clients and calculators."""

from __future__ import absolute_import, division, print_function

import sys

import pytest

from benchmarks import systems
from benchmarks.children import ProcessGroup
from benchmarks.questions.crowds import Crowd
from benchmarks.questions.scale import evenness
from benchmarks.systems import Own

pytestmark = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='waits with epoll')

TASKS = 50


@pytest.mark.parametrize('clients, options', [(3, ['--keep', '5']), (1, ['--keep', '100', '--rate', '200'])])
def test_crowds_of_calculators_and_clients_do_tasks(clients, options):
    own = Own(sys.executable)
    with ProcessGroup() as group:
        running = own.start(group, workers=0)
        Crowd(group, 'calculators', running.port, 7, '--capacity', '2', '--interval', '0.2').wait_for('registered', 7)
        crowd = Crowd(group, 'clients', running.port, clients, *options)
        crowd.wait_for('answered', TASKS)
        found = crowd.end()
        account = systems.account_of(running.broker)
    assert account['outcomes']['done'] >= found['answered'] >= TASKS
    assert sum(found['answered_each']) == found['answered']
    # Each task had one attempt.
    assert sum(account['traffic']['refused'].values()) == account['traffic']['unexpected'] == 0
    assert account['assignments'] <= account['accepted']


def test_draining_calculators_of_a_crowd_get_no_task():
    own = Own(sys.executable)
    with ProcessGroup() as group:
        running = own.start(group, workers=0)
        Crowd(group, 'calculators', running.port, 3, '--draining', '--interval', '0.2').wait_for('registered', 3)
        Crowd(group, 'clients', running.port, 1, '--keep', '10').wait_for('accepted', 10)
        account = systems.account_of(running.broker)
    assert account['assignments'] == 0
    assert account['accepted'] == 10


@pytest.mark.parametrize('each, expected', [([5, 5, 5, 5], 1.0), ([8, 0, 0, 0], 0.25), ([3, 1], 0.8), ([0, 0], 1.0)])
def test_evenness_is_one_if_all_have_the_same_share(each, expected):
    assert evenness(each) == pytest.approx(expected)
