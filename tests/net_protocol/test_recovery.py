"""Round-trip times, congestion window, loss detection and receive window, also against naive references."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from net_protocol.limits import ACK_RANGES_MAX, RECEIVE_WINDOW
from net_protocol.recovery import (
    PACKET_THRESHOLD, SEGMENT_BYTES, WINDOW_FIRST, WINDOW_MAX, WINDOW_MIN, CongestionWindow, LossDetection,
    ReceiveWindow, RoundTrip, Sent)
from net_protocol.schedule import ACK_DELAY_S, PROBE_FIRST_S, PROBE_MAX_S, PROBE_MIN_S


def sent(number, at=0.0, size=100):
    return Sent(number, at, size, {'cancel': [[1]]}, 0, 0, 0)


# Round trips.

def test_the_first_sample_is_the_round_trip_and_later_ones_are_smoothed():
    round_trip = RoundTrip()
    assert round_trip.smoothed_s is None
    round_trip.add(0.8)
    assert [round_trip.smoothed_s, round_trip.variation_s, round_trip.latest_s] == [0.8, 0.4, 0.8]
    round_trip.add(1.6)
    # RFC 6298 section 2.3: the variation first, from the former mean.
    assert round_trip.variation_s == pytest.approx(0.4 * 3 / 4 + 0.8 / 4)
    assert round_trip.smoothed_s == pytest.approx(0.8 * 7 / 8 + 1.6 / 8)
    for _ in range(200):
        round_trip.add(0.1)
    assert round_trip.smoothed_s == pytest.approx(0.1)
    assert round_trip.variation_s == pytest.approx(0, abs=1e-9)


def test_a_probe_timeout_is_computed_from_the_round_trip_and_doubles_within_limits():
    round_trip = RoundTrip()
    assert [round_trip.probe_timeout_s(probes) for probes in range(6)] == [0.5, 1, 2, 4, 4, 4]
    round_trip.add(0.2)
    assert round_trip.probe_timeout_s(0) == pytest.approx(0.2 + 4 * 0.1 + ACK_DELAY_S)
    assert round_trip.probe_timeout_s(1) == pytest.approx(2 * (0.2 + 4 * 0.1 + ACK_DELAY_S))
    fast, slow = RoundTrip(), RoundTrip()
    fast.add(0.0001)
    slow.add(30.0)
    assert fast.probe_timeout_s(0) == PROBE_MIN_S
    assert slow.probe_timeout_s(0) == PROBE_MAX_S
    for probes in (7, 8, 100, 10 ** 9):
        assert fast.probe_timeout_s(probes) == PROBE_MAX_S
    assert PROBE_FIRST_S < PROBE_MAX_S


# The congestion window.

def test_the_window_doubles_until_the_first_loss_and_then_grows_by_one():
    window = CongestionWindow()
    assert window.segments == WINDOW_FIRST
    for number in range(10):
        window.acknowledged(sent(number), window.segments)
    assert window.segments == pytest.approx(WINDOW_FIRST + 10)
    window.lost(1.0, sent(11, at=0.5))
    halved = (WINDOW_FIRST + 10) / 2
    assert window.segments == pytest.approx(halved)
    for number in range(int(halved)):
        window.acknowledged(sent(number, at=2.0), window.segments)
    assert halved + 0.8 < window.segments < halved + 1


def test_the_losses_of_one_round_trip_halve_the_window_once():
    window = CongestionWindow()
    window.lost(1.0, sent(1, at=0.1))
    halved = window.segments
    for number in range(2, 9):
        window.lost(1.1, sent(number, at=0.2 + number / 10))
        window.acknowledged(sent(number, at=1.0), 100.0)
    assert window.segments == halved == WINDOW_FIRST / 2
    window.lost(1.3, sent(9, at=1.2))
    assert window.segments == halved / 2


def test_an_unused_window_does_not_grow_and_a_window_has_limits():
    window = CongestionWindow()
    window.acknowledged(sent(1), window.segments / 2 - 0.1)
    assert window.segments == WINDOW_FIRST
    for number in range(2000):
        window.acknowledged(sent(number), 1000.0)
    assert window.segments == WINDOW_MAX
    for number in range(20):
        window.lost(number, sent(number, at=number - 0.5))
    assert window.segments == WINDOW_MIN


def test_after_persistent_congestion_the_window_grows_from_the_minimum_to_half():
    window = CongestionWindow()
    before = window.segments
    window.collapse(5.0)
    assert window.segments == WINDOW_MIN
    for number in range(8):
        window.acknowledged(sent(number, at=6.0), 100.0)
    assert before / 2 < window.segments < before / 2 + 2


def test_a_datagram_counts_as_its_bytes_in_segments_at_least_one():
    assert [sent(1, size=size).segments for size in (1, SEGMENT_BYTES, 2 * SEGMENT_BYTES)] == [1, 1, 2]


# Losses.

def test_the_time_for_a_range_depends_only_on_what_is_in_flight():
    loss = LossDetection()
    for number in range(2 ** 40, 2 ** 40 + 50, 7):
        loss.add(sent(number))
    assert [one.number for one in loss.acknowledge([[1, 2 ** 53]] * ACK_RANGES_MAX)] == list(
        range(2 ** 40, 2 ** 40 + 50, 7))
    assert loss.acknowledge([[1, 2 ** 53]]) == []


def naive_losses(in_flight, newest, round_trip):
    if not newest:
        return []
    rtt_s = max(round_trip.latest_s, round_trip.smoothed_s or 0.0, 0.001)
    third = sorted(one.number for one in newest)[-PACKET_THRESHOLD:]
    last = max(newest, key=lambda one: one.number)
    return sorted(number for number, one in in_flight.items() if number < last.number and (
        len(third) == PACKET_THRESHOLD and number < third[0] or one.at <= last.at - 9 / 8 * rtt_s))


@pytest.mark.parametrize('seed', range(20))
def test_loss_detection_agrees_with_a_naive_one(seed):
    rng = random.Random(seed)
    loss, round_trip = LossDetection(), RoundTrip()
    in_flight, acknowledged, number, now = {}, [], 0, 0.0
    for _ in range(400):
        now += rng.expovariate(20)
        number += 1 + int(rng.random() * 3) * int(rng.random() * 3)
        if rng.random() < 0.6:
            one = sent(number, now, int(rng.random() * 4000))
            loss.add(one)
            in_flight[number] = one
        elif in_flight and rng.random() < 0.3:
            gone = sorted(in_flight)[int(rng.random() * len(in_flight))]
            assert loss.remove(gone) is in_flight.pop(gone)
            assert loss.remove(gone) is None
        elif rng.random() < 0.02:
            assert [one.number for one in loss.clear()] == sorted(in_flight)
            in_flight.clear()
        else:
            ranges = []
            for _ in range(int(rng.random() * 4)):
                first = int(rng.random() * number) + 1
                ranges.append([first, first + int(rng.random() ** 4 * (2 * number))])
            expected = sorted(one for one in in_flight if any(first <= one <= last for first, last in ranges))
            found = loss.acknowledge(ranges)
            assert [one.number for one in found] == expected
            acknowledged += [in_flight.pop(one) for one in expected]
            if found:
                round_trip.add(now - found[-1].at)
            lost = naive_losses(in_flight, acknowledged, round_trip)
            assert [one.number for one in loss.take_lost(round_trip)] == lost
            for gone in lost:
                del in_flight[gone]
        assert set(loss.in_flight) == set(in_flight)
        assert loss.segments == pytest.approx(sum(one.segments for one in in_flight.values()))
        oldest = loss.oldest()
        assert (oldest.number if oldest else None) == (min(in_flight) if in_flight else None)


# The receive window.

def ranges_of(numbers):
    ranges = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges


@pytest.mark.parametrize('spread', [3, 50, 3000])
@pytest.mark.parametrize('seed', range(10))
def test_a_receive_window_agrees_with_a_set(seed, spread):
    rng = random.Random(seed)
    window, seen, pending = ReceiveWindow(), set(), set()
    top = start = int(rng.random() * 2 ** 31) + 1
    for _ in range(1500):
        # One number of ten is at the lower end of the window.
        ahead = int((rng.random() - 0.6) * spread) if rng.random() < 0.9 else int(rng.random() * 3) - RECEIVE_WINDOW
        number = max(start, top + ahead)
        highest = max(seen) if seen else 0
        expected = None if number <= highest - RECEIVE_WINDOW else number not in seen
        assert window.note(0.0, number) is expected
        if expected:
            seen.add(number)
            top = max(top, number)
        if expected is not None and rng.random() < 0.9:
            room = len(ranges_of(pending)) < ACK_RANGES_MAX
            in_order = not pending or number == max(pending) + 1
            assert window.acknowledge(number) is in_order
            pending.add(number)
            if len(ranges_of(pending)) > ACK_RANGES_MAX:
                # There is no room: a newer number replaces the oldest range, and another number is left out.
                oldest = ranges_of(pending)[0]
                pending -= {number} if not room and number != max(pending) else set(range(oldest[0], oldest[1] + 1))
        if rng.random() < 0.02 and pending:
            known = int(min(pending) + rng.random() * (max(pending) + 2 - min(pending)))
            window.forget(known)
            pending = {one for one in pending if one > known}
        assert window.ranges == ranges_of(pending)
        assert len(window.ranges) <= ACK_RANGES_MAX
        assert window.highest == (max(seen) if seen else 0)
