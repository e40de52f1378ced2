"""The gate: how many submits may be unanswered, how that grows and shrinks, and who goes first."""

from __future__ import absolute_import, division, print_function

from client.gate import WINDOW_MAX, WINDOW_MIN, Gate
from net_protocol.delivery import RESEND_FIRST_S


def refused(held=(), wait_max_s=5.0):
    """A gate that one refusal shut at 0 for a second, and those that wait behind it."""
    gate = Gate(wait_max_s)
    assert gate.admit()
    assert gate.note_refused(0.0, 1.0, 1.0)
    for number in held:
        gate.hold(number, 'task-%d' % number)
    return gate


def passing(gate):
    passed = []
    item = gate.next()
    while item is not None:
        passed.append(item)
        item = gate.next()
    return passed


def test_a_new_client_may_have_a_whole_window_unanswered():
    gate = Gate()
    assert [gate.admit() for _ in range(WINDOW_MAX + 1)] == [True] * WINDOW_MAX + [False]
    assert gate.unanswered == WINDOW_MAX


def test_each_answer_lets_one_that_waits_pass_and_nobody_overtakes_it():
    gate = Gate()
    for _ in range(WINDOW_MAX):
        gate.admit()
    gate.hold(1, 'first')
    gate.note_gone()
    assert not gate.admit()
    assert passing(gate) == ['first']
    gate.note_accepted()
    assert gate.admit()
    assert gate.unanswered == WINDOW_MAX


def test_those_that_nothing_may_hold_back_are_counted_too():
    gate = refused()
    gate.let()
    assert gate.unanswered == 1


def test_while_it_is_shut_nobody_passes_and_then_a_few_do_the_first_first():
    gate = refused([7, 3, 5, 9, 1, 8])
    assert gate.shut_until == 1.0
    assert passing(gate) == [] and not gate.admit()
    gate.open()
    assert passing(gate) == ['task-%d' % number for number in (1, 3, 5, 7)]
    assert WINDOW_MIN == 4


def test_two_pass_for_each_that_was_accepted_until_it_is_half_as_wide_as_before():
    gate = refused(range(2 * WINDOW_MAX))
    gate.open()
    asked, passed = [], passing(gate)
    for _ in range(8):
        asked.append(len(passed))
        for _ in passed:
            gate.note_accepted()
        passed = passing(gate)
    assert asked[:6] == [4, 8, 16, 32, 64, 128]
    # From half of what was too much on, by one for all that it holds.
    assert WINDOW_MAX / 2 <= asked[6] <= gate.window <= WINDOW_MAX / 2 + 3


def test_it_never_widens_beyond_its_bound():
    gate = Gate()
    for _ in range(3 * WINDOW_MAX):
        assert gate.admit()
        gate.note_accepted()
    assert gate.window == WINDOW_MAX


def test_silence_halves_the_window_once_for_all_that_it_holds():
    gate = Gate()
    for _ in range(10):
        gate.note_silence(100.0)
        gate.note_silence(100.0 + RESEND_FIRST_S / 2)
    assert gate.window == WINDOW_MAX / 2
    gate.note_silence(100.0 + RESEND_FIRST_S)
    assert gate.window == WINDOW_MAX / 4
    for second in range(200, 300):
        gate.note_silence(second)
    assert gate.window == WINDOW_MIN


def test_each_time_without_an_acceptance_it_is_shut_twice_as_long_within_bounds():
    gate, waits = refused(), []
    for _ in range(6):
        gate.open()
        gate.admit()
        assert gate.note_refused(100.0, 1.0, 1.0)
        waits.append(gate.shut_until - 100.0)
    assert waits == [2.0, 4.0, 5.0, 5.0, 5.0, 5.0]


def test_longer_advice_is_followed_and_spread():
    gate = refused(wait_max_s=0.5)
    gate.open()
    gate.admit()
    gate.note_refused(100.0, 30.0, 1.5)
    assert gate.shut_until == 145.0


def test_after_an_acceptance_the_waits_begin_anew():
    gate = refused()
    for _ in range(3):
        gate.open()
        gate.admit()
        gate.note_refused(0.0, 1.0, 1.0)
    gate.open()
    gate.admit()
    gate.note_accepted()
    gate.admit()
    gate.note_refused(100.0, 1.0, 1.0)
    assert gate.shut_until == 101.0


def test_refusals_of_those_that_had_passed_before_it_was_shut_say_nothing_new():
    gate = Gate()
    for _ in range(3):
        gate.admit()
    assert gate.note_refused(0.0, 1.0, 1.0)
    assert not gate.note_refused(0.5, 9.0, 1.0)
    assert (gate.shut_until, gate.unanswered) == (1.0, 1)
