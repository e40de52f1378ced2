"""Broken variants of the product must be detected."""

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

#: ``test_seeds.py`` checks that the worlds are the same on every Python.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize('name', sorted(mutants.MUTANTS) if os.environ.get('NIGHTLY') else mutants.one_of_each_rule())
def test_a_broken_variant_is_detected_within_fifteen_worlds(name):
    assert mutants.worlds_needed(name)[1] is not None


def test_every_rule_has_a_variant_that_only_this_rule_detects():
    broken = {rules[0] for rules, _, _ in mutants.MUTANTS.values() if len(rules) == 1}
    # A test below breaks S18. For L6, an exception counts.
    assert broken == {'S%d' % number for number in range(1, 26) if number != 18} | {
        'L%d' % number for number in range(1, 9) if number != 6}
    assert mutants.MUTANTS['poison_stops_a_process'][0] == ['L6', 'NotComputable']


def test_a_global_random_generator_in_a_core_changes_the_world_of_a_seed(monkeypatch):
    # This breaks S18.
    monkeypatch.setattr(notional, 'draw_payload', lambda rng, size: draw_payload(random, max(size, 8)))
    settings = draw_settings(1)
    assert run_world(1, settings)['hash'] != run_world(1, settings)['hash']


@pytest.mark.parametrize('name, verdict, status', [
    ('accepts_and_forgets', SAFETY, 3), ('never_drained', LIVENESS, 4), ('poison_stops_a_process', CRASH, 5)])
def test_a_failure_has_the_drawn_settings_the_history_and_the_command_that_repeats_it(capfd, name, verdict, status):
    on_submit = DispatcherCore._on_submit
    with mutants.applied(name):
        assert run_simulator.run(['--seed', '1', '--json']) == status
    output, errors = capfd.readouterr()
    assert '"verdict": "%s"' % verdict in output
    assert 'drawn: {' in errors
    assert 'to repeat it: python run_simulator.py --seed 1 --trace' in errors
    assert verdict == CRASH or ' -> ' in errors
    assert DispatcherCore._on_submit == on_submit, 'the patch is still applied'
