"""The canaries: broken variants of the product, each of which has to be caught."""

from __future__ import absolute_import, division, print_function

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

#: Caught within a few seeds, so looked for in every run; the others by ``python -m tests.simulator.mutants``.
QUICK = (
    'a_slot_is_never_free', 'accepts_and_forgets', 'acknowledged_and_not_handled', 'acknowledged_before_commit',
    'acknowledged_by_turn', 'acknowledges_without_working', 'another_outcome_after_a_restart',
    'another_outcome_when_sent_again', 'answered_by_itself', 'answers_untold', 'any_greeting', 'any_ticket',
    'assignments_begin_anew', 'calculator_ignores_capacity', 'checksum_ignored', 'computes_wrongly',
    'copies_handled', 'copy_begins_anew', 'counts_twice', 'deadline_begins_anew', 'deadline_forgotten',
    'deadline_ignored', 'done_without_a_result', 'doubted_too_soon', 'ends_counted_twice', 'event_missing',
    'failed_write_believed', 'failed_write_dropped', 'failing_journal_left_alone', 'forgets_on_restart',
    'greetings_of_any_length', 'incarnation_ignored', 'late_outcome_told_twice', 'late_refusal_ignored',
    'lost_rows_are_lost', 'lost_without_acknowledgement', 'name_asked_once', 'never_drained', 'never_pings',
    'never_requeued', 'no_answer_timeout', 'no_probes', 'nobody_comes_back', 'nobody_dies',
    'nothing_resubmitted', 'one_client_starves', 'open_ignored', 'outcome_before_commit', 'outcomes_not_resent',
    'outcomes_of_former_to_the_living', 'pause_without_end', 'poison_stops_a_process', 'queue_unbounded',
    'refusal_forgotten', 'registry_unbounded', 'result_not_resent', 'results_mixed_up', 'signature_ignored',
    'submit_not_resent', 'suspects_get_work', 'tables_ignore_capacity', 'tells_what_is_not_so',
    'tickets_without_address', 'timers_early', 'timers_starve', 'window_ignored', 'window_of_the_last',
    'works_while_frozen')


def is_caught(name, settings_of):
    """Whether one of fifteen worlds is not clean with that variant."""
    first = mutants.FIRST_SEEDS.get(name, 1)
    with mutants.applied(name):
        return any(mutants.catches(name, run_world(seed, settings_of(seed))) for seed in range(first, first + 15))


@pytest.mark.parametrize('name', QUICK)
def test_a_broken_variant_is_caught_within_fifteen_seeds(name):
    assert is_caught(name, draw_settings)


def test_every_invariant_that_the_simulator_checks_has_a_broken_variant():
    broken = {rule for rule, _, _ in mutants.MUTANTS.values()}
    # S18 is held below.
    assert broken == {'S%d' % number for number in range(1, 21) if number != 18} | {
        'L%d' % number for number in range(1, 9)}


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
