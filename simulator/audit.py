"""What the auditors of all roles have in common: each looks at one process from outside.

``heard`` comes with each valid datagram, ``handling`` and the methods of ``HEARD`` with the rows of one kind before
the core gets them, ``hold_window``, ``wrote`` and the methods of ``SENT`` with the rows of each datagram before it
is sent, the methods of ``EVENTS`` with the core's events, ``end_turn`` when a turn is over, ``sweep`` every
``SWEEP_S``.
"""

from __future__ import absolute_import, division, print_function

from net_protocol.rows import DISPATCHER, UNRELIABLE
from simulator.noise import STRANGER
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

    from net_protocol.channel import Channel  # noqa: F401
    from simulator.ledger import Ledger  # noqa: F401
    from simulator.process import Process  # noqa: F401

#: A timer may be early by what floats lose, no more.
ROUNDING_S = 1e-6

#: Within this time after a suspension, a late turn or the start nothing counts as late.
UNDISTURBED_S = 1.0


def on_the_way(channel, place, *kinds):
    # type: (Channel, int, *str) -> Set[Any]
    """The values at that place of all rows of these kinds that wait on a channel or are in flight."""
    everything = [channel.rows] + [rows for _, rows in channel.lost_rows]
    everything += [sent.rows for sent in channel.loss.in_flight.values()]
    return {row[place] for rows in everything for kind in kinds for row in rows.get(kind, ())}


class Audit(object):
    """S12, S15, S16 and S17 for any process, and nothing else."""

    HEARD = {}  # type: Dict[str, str]
    SENT = {}  # type: Dict[str, str]
    EVENTS = {}  # type: Dict[str, str]
    ACKNOWLEDGED = frozenset()  # type: Any

    def __init__(self, ledger, settings):
        # type: (Ledger, Dict[str, Any]) -> None
        self.ledger = ledger
        self.settings = settings
        #: SIGTERM came: from here on a process may give up what it would wait for otherwise.
        self.told_to_stop = False
        self._sent = [(kind, getattr(self, method)) for kind, method in sorted(self.SENT.items())]
        # Kind -> (incarnation, number) of the datagrams whose rows were handled.
        self._handled = {}  # type: Dict[str, Set[Tuple[str, int]]]
        # Address that has not shown itself -> bytes that may be sent there.
        self._allowances = {}  # type: Dict[Any, int]

    def begin(self, process):
        # type: (Process) -> None
        """It is this process that is looked at."""
        self.process = process
        self.core = process.core  # type: Any
        self.name = process.core.name
        self._began_at = process.environment.agenda.now

    def is_undisturbed(self, now):
        # type: (float) -> bool
        """Whether it has been running freely for a while, so that nothing is late for a good reason."""
        process = self.process
        return not process.is_suspended and process.clock.virtual(now) - process.disturbed_at > UNDISTURBED_S

    @property
    def size(self):
        # type: () -> int
        """What a walk over all that the process keeps costs, roughly, in turns."""
        return 0

    def opened(self, now, channel):
        # type: (float, Channel) -> None
        pass

    def heard(self, now, channel):
        # type: (float, Channel) -> None
        pass

    def acknowledged(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        pass

    def handling(self, channel, kind):
        # type: (Channel, str) -> None
        """Rows of that kind are handled: once for each datagram, and only in the incarnation that it is meant for."""
        key = (channel.incarnation, channel.number_received)
        handled = self._handled.get(kind)
        if handled is None:
            handled = self._handled[kind] = set()
        if key in handled:
            raise broken('S16', (self.name, channel.name), 'the datagram %d of %s is handled twice', key[1],
                         channel.name)
        handled.add(key)
        meant_for = self.ledger.datagrams.get(key)
        if meant_for is None:
            if self.ledger.has_key:
                raise broken('S15', (self.name, channel.name), 'believed, and none of us sent it: %r', key)
        elif meant_for != self.core.incarnation:
            raise broken('S16', (self.name, channel.name), 'handled, and meant for an earlier incarnation: %r', key)

    def hold_window(self, channel, rows):
        # type: (Channel, Dict[str, List[Any]]) -> None
        """A datagram with these rows, which is no probe, is about to be written although the window is full."""
        loss = channel.loss
        if len(loss.in_flight) >= 2 and not UNRELIABLE.issuperset(rows) and not channel.probes:
            raise broken('S12', self.name, '%.1f segments to %s are in flight, its window is %.1f', loss.segments,
                         channel.name, channel.window.segments)

    def wrote(self, now, channel, rows):
        # type: (float, Channel, Dict[str, List[Any]]) -> None
        """It has its number now, and is sent next."""
        self.ledger.datagrams[self.core.incarnation, channel.number] = channel.incarnation
        for kind, look in self._sent:
            if kind in rows:
                look(now, channel, kind, rows[kind])

    def arrived(self, now, source, size):
        # type: (float, Any, int) -> None
        """A datagram came, of whatever kind; ``now`` is virtual.

        An address has shown itself when something came from it after it can have received something from here.
        """
        process = self.process
        reached = process.environment.reached
        reached[process.address, source] = now
        if source == STRANGER:
            # It may have passed on what the dispatcher sent here.
            reached[process.address, process.environment.names.get(DISPATCHER)] = now
        if source not in process.shown:
            if reached.get((source, process.known_as), -1.0) >= self._began_at:
                process.shown.add(source)
            else:
                self._allowances[source] = self._allowances.get(source, 0) + size

    def sending_to_stranger(self, address, size):
        # type: (Any, int) -> None
        """It sends to an address that has not shown itself."""
        left = self._allowances[address] = self._allowances.get(address, 0) - size
        if left < 0:
            raise broken('S17', self.name, 'sends %d bytes to %s, %d more than came from there', size, address[0],
                         -left)

    def strayed(self, datagram):
        # type: (Any) -> None
        """A datagram belongs to no open channel. Where one of us sent it with rows, count why."""
        meant_for = self.ledger.datagrams.get((datagram.incarnation, datagram.number))
        if meant_for is not None:
            running = [process.incarnation for process in self.process.environment.at.values() if process.is_running]
            self.ledger.counts['copies_for_former' if meant_for != self.core.incarnation else
                               'copies_with_old_tickets' if datagram.incarnation in running else
                               'copies_from_former'] += 1

    def end_turn(self, now):
        # type: (float) -> None
        pass

    def sweep(self, now):
        # type: (float) -> None
        """What costs more than a step should."""
