"""The base class of all auditors. An auditor observes one process from outside and checks rules.

The simulated process calls

    heard                           for each valid datagram
    handling, methods of ``HEARD``  for the rows of one kind, before the core handles them
    check_window                    before a datagram is written while the congestion window is full
    wrote, methods of ``SENT``      for the rows of each datagram, before it is sent
    methods of ``EVENTS``           for each event of the core
    end_turn                        after each turn

and the world calls ``sweep`` every ``simulator.world.SWEEP_S`` seconds.
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

#: A timer may be early by the rounding error of floats, and no more.
ROUNDING_S = 1e-6

#: For this long after a suspension, a late turn or the start of a process, nothing counts as late.
UNDISTURBED_S = 1.0


def on_the_way(channel, place, *kinds):
    # type: (Channel, int, *str) -> Set[Any]
    """The fields with index ``place`` of all rows of these kinds that wait on a channel or are in flight."""
    everything = [channel.rows] + [rows for _, rows in channel.lost_rows]
    everything += [sent.rows for sent in channel.loss.in_flight.values()]
    return {row[place] for rows in everything for kind in kinds for row in rows.get(kind, ())}


class Audit(object):
    """Checks the rules S12, S15, S16 and S17, which apply to every process."""

    HEARD = {}  # type: Dict[str, str]
    SENT = {}  # type: Dict[str, str]
    EVENTS = {}  # type: Dict[str, str]
    ACKNOWLEDGED = frozenset()  # type: Any

    def __init__(self, ledger, settings):
        # type: (Ledger, Dict[str, Any]) -> None
        self.ledger = ledger
        self.settings = settings
        #: Whether SIGTERM was sent. From then on the process may give up tasks for which it would otherwise wait.
        self.told_to_stop = False
        self._sent = [(kind, getattr(self, method)) for kind, method in sorted(self.SENT.items())]
        # Kind -> (incarnation, number) of the datagrams whose rows were handled.
        self._handled = {}  # type: Dict[str, Set[Tuple[str, int]]]
        # Address that is not validated -> number of bytes that may still be sent there.
        self._allowances = {}  # type: Dict[Any, int]

    def begin(self, process):
        # type: (Process) -> None
        self.process = process
        self.core = process.core  # type: Any
        self.name = process.core.name
        self._began_at = process.environment.agenda.now

    def is_undisturbed(self, now):
        # type: (float) -> bool
        """Whether the process ran without a disturbance for ``UNDISTURBED_S``, so that it must not be late."""
        process = self.process
        return not process.is_suspended and process.clock.virtual(now) - process.disturbed_at > UNDISTURBED_S

    @property
    def size(self):
        # type: () -> int
        """Roughly the cost of ``check_invariants``, in turns. The check is made less often if its cost is high."""
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
        """Check rows before they are handled: a process sent them to this incarnation, and they are no copy."""
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
                raise broken('S15', (self.name, channel.name), 'handled, but sent by no process of this world: %r', key)
        elif meant_for != self.core.incarnation:
            raise broken('S16', (self.name, channel.name), 'handled, but sent to an earlier incarnation: %r', key)

    def check_window(self, channel, rows):
        # type: (Channel, Dict[str, List[Any]]) -> None
        """A datagram with these rows is written while the window is full. It must be a probe, or unreliable."""
        loss = channel.loss
        if len(loss.in_flight) >= 2 and not UNRELIABLE.issuperset(rows) and not channel.probes:
            raise broken('S12', self.name, '%.1f segments to %s are in flight, its window is %.1f', loss.segments,
                         channel.name, channel.window.segments)

    def wrote(self, now, channel, rows):
        # type: (float, Channel, Dict[str, List[Any]]) -> None
        """A datagram was written. It has a number and is sent next."""
        self.ledger.datagrams[self.core.incarnation, channel.number] = channel.incarnation
        for kind, look in self._sent:
            if kind in rows:
                look(now, channel, kind, rows[kind])

    def arrived(self, now, source, size):
        # type: (float, Any, int) -> None
        """A datagram of any kind arrived. ``now`` is virtual time.

        An address is validated when a datagram came from it after it could have received one from this process.
        """
        process = self.process
        reached = process.environment.reached
        reached[process.address, source] = now
        if source == STRANGER:
            # The stranger may have forwarded a datagram from the dispatcher.
            reached[process.address, process.environment.names.get(DISPATCHER)] = now
        if source not in process.validated:
            if reached.get((source, process.known_as), -1.0) >= self._began_at:
                process.validated.add(source)
            else:
                self._allowances[source] = self._allowances.get(source, 0) + size

    def sending_to_stranger(self, address, size):
        # type: (Any, int) -> None
        """The process sends to an address that is not validated."""
        left = self._allowances[address] = self._allowances.get(address, 0) - size
        if left < 0:
            raise broken('S17', self.name, 'sends %d bytes to %s, %d more than came from there', size, address[0],
                         -left)

    def strayed(self, datagram):
        # type: (Any) -> None
        """Count why a datagram belongs to no open channel, if a process of this world sent it with rows."""
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
        """Make the checks that are too expensive for each step."""
