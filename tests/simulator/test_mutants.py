"""The canaries: broken variants of the product, each of which has to be caught."""

from __future__ import absolute_import, division, print_function

import os
import random

import pytest

import run_simulator
from client.core import notional
from dispatcher.core import DispatcherCore
from net_protocol.notional import draw_payload
from simulator.run import CRASH, LIVENESS, SAFETY, draw_settings, run_world
from tests.simulator import mutants

#: Their worlds are the same on every Python, which test_seeds.py holds on each.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize('name', sorted(mutants.MUTANTS) if os.environ.get('NIGHTLY') else mutants.one_of_each_rule())
def test_a_broken_variant_is_caught_within_fifteen_seeds(name):
    assert mutants.seeds_survived(name)[1] is not None


def test_every_invariant_that_the_simulator_checks_has_a_broken_variant():
    # Only those prove a rule that nothing else may catch.
    broken = {rules[0] for rules, _, _ in mutants.MUTANTS.values() if len(rules) == 1}
    # S18 is held below, and an exception stands for L6.
    assert broken == {'S%d' % number for number in range(1, 26) if number != 18} | {
        'L%d' % number for number in range(1, 9) if number != 6}
    assert mutants.MUTANTS['poison_stops_a_process'][0] == ['L6', 'NotComputable']


def test_a_patch_is_taken_back():
    before = DispatcherCore._on_submit
    with mutants.applied('accepts_and_forgets'):
        assert DispatcherCore._on_submit != before
    assert DispatcherCore._on_submit == before


def test_a_draw_from_elsewhere_is_noticed(monkeypatch):
    # S18: with a global generator in a core, the same seed is no longer the same world.
    monkeypatch.setattr(notional, 'draw_payload', lambda rng, size: draw_payload(random, max(size, 8)))
    settings = draw_settings(1)
    assert run_world(1, settings)['hash'] != run_world(1, settings)['hash']


@pytest.mark.parametrize('name, verdict, status', [
    ('accepts_and_forgets', SAFETY, 3), ('never_drained', LIVENESS, 4), ('poison_stops_a_process', CRASH, 5)])
def test_a_failure_says_what_was_drawn_what_led_to_it_and_how_to_repeat_it(capfd, name, verdict, status):
    with mutants.applied(name):
        assert run_simulator.run(['--seed', '1', '--json']) == status
    output, errors = capfd.readouterr()
    assert '"verdict": "%s"' % verdict in output
    assert 'drawn: {' in errors
    assert 'to repeat it: python run_simulator.py --seed 1 --trace' in errors
    assert verdict == CRASH or ' -> ' in errors
