"""A relay that records every datagram between peers and their dispatcher, and can send them again."""

from __future__ import absolute_import, division, print_function

import collections
import time

from net_protocol import codec
from tests.system.lossy_relay import LossyRelay
from tests.system.strangers import Stranger

#: The size of the sample that is sent again, spread evenly over the recorded datagrams.
SAMPLE_MAX = 120
#: By then, recorded datagrams have arrived, so that the copies arrive second.
ARRIVED_S = 0.2
#: Datagrams before a pause, so that no receive buffer overflows.
BURST, PAUSE_S = 20, 0.005


class Recorded(object):
    """A datagram, the address of the peer (client or calculator), and whether the peer sent it."""

    __slots__ = ('peer', 'is_from_peer', 'datagram')

    def __init__(self, peer, is_from_peer, datagram):
        self.peer = peer
        self.is_from_peer = is_from_peer
        self.datagram = datagram


class Recorder(LossyRelay):
    """A relay that records."""

    def __init__(self, target):
        self.recorded = []
        #: Name of a process -> copies that were sent to it, without greetings: a greeting that answers nothing is in no
        #: counter of a process.
        self.copies = collections.Counter()
        self.ways = collections.Counter()
        self._stranger = Stranger()
        LossyRelay.__init__(self, target, seed=0)

    def close(self):
        LossyRelay.close(self)
        self._stranger.close()

    def replay(self):
        """Send copies of a sample: on the same way, from a new address, to all other peers, and back to the sender."""
        recorded = list(self.recorded)
        time.sleep(ARRIVED_S)
        names = self._names(recorded)
        for number, found in enumerate(recorded[::max(1, len(recorded) // SAMPLE_MAX)]):
            if found.is_from_peer:
                self._to_dispatcher('same way', found.peer, found.datagram)
                self._to_dispatcher('new address', None, found.datagram)
                self._to_peer('back', found.peer, names, found.datagram)
            else:
                self._to_peer('same way', found.peer, names, found.datagram)
                self._to_peer('new address', found.peer, names, found.datagram, is_from_dispatcher=False)
                self._to_dispatcher('back', found.peer, found.datagram)
            for other in sorted(names):
                if other != found.peer:
                    self._to_peer('other peer', other, names, found.datagram)
            if number % BURST == 0:
                time.sleep(PAUSE_S)

    def rows_to(self, name):
        """The number of rows that all dispatchers sent to this process."""
        address_of = {other: address for address, other in self._names(self.recorded).items()}
        datagrams = [codec.parse(found.datagram) for found in self.recorded
                     if found.peer == address_of[name] and not found.is_from_peer]
        return sum(len(rows) for datagram in datagrams for rows in (datagram.rows or {}).values())

    @staticmethod
    def _names(recorded):
        """Address -> name of the peer. Addresses of former incarnations are left out."""
        addresses = {codec.parse(found.datagram).name: found.peer for found in recorded if found.is_from_peer}
        return {address: name for name, address in addresses.items()}

    def _to_dispatcher(self, way, peer, datagram):
        """Send from the address of ``peer``, or from a new address if that is None."""
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
        self.copies[name] += codec.parse(datagram).re is None

    def _carry(self, way, datagram):
        end, address = way
        is_from_peer = end is not self._front
        self.recorded.append(Recorded(self._peers[end] if is_from_peer else address, is_from_peer, datagram))
        LossyRelay._carry(self, way, datagram)
