"""Tickets: each proves that its owner received a datagram at an address a short time ago."""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol.codec import Datagram
from net_protocol.limits import TICKET_CHARS_MAX
from net_protocol.rows import CALCULATOR, CLIENT
from net_protocol.tickets import Tickets, is_newer

ADDRESS = ('192.0.2.7', 5600)
SECRET = b's' * 16


def sender(to=u'', role=CLIENT, name=u'client-a', incarnation=u'k3f7q2xa'):
    found = Datagram()
    found.role, found.name, found.incarnation, found.to = role, name, incarnation, to
    return found


@pytest.mark.parametrize('now', [-5.0, 0.0, 12.3456, 1e6, 1e9])
def test_a_ticket_is_valid_for_thirty_seconds(now):
    tickets = Tickets(SECRET)
    ticket = tickets.issue(now, sender(), ADDRESS)
    assert len(ticket) <= TICKET_CHARS_MAX
    since = max(now, 0.0)
    for age, is_valid in ((0.0, True), (29.9, True), (30.1, False), (1e5, False), (-0.1, False)):
        assert (tickets.issued_at_ms(since + age, sender(ticket), ADDRESS) is not None) is is_valid


@pytest.mark.parametrize('other, address', [
    ({}, ('192.0.2.7', 5601)), ({}, ('192.0.2.8', 5600)), ({'name': u'client-b'}, ADDRESS),
    ({'incarnation': u'k3f7q2xb'}, ADDRESS), ({'role': CALCULATOR}, ADDRESS),
], ids=['port', 'host', 'name', 'incarnation', 'role'])
def test_a_ticket_is_valid_for_one_peer_at_one_address(other, address):
    tickets = Tickets(SECRET)
    ticket = tickets.issue(5.0, sender(), ADDRESS)
    assert tickets.issued_at_ms(5.0, sender(ticket, **other), address) is None


@pytest.mark.parametrize('ticket', [
    u'', u'.', u'1388', u'1388.', u'.c2f0a91b44', u'1388.c2f0a91b4', u'1388.c2f0a91b444', u'1388.0000000000',
    u'f' * 29 + u'.c2f0a91b44', u'13.8.c2f0a91b4'])
def test_a_ticket_that_was_not_issued_is_invalid(ticket):
    tickets = Tickets(SECRET)
    assert tickets.issued_at_ms(5.0, sender(ticket), ADDRESS) is None
    good = tickets.issue(5.0, sender(), ADDRESS)
    # Another time with the same signature, and other spellings of the ticket.
    for changed in (u'1389' + good[4:], u'0' + good, good[:4] + good[4:].replace(u'.', u'..')):
        assert tickets.issued_at_ms(5.0, sender(changed), ADDRESS) is None


def test_a_ticket_of_another_process_is_invalid():
    ticket = Tickets(SECRET).issue(5.0, sender(), ADDRESS)
    assert Tickets(b't' * 16).issued_at_ms(5.0, sender(ticket), ADDRESS) is None
    assert Tickets(SECRET).issued_at_ms(5.0, sender(ticket), ADDRESS) == 5000


def test_void_applies_to_all_earlier_tickets_and_the_next_is_valid_and_newer():
    tickets = Tickets(SECRET)
    before = tickets.issue(5.0, sender(), ADDRESS)
    tickets.void(5.0)
    tickets.void(4.0)
    assert tickets.issued_at_ms(5.0, sender(before), ADDRESS) is None
    after = tickets.issue(5.0, sender(), ADDRESS)
    assert tickets.issued_at_ms(5.0, sender(after), ADDRESS) is not None
    assert is_newer(after, before)


def test_tickets_are_ordered_by_their_time():
    tickets = Tickets(SECRET)
    issued = [tickets.issue(at, sender(), ADDRESS) for at in (0.0, 0.001, 0.255, 16.0, 1e6)]
    for place, ticket in enumerate(issued):
        assert is_newer(ticket, '')
        assert [is_newer(ticket, other) for other in issued] == [True] * place + [False] * (len(issued) - place)
