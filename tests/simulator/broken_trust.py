"""Broken variants of who is believed, and of what goes to an address that has not shown itself."""

from __future__ import absolute_import, division, print_function

from net_protocol import guard
from net_protocol.addresses import Addresses
from net_protocol.guard import ROLES, Guard
from net_protocol.seals import Signature
from tests.simulator.breaking import instead, mutant, nothing

# S15, S16 where there is a key.

def _compares_some(digits):
    def patch(original):
        def check(self, datagram):
            good = self.seal(datagram[self.LENGTH:])
            original(self, good if good[:digits] == datagram[:digits] else datagram)
        return check
    return patch


def _covers_the_head(original):
    def digits(keyed, body):
        return original.__func__(keyed, body[:40])
    return staticmethod(digits)


def _whatever_it_says(**changes):
    def patch(original):
        def admit(self, envelope, address, own_life, own_number):
            for field, value in changes.items():
                setattr(envelope, field, own_life if value is None else value)
            original(self, envelope, address, own_life, own_number)
        return admit
    return patch


def _any_life(original):
    def admit(self, envelope, address, own_life, own_number):
        for peer in self._peers.values():
            peer.heard = -1
        original(self, envelope, address, own_life, max(own_number, envelope.re))
    return admit


mutant('signature_ignored', 'S15', 'any signature is a good one', (Signature, 'check', instead(nothing)))
mutant('signature_compared_in_part', 'S15', 'the first 32 digits of a signature are compared',
       (Signature, 'check', _compares_some(len('{"hmac":"') + 32)))
mutant('signature_of_the_head', 'S15', 'the signature covers the first 40 bytes', (
    Signature, '_digits', _covers_the_head))
mutant('any_role_heard', 'S15', 'everybody listens to every role', (
    guard, 'LISTENS_TO', instead(dict.fromkeys(ROLES, ROLES))))
mutant('meant_for_anybody', 'S15', 'what was meant for another life is believed',
       (Guard, 'admit', _whatever_it_says(to=None)))
mutant('no_window', 'S16', 'a number is believed as often as it comes',
       (guard._Peer, 'is_new', instead(lambda self, number: True)))
mutant('window_of_the_last', 'S16', 'only the highest number is remembered',
       (guard._Peer, 'is_new', instead(lambda self, number: number != self.highest)))
mutant('former_life_believed', 'S16', 'a life is believed whether or not it has heard anything new',
       (Guard, 'admit', _any_life))


# S17: what goes to an address that has not shown itself.

def _no_proof(original):
    def note_heard(self, address, size):
        self.trust(address)
        original(self, address, size)
    return note_heard


def _any_echo(original):
    def note_proof(self, address, token, echo):
        return original(self, address, token, echo and self.token(address))
    return note_proof


mutant('allowance_ignored', 'S17', 'whoever asks is answered at any length', (
    Addresses, 'spend', instead(lambda self, address, datagrams: True)))
mutant('heard_is_proven', 'S17', 'an address from which something came is taken for proven',
       (Addresses, 'note_heard', _no_proof))
mutant('outcomes_not_counted', 'S17', 'outcomes go to whoever is said to have asked', (
    Addresses, 'spend', lambda original: lambda self, address, datagrams: original(self, address, [
        datagram for datagram in datagrams if b'"outcome"' not in datagram])))
mutant('any_echo_will_do', 'S17', 'the echo is not looked at', (Addresses, 'note_proof', _any_echo))
mutant('one_token_for_all', 'S17', 'all addresses have the same token',
       (Addresses, 'token', instead(lambda self, address: '0123456789abcdef')))
