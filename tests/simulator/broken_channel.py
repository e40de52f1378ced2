"""Broken variants of channels: numbers, acknowledgements, tickets, windows, seals."""

from __future__ import absolute_import, division, print_function

from net_protocol import directory, turn
from net_protocol.channel import Channel
from net_protocol.recovery import CongestionWindow, ReceiveWindow, RoundTrip, Sent
from net_protocol.schedule import TICKET_S
from net_protocol.seals import Checksum, Signature
from net_protocol.tickets import Tickets
from net_protocol.turn import Turn
from tests.simulator.breaking import around, breaks, instead, mutant, nothing, returns

# S1: acknowledged rows are handled, and on disk.

@breaks('acknowledged_before_commit', 'S1', 'a submit is acknowledged before it is on disk', Turn, '_handle_rows')
def _acknowledges_at_once(original, self, now, channel, number, rows):
    self._core, core = _Written(self._core), self._core
    try:
        original(self, now, channel, number, rows)
    finally:
        self._core = core


class _Written(object):
    """A core that claims that all records are on disk."""

    has_unwritten = False

    def __init__(self, core):
        self.handlers = core.handlers


@breaks('acknowledged_and_not_handled', 'S1', 'a datagram with a submit is acknowledged and not handled',
        Turn, '_handle_rows')
def _loses_submits(original, self, now, channel, number, rows):
    if number % 8 == 0:
        rows = {name: some for name, some in rows.items() if name != 'submit'}
    original(self, now, channel, number, rows or {'ping': [[]]})


@breaks('acknowledged_by_turn', 'S1', 'a submit that could not be written is acknowledged when it comes again',
        Turn, '_handle_rows')
def _withholds_nothing_later(original, self, now, channel, number, rows):
    # Records of an earlier turn do not count.
    has_unwritten = self._core.has_unwritten
    original(self, now, channel, number, rows)
    if has_unwritten and number in channel.withheld:
        channel.withheld.remove(number)
        self._note_handled(now, channel, number, rows)


# S12: windows, and silent peers.

@breaks('window_ignored', 'S12', 'datagrams leave although the congestion window is full', Channel, 'take_rows')
def _any_window(original, self, *core_and_seal):
    window, self.window = self.window, CongestionWindow()
    self.window.segments = 1e9
    try:
        return original(self, *core_and_seal)
    finally:
        self.window = window


mutant('sleeping_are_sent_to', 'S12', 'rows are sent again to a client that is silent for long',
       (turn, 'SLEEP_S', instead(1e9)))


# S15: seals, roles, tickets.

@breaks('signature_compared_in_part', 'S15', 'only the first 32 digits of a signature are compared', Signature, 'check')
def _compares_some(original, self, datagram):
    good, compared = self.seal(datagram[self.LENGTH:]), len('{"hmac":"') + 32
    original(self, good if good[:compared] == datagram[:compared] else datagram)


def _covers_the_head(original):
    def digits(keyed, body):
        return original.__func__(keyed, body[:40])
    return staticmethod(digits)


@around
def _any_address(original, self, now, datagram, address, size):
    found = self._directory._by_ticket.get(datagram.to)
    return original(self, now, datagram, address, size) if found is None else found


@breaks('any_greeting', 'S15', 'a greeting that answers nothing is accepted', Turn, '_upstream_of')
def _any_greeting(original, self, now, datagram):
    if datagram.re is not None and datagram.re > self.upstream.number:
        datagram.re = next(iter(self.upstream.loss.in_flight), 0)
    return original(self, now, datagram)


mutant('checksum_ignored', 'S15', 'a damaged datagram is accepted',
       (Checksum, 'check', instead(nothing)))
mutant('signature_ignored', 'S15', 'any signature is valid', (Signature, 'check', instead(nothing)))
mutant('signature_of_the_head', 'S15', 'the signature covers only the first 40 bytes', (
    Signature, '_digits', _covers_the_head))
