"""A relay between clients, calculators and their dispatcher that records every datagram and sends it again."""

from __future__ import absolute_import, division, print_function

import collections
import time

from net_protocol import codec
from tests.system.lossy_relay import LossyRelay
from tests.system.strangers import Stranger

#: Of what was recorded, so many datagrams are sent again at a time, spread evenly.
SENT_AGAIN_MAX = 120
#: What is under way when the recorder looks has arrived after this time, so that its copy comes second.
ARRIVED_S = 0.2
#: Datagrams in a row, and the pause after them: no buffer is to overflow.
IN_A_ROW, PAUSE_S = 20, 0.005


class Recorded(object):
    """A datagram, the address of the client or calculator that sent or received it, and whether it sent it."""

    __slots__ = ('peer', 'is_from_peer', 'datagram')

    def __init__(self, peer, is_from_peer, datagram):
        self.peer = peer
        self.is_from_peer = is_from_peer
        self.datagram = datagram


class Recorder(LossyRelay):
    """A relay without faults that remembers."""

    def __init__(self, target):
        self.recorded = []
        #: Name of a process -> datagrams that were sent to it again, also those that were meant for others. Greetings
        #: are not counted: a process does not count those either that answer nothing.
        self.thrown = collections.Counter()
        self.ways = collections.Counter()
        self._stranger = Stranger()
        LossyRelay.__init__(self, target, seed=0)

    def close(self):
        LossyRelay.close(self)
        self._stranger.close()

    def send_everything_again(self):
        """Each of a sample of what was recorded: again, from another address, to all others, and back to its sender."""
        everything = list(self.recorded)
        time.sleep(ARRIVED_S)
        names = self._names(everything)
        for number, found in enumerate(everything[::max(1, len(everything) // SENT_AGAIN_MAX)]):
            if found.is_from_peer:
                self._to_dispatcher('again', found.peer, found.datagram)
                self._to_dispatcher('from elsewhere', None, found.datagram)
                self._to_peer('back', found.peer, names, found.datagram)
            else:
                self._to_peer('again', found.peer, names, found.datagram)
                self._to_peer('from elsewhere', found.peer, names, found.datagram, is_from_dispatcher=False)
                self._to_dispatcher('back', found.peer, found.datagram)
            for other in sorted(names):
                if other != found.peer:
                    self._to_peer('to another', other, names, found.datagram)
            if number % IN_A_ROW == 0:
                time.sleep(PAUSE_S)

    def rows_to(self, name):
        """How many rows all dispatchers together sent to that process."""
        address_of = {other: address for address, other in self._names(self.recorded).items()}
        datagrams = [codec.parse(found.datagram) for found in self.recorded
                     if found.peer == address_of[name] and not found.is_from_peer]
        return sum(len(rows) for datagram in datagrams for rows in (datagram.rows or {}).values())

    @staticmethod
    def _names(everything):
        """Address -> who sent something from there last. An older address of a name belongs to a former incarnation."""
        addresses = {codec.parse(found.datagram).name: found.peer for found in everything if found.is_from_peer}
        return {address: name for name, address in addresses.items()}

    def _to_dispatcher(self, way, peer, datagram):
        """As if that peer had sent it, or from an address that nobody has heard of."""
        self._count(way, 'dispatcher', datagram)
        if peer is None:
            self._stranger.throw(self._target, datagram)
        else:
            self._back_for(peer).sendto(datagram, self._target)

    def _to_peer(self, way, peer, names, datagram, is_from_dispatcher=True):
        if peer not in names:
            return
        self._count(way, names[peer], datagram)
        if is_from_dispatcher:
            self._front.sendto(datagram, peer)
        else:
            self._stranger.throw(peer, datagram)

    def _count(self, way, name, datagram):
        self.ways[way] += 1
        self.thrown[name] += codec.parse(datagram).re is None

    def _carry(self, way, datagram):
        one, address = way
        is_from_peer = one is not self._front
        self.recorded.append(Recorded(self._peers[one] if is_from_peer else address, is_from_peer, datagram))
        LossyRelay._carry(self, way, datagram)
