"""The gate: how many submits may be unanswered, how that grows and shrinks, and who goes first."""

from __future__ import absolute_import, division, print_function

from client.gate import SHUT_MIN_S, WINDOW_MAX, WINDOW_MIN, Gate
from net_protocol.delivery import RESEND_FIRST_S

LIFETIME_S = 60.0
LATE_AT = 1000.0


def refused(held=(), lifetime_s=LIFETIME_S):
    """A gate that one refusal shut at 0 for a second, and those that wait behind it."""
    gate = Gate(lifetime_s)
    assert gate.admit()
    assert gate.note_refused(0.0, 1.0, 1.0, 0)
    for number in held:
        gate.hold(number, LATE_AT, 'task-%d' % number)
    return gate


def refuse(gate, now=100.0, advised_s=1.0, jitter=1.0):
    """One more passes and is refused."""
    assert gate.admit()
    assert gate.note_refused(now, advised_s, jitter, gate.openings)
    return gate.shut_until - now


def passing(gate, now=0.0):
    passed = []
    item = gate.next(now)
    while item is not None:
        passed.append(item)
        item = gate.next(now)
    return passed


def test_a_new_client_may_have_a_whole_window_unanswered():
    gate = Gate(LIFETIME_S)
    assert [gate.admit() for _ in range(WINDOW_MAX + 1)] == [True] * WINDOW_MAX + [False]
    assert gate.unanswered == WINDOW_MAX


def test_each_answer_lets_one_that_waits_pass_and_nobody_overtakes_it():
    gate = Gate(LIFETIME_S)
    for _ in range(WINDOW_MAX):
        gate.admit()
    gate.hold(1, LATE_AT, 'first')
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
    gate = Gate(LIFETIME_S)
    for _ in range(3 * WINDOW_MAX):
        assert gate.admit()
        gate.note_accepted()
    assert gate.window == WINDOW_MAX


def test_silence_halves_the_window_once_for_all_that_it_holds():
    gate = Gate(LIFETIME_S)
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
        waits.append(refuse(gate))
    assert waits == [2.0, 4.0, 5.0, 5.0, 5.0, 5.0]


def test_it_is_not_shut_for_longer_than_half_a_lifetime_where_no_longer_time_is_advised():
    gate = refused(lifetime_s=3.0)
    for wait_s in (1.5, 1.5):
        gate.open()
        assert refuse(gate) == wait_s


def test_longer_advice_is_followed_and_spread_but_not_for_more_than_a_lifetime():
    gate = refused()
    gate.open()
    assert refuse(gate, advised_s=30.0, jitter=1.5) == 45.0
    gate.open()
    assert refuse(gate, advised_s=1e6, jitter=1.5) == 90.0


def test_advice_to_ask_at_once_is_not_followed_to_the_letter():
    gate = refused()
    gate.open()
    assert refuse(gate, now=0.0, advised_s=0.0) == SHUT_MIN_S


def test_after_an_acceptance_the_waits_begin_anew():
    gate = refused()
    for _ in range(3):
        gate.open()
        refuse(gate)
    gate.open()
    gate.admit()
    gate.note_accepted()
    assert refuse(gate) == 1.0


def test_answers_to_those_that_passed_before_say_nothing_of_the_time_after():
    gate = Gate(LIFETIME_S)
    for _ in range(5):
        gate.admit()
    assert gate.note_refused(0.0, 1.0, 1.0, 0)
    # While it is shut, and when it is open again.
    assert not gate.note_refused(0.5, 9.0, 1.0, 0)
    gate.note_accepted()
    assert (gate.shut_until, gate.window) == (1.0, WINDOW_MIN)
    gate.open()
    assert not gate.note_refused(1.5, 9.0, 1.0, 0)
    assert (gate.is_shut, gate.unanswered) == (False, 1)
    assert gate.note_refused(2.0, 3.0, 1.0, 1)


def test_who_has_waited_for_too_long_goes_last_and_the_newest_of_these_first():
    gate = refused()
    for number in range(1, 7):
        gate.hold(number, 10.0 * number, number)
    gate.open()
    gate.window = 100
    assert passing(gate, 35.0) == [4, 5, 6, 3, 2, 1]
    assert not gate.held and not gate.late


def test_those_whose_lifetime_is_over_are_not_kept_however_long_others_go_first():
    gate = refused(lifetime_s=10.0)
    gate.open()
    for number in range(2000):
        # Each waits for one that is younger.
        gate.hold(number, number + 5.0, number)
        gate.hold(number + 0.5, number + 5.5, number)
        gate.next(float(number))
        gate.note_gone()
    assert len(gate.held) + len(gate.late) <= 25