mutant('address_not_checked', 'S15', 'a ticket is valid from any address', (Turn, '_channel_of', _any_address))
mutant('any_ticket', 'S15 S16', 'the ticket is not checked', (
    Tickets, 'issued_at_ms', instead(lambda self, now, datagram, address: 31 if '.' in datagram.to else None)))


@breaks('acknowledgement_of_the_future', 'S15', 'a number that was never sent may be acknowledged', Turn, '_take')
def _any_acknowledgement(original, self, now, channel, datagram):
    datagram.acks = [[min(first, channel.number), min(last, channel.number)] for first, last in datagram.acks]
    datagram.acked = min(datagram.acked, channel.number)
    original(self, now, channel, datagram)


mutant('number_far_ahead', 'S15', 'any high number is accepted',
       (turn, 'NUMBERS_AHEAD_MAX', instead(2 ** 60)))


# S16: copies.

@around
def _old_tickets(original, self, now, datagram, address):
    at = int(datagram.to.partition('.')[0] or '0', 16)
    return original(self, min(now, at / 1000.0 + TICKET_S), datagram, address)


mutant('copies_handled', 'S16', 'duplicates of a datagram are handled',
       (ReceiveWindow, 'note', lambda original: lambda self, *sent: original(self, *sent) is not None))
mutant('window_of_the_last', 'S16', 'only duplicates of the newest datagram are detected',
       (ReceiveWindow, 'note', lambda original: lambda self, number, *more: number != self.highest and (
           original(self, number, *more) or True)))
mutant('old_tickets', 'S16', 'a ticket does not expire, and is valid after a newer one', (
    Tickets, 'issued_at_ms', _old_tickets), (Tickets, 'void', instead(nothing)),
    (directory, 'is_newer', instead(lambda ticket, other: ticket != other)))


# S17: addresses.

mutant('greetings_of_any_length', 'S17', 'a greeting may be longer than the datagram that it answers', (
    Turn, '_greet', lambda original: lambda self, now, datagram, address, size: original(
        self, now, datagram, address, 10 ** 6)))
mutant('tickets_without_address', 'S15', 'a ticket is not bound to an address', (
    Tickets, '_mac', lambda original: lambda self, at, datagram, address: original(self, at, datagram, ())),
    (Turn, '_channel_of', _any_address))


# Liveness.

@breaks('timers_starve', 'S8', 'in a late turn no timer fires', Turn, 'run')
def _late_turns_fire_nothing(original, self, now, receive, send, write=None):
    core = self._core
    due_at = core.next_timer()
    handle_timer = core.handle_timer
    if due_at is not None and now - due_at > 0.2:
        core.handle_timer = nothing
    try:
        original(self, now, receive, send, write)
    finally:
        core.handle_timer = handle_timer


mutant('lost_rows_are_lost', 'S10', 'lost rows are not sent again', (Turn, '_send_again', instead(nothing)))
mutant('no_probes', 'L3', 'no probe is sent when an acknowledgement is missing', (
    RoundTrip, 'probe_timeout_s', returns(1e6)))


@breaks('never_unanswered', 'L8', 'each sent datagram restarts the time without an acknowledgement',
        Channel, 'write')
def _answered_by_writing(original, self, now, *rest):
    datagram = original(self, now, *rest)
    if self.loss.in_flight:
        self.unanswered_since = now
    return datagram


@breaks('lost_assigns_starve', 'L8', 'lost assignments are not sent again', Channel, 'take_rows')
def _puts_off_assigns(original, self, *core_and_seal):
    waiting = [entry for entry in self.lost_rows if 'assign' in entry[1]]
    self.lost_rows = [entry for entry in self.lost_rows if 'assign' not in entry[1]]
    try:
        return original(self, *core_and_seal)
    finally:
        self.lost_rows += waiting


@breaks('pings_fill_the_window', 'L8', 'pings take space of the window', Sent, '__init__')
def _counts_pings(original, self, *facts):
    original(self, *facts)
    self.segments = self.segments or 1.0


mutant('unreachable_never', 'L8', 'a peer that acknowledges nothing counts as reachable',
       (Turn, '_judge', instead(nothing)))
