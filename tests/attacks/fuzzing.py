"""The target of all fuzzing, and its rule: any bytes give valid rows or one counted refusal.

A datagram is offered to a client, a dispatcher and a calculator, each with a turn as in a real process: handlers run,
timers fire, the invariants are checked, and the datagrams that are sent must be valid. Random datagrams reach the
handlers because tickets and first numbers are known, and no number counts as a duplicate.
"""

from __future__ import absolute_import, division, print_function

import random

from calculator.core import CalculatorCore
from calculator.settings import SETTINGS as CALCULATOR_SETTINGS
from client.core import ClientCore
from client.settings import SETTINGS as CLIENT_SETTINGS
from dispatcher.core import DispatcherCore
from dispatcher.settings import SETTINGS as DISPATCHER_SETTINGS
from net_protocol import codec
from net_protocol.recovery import ReceiveWindow
from net_protocol.rows import CALCULATOR, CLIENT, MONITOR
from net_protocol.seals import CHECKSUM
from net_protocol.turn import Turn
from tests.net_protocol.samples import INCARNATION, NAME, TICKET

PEER, STRANGER = ('127.0.0.1', 5555), ('127.0.0.1', 6666)
#: The tickets of the dispatcher's channels. The channels of client and calculator have ``TICKET``.
TICKETS = {CLIENT: TICKET, CALCULATOR: u'6930b2.c2f0a91b44', MONITOR: u'6930b3.c2f0a91b44'}
#: The time between two datagrams: timers of every kind fire now and then, and tasks do not expire at once.
STEP_S = 0.07

VALID = 'valid'


class KnownTickets(object):
    """One ticket for each role, for peers with one name."""

    def issue(self, now, datagram, address):
        return TICKETS.get(datagram.role, TICKET)

    def void(self, now):
        pass

    def issued_at_ms(self, now, datagram, address):
        is_known = (datagram.name, datagram.incarnation) == (NAME, INCARNATION)
        return int(now * 1000) if is_known and TICKETS.get(datagram.role) == datagram.to else None


class LowNumbers(random.Random):
    """The first datagram number is 1, so that random acknowledgements and greetings match sent datagrams."""

    def getrandbits(self, bits):
        return 0


class Target(object):
    """The three cores, each with its turn."""

    def __init__(self, seal=CHECKSUM):
        self.now = 1000.0
        self.verdicts = {}
        small = {'remembered_max': 50, 'pending_max': 50, 'calculators_max': 50}
        outages = {'outage': {'probability': 0}}
        cores = [
            ClientCore(CLIENT_SETTINGS.checked({}), 'client', 'clientaa', random.Random(1)),
            DispatcherCore(DISPATCHER_SETTINGS.checked(small), 'dispatcher', 'dispatch', random.Random(2)),
            CalculatorCore(CALCULATOR_SETTINGS.checked(dict(outages, capacity=3)), 'calculator', lambda: 'calculat',
                           random.Random(3))]  # type: list
        self._turns = [(core, Turn(core, LowNumbers(1), seal, is_local=lambda address: True)) for core in cores]
        self._seal = seal
        # All channels of the dispatcher.
        self._channels = set()
        # (cause, detail) of each refusal of the present turn.
        self._refusals = []
        cores[1].opened = self._noting(cores[1].opened)
        for core, turn in self._turns:
            turn._directory.tickets = KnownTickets()  # type: ignore[assignment]
            turn.on_refusal = lambda cause, detail, address: self._refusals.append((cause, detail))
            core.trace = True
            core.start(self.now)
            turn.set_upstream(PEER)

    def _noting(self, opened):
        def note(now, channel):
            self._channels.add(channel)
            opened(now, channel)
        return note

    def offer(self, datagram):
        """Offer a datagram to all three cores; returns the verdict. Raises an error if the rule is broken."""
        self.now += STEP_S
        found = [self._offer(core, turn, datagram) for core, turn in self._turns]
        for verdict in set(found):
            self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1
        # All have the same codec. Only WRONG_ROLE and BAD_NUMBER depend on the core.
        refused = set(found) & set(codec.CAUSES)
        assert not refused or len(set(found)) == 1, 'the codecs disagree: %r' % found
        return VALID if VALID in found else found[0]

    def _offer(self, core, turn, datagram):
        traffic = turn.traffic
        self._prepare(core, turn.upstream)
        before = traffic.datagrams_in, sum(traffic.refused.values()), traffic.rows_in
        arriving, leaving = [(datagram, STRANGER)], []  # type: list, list
        self._refusals = []
        turn.run(self.now, lambda: arriving.pop() if arriving else None, lambda said, address: leaving.append(said))
        assert traffic.datagrams_in == before[0] + 1
        assert sum(traffic.refused.values()) - before[1] == len(self._refusals) <= 1
        assert not self._refusals or traffic.rows_in == before[2], 'a part of the datagram was handled'
        core.check_invariants()
        for said in leaving:
            codec.decode(said, self._seal)
        if not self._refusals:
            return VALID
        (cause, detail), = self._refusals
        assert str(detail)
        return cause

    def _prepare(self, core, upstream):
        """Give all channels their known tickets, and empty receive windows."""
        if upstream is not None and (upstream.ticket, upstream.incarnation) != (TICKET, INCARNATION):
            upstream.restart(TICKET, NAME, INCARNATION)
            core.opened(self.now, upstream)
        for channel in self._channels if upstream is None else [upstream]:
            channel.received = ReceiveWindow()
