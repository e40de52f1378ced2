"""Messages that are said again: soon or not at all, and not too many."""

from __future__ import absolute_import, division, print_function

from net_protocol import kept as module
from net_protocol.kept import KEPT_S, Kept
from net_protocol.messages import HeartbeatAck

HERE, THERE = ('192.0.2.1', 1), ('192.0.2.2', 2)


def acks(*numbers):
    return [HeartbeatAck(number) for number in numbers]


def test_what_is_kept_for_an_address_is_taken_once_and_in_order():
    kept = Kept()
    kept.keep(0.0, HERE, acks(1, 2))
    kept.keep(0.1, THERE, acks(9))
    kept.keep(0.2, HERE, acks(3))
    assert kept.take(0.3, HERE) == acks(1, 2, 3)
    assert kept.take(0.3, HERE) == []
    assert kept.take(0.3, THERE) == acks(9)


def test_nothing_is_kept_for_longer_than_the_wait_before_a_first_resend():
    kept = Kept()
    kept.keep(0.0, HERE, acks(1))
    kept.keep(0.5, HERE, acks(2))
    assert kept.take(KEPT_S, HERE) == acks(2)


def test_what_nobody_takes_is_forgotten():
    kept = Kept()
    for second in range(1000):
        kept.keep(float(second), ('192.0.2.1', second), acks(1))
    assert len(kept) == 1


def test_there_is_room_for_so_many_addresses_and_messages(monkeypatch):
    monkeypatch.setattr(module, 'ADDRESSES_MAX', 2)
    monkeypatch.setattr(module, 'MESSAGES_MAX', 3)
    kept = Kept()
    for port in range(5):
        kept.keep(0.0, ('192.0.2.1', port), acks(1))
    kept.keep(0.0, ('192.0.2.1', 0), acks(2, 3, 4))
    assert len(kept) == 2
    assert kept.take(0.1, ('192.0.2.1', 0)) == acks(2, 3, 4)
    assert kept.take(0.1, ('192.0.2.1', 4)) == []
