"""Where datagrams may be sent: no more to an address than came from it, until it has shown itself."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from net_protocol import addresses as module
from net_protocol.addresses import PADDING, TOKEN_CHARS, Addresses

HERE, THERE, LOCAL = (u'192.0.2.1', 1), (u'192.0.2.1', 2), (u'127.0.0.1', 1)


def is_local(address):
    return address[0].startswith('127.')


@pytest.fixture
def ours():
    return Addresses(b'secret', is_local)


def test_an_address_is_sent_no_more_than_came_from_it_in_whatever_pieces(ours):
    rng = random.Random(3)
    came, went = [], []
    for _ in range(2000):
        if rng.random() < 0.4:
            came.append(rng.randrange(1, 1400))
            ours.note_heard(HERE, came[-1])
        else:
            pieces = [b'x' * rng.randrange(1, 1400) for _ in range(rng.randrange(1, 4))]
            if ours.spend(HERE, pieces):
                went += [len(piece) for piece in pieces]
        assert sum(went) <= sum(came)
        assert len(went) <= len(came)
    assert sum(went) > 0.5 * sum(came)


def test_who_was_never_heard_is_sent_nothing(ours):
    assert not ours.spend(HERE, [b'x'])
    assert HERE not in ours.known


def test_what_came_from_one_port_is_no_allowance_for_another(ours):
    ours.note_heard(HERE, 1000)
    assert not ours.spend(THERE, [b'x'])


def test_the_right_echo_proves_an_address_and_no_other(ours):
    assert not ours.note_proof(THERE, None, ours.token(HERE))
    assert ours.note_proof(HERE, None, ours.token(HERE))
    assert HERE in ours.known
    assert THERE not in ours.known
    # Once is enough to say so.
    assert not ours.note_proof(HERE, None, ours.token(HERE))


@pytest.mark.parametrize('echo', [
    None, '', u'0' * TOKEN_CHARS, u'x' * TOKEN_CHARS, u'0' * 10000, 7, True, [u'0'], {}, u'\ud800', u'\u0661' * 16])
def test_anything_else_proves_nothing(ours, echo):
    assert not ours.note_proof(HERE, echo, echo)
    assert HERE not in ours.known


def test_the_beginning_of_a_token_is_none(ours):
    token = ours.token(HERE)
    assert len(token) == TOKEN_CHARS
    assert not ours.note_proof(HERE, None, token[:-1])
    assert not ours.note_proof(HERE, None, token + '0')


def test_a_token_is_of_one_process_and_one_address(ours):
    tokens = {Addresses(secret, is_local).token(address) for secret in (b'a', b'b') for address in (HERE, THERE)}
    assert len(tokens) == 4


def test_addresses_of_this_machine_and_those_of_the_settings_need_no_proof(ours):
    ours.note_heard(LOCAL, 1)
    ours.note_target(HERE, is_from_settings=True)
    ours.note_target(THERE, is_from_settings=False)
    assert LOCAL in ours.known
    assert HERE in ours.known
    assert THERE not in ours.known


def test_whoever_sends_a_token_sees_it_again_until_it_sends_none(ours):
    ours.note_target(HERE, is_from_settings=True)
    ours.note_heard(HERE, 1)
    assert ours.fields(HERE) == ''
    ours.note_proof(HERE, u'0123456789abcdef', None)
    assert ours.fields(HERE) == '"echo":"0123456789abcdef",'
    ours.note_proof(HERE, None, None)
    assert ours.fields(HERE) == ''


def test_the_first_datagram_to_a_stranger_of_our_choice_is_padded_unless_it_is_here(ours):
    ours.note_target(HERE, is_from_settings=True)
    ours.note_target(LOCAL, is_from_settings=True)
    assert ours.fields(HERE) == PADDING
    assert ours.fields(LOCAL) == ''
    ours.note_heard(HERE, 100)
    assert ours.fields(HERE) == ''


def test_what_is_known_is_bounded(monkeypatch):
    for name in ('KNOWN_MAX', 'ALLOWANCES_MAX', 'ECHOES_MAX'):
        monkeypatch.setattr(module, name, 20)
    ours = Addresses(b'secret', is_local)
    for number in range(100):
        address = (u'192.0.2.3', number)
        ours.note_heard(address, 100)
        ours.note_proof(address, u'00', None)
        assert ours.spend(address, [b'x'])
        assert ours.note_proof(address, u'00', ours.token(address))
        ours.note_heard((u'192.0.2.4', number), 100)
    assert len(ours.known) <= 20
    assert len(ours.echoes) <= 20
    assert len(ours._allowances.entries) <= 20
