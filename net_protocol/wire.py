"""The way of a message between a core and the datagrams below it, without the sockets.

Whoever runs a core, on a real socket or in a simulated network, hands arriving datagrams to its ``Wire`` and sends what
the ``Wire`` gives back. So what is decoded, refused, counted, grouped and numbered is the same everywhere.
"""

from __future__ import absolute_import, division, print_function

from net_protocol import codec, guard
from net_protocol.core import Sender
from net_protocol.errors import DatagramRefused
from net_protocol.guard import Unproven, is_welcome
from net_protocol.kept import Kept
from net_protocol.messages import Welcome
from net_protocol.seals import CHECKSUM

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Iterable, Iterator, List, Tuple  # noqa: F401

    from net_protocol.addresses import Addresses  # noqa: F401
    from net_protocol.core import Core  # noqa: F401
    from net_protocol.guard import Guard  # noqa: F401
    from net_protocol.messages import Message  # noqa: F401

#: Welcomes in one turn: a flood of old datagrams gets no more attention than this.
WELCOMES_MAX = 256


class Traffic(object):
    """What went through: datagrams, messages, and what was refused by cause."""

    def __init__(self):
        # type: () -> None
        self.datagrams_in = 0
        self.messages_in = 0
        self.datagrams_out = 0
        self.messages_out = 0
        #: Messages for a peer whose address is not known yet.
        self.unaddressed = 0
        self.refused = dict.fromkeys(codec.CAUSES + guard.CAUSES, 0)
        #: Signed datagrams of senders that did not know our present life.
        self.unacquainted = 0
        #: Messages that were not sent, or not at once, because their address had not shown itself.
        self.withheld = 0
        #: Datagrams that say nothing but who we are and what address we want to see or show.
        self.welcomes = 0

    def as_dict(self):
        # type: () -> Dict[str, Any]
        """For programs."""
        believed = self.datagrams_in - sum(self.refused.values()) - self.unacquainted
        return {'datagrams_in': self.datagrams_in, 'messages_in': self.messages_in,
                'datagrams_out': self.datagrams_out, 'messages_out': self.messages_out,
                'unaddressed': self.unaddressed, 'unacquainted': self.unacquainted,
                'withheld': self.withheld, 'welcomes': self.welcomes, 'refused': dict(self.refused),
                'messages_per_datagram_in': _ratio(self.messages_in, believed),
                'messages_per_datagram_out': _ratio(self.messages_out, self.datagrams_out)}


class Wire(object):
    """Datagrams in, datagrams out, for one core; with a ``Guard``, signed ones.

    ``addresses`` says where how much may be sent.
    """

    def __init__(self, core, addresses, guard=None):
        # type: (Core, Addresses, Guard | None) -> None
        self.traffic = Traffic()
        self._core = core
        self._addresses = addresses
        self._known = addresses.known
        self._echoes = addresses.echoes
        self._guard = guard
        self._seal = CHECKSUM if guard is None else guard.seal
        # Datagrams written so far: each carries its number.
        self._number = 0
        self._kept = Kept()
        self._again = []  # type: List[Tuple[Any, Message]]
        # Who is to be told in this turn who we are, with its (to, re), and who is to see its token again.
        self._welcomes = []  # type: List[Tuple[Any, Tuple[str, int]]]
        self._shows = []  # type: List[Any]

    def receive(self, now, datagram, address):
        # type: (float, bytes, Any) -> bool
        """Decode one datagram and hand its messages to the core. Raises ``DatagramRefused``, counted already.

        Returns False where it was neither refused nor believed: its sender has to be told first who we are.
        """
        traffic = self.traffic
        traffic.datagrams_in += 1
        try:
            envelope = codec.decode(datagram, self._seal)
            if not self._known.get(address):
                self._addresses.note_heard(address, len(datagram))
            if self._guard is not None:
                self._admit(self._guard, now, envelope, address)
        except Unproven:
            # Nothing wrong with it: every acquaintance begins so.
            traffic.unacquainted += 1
            return False
        except DatagramRefused as refusal:
            traffic.refused[refusal.cause] += 1
            raise
        if envelope.token is not None or envelope.echo is not None or address in self._echoes:
            self._note_proof(now, envelope, address)
        traffic.messages_in += len(envelope.messages)
        sender = Sender(address, envelope.name, envelope.incarnation, envelope.number)
        handle = self._core.handle_message
        for message in envelope.messages:
            if type(message) is not Welcome:
                handle(now, sender, message)
        return True

    def take_datagrams(self, now, resolve=None):
        # type: (float, Callable[[Any], Any] | None) -> Iterable[Tuple[Any, bytes]]
        """What the core wants to send, as ``(address, datagram)``: grouped by address into as few as fit.

        ``resolve`` turns what the core takes for an address into one to send to, or None where there is none yet.
        """
        outgoing = self._core.take_outgoing()
        if self._again:
            outgoing = self._again + outgoing
            self._again = []
        # Many turns have nothing to say.
        if outgoing or self._welcomes or self._shows:
            return self._grouped(now, outgoing, resolve)
        return ()

    def _grouped(self, now, outgoing, resolve):
        # type: (float, List[Tuple[Any, Message]], Callable[[Any], Any] | None) -> Iterator[Tuple[Any, bytes]]
        by_address = {}  # type: Dict[Any, List[Message]]
        # In the order of their first message: that of a dict differs between versions of Python.
        addresses = []  # type: List[Any]
        known = self._known
        for target, message in outgoing:
            address = target if resolve is None else resolve(target)
            if address not in known and address is not None:
                self._addresses.note_target(address, address is not target)
            if address in by_address:
                by_address[address].append(message)
            else:
                by_address[address] = [message]
                addresses.append(address)
        for address in addresses:
            if address is None:
                self.traffic.unaddressed += len(by_address[address])
            else:
                for datagram in self._datagrams(now, address, by_address[address]):
                    yield address, datagram
        if self._welcomes or self._shows:
            for pair in self._take_welcomes(by_address):
                yield pair

    def _take_welcomes(self, spoken_to):
        # type: (Any) -> Iterator[Tuple[Any, bytes]]
        """Who has to be told something besides what the core says; who was spoken to has seen its token by that."""
        welcomes = self._welcomes + [(address, self._credentials(address)) for address in self._shows
                                     if address not in spoken_to]  # type: List[Tuple[Any, Any]]
        self._welcomes = []
        self._shows = []
        for address, credentials in welcomes:
            for datagram in self._welcome(address, credentials):
                yield address, datagram

    def _datagrams(self, now, address, messages):
        # type: (float, Any, List[Message]) -> List[bytes]
        """Messages for one address. What can't be sent or believed there yet is kept."""
        credentials = self._credentials(address)
        is_unbelieved = credentials is not None and not credentials[0]
        if is_unbelieved:
            self._kept.keep(now, address, messages)
        datagrams = self._written(address, messages, credentials)
        if datagrams:
            return datagrams
        self.traffic.withheld += len(messages)
        if not is_unbelieved:
            self._kept.keep(now, address, messages)
        return self._welcome(address, credentials)

    def _welcome(self, address, credentials):
        # type: (Any, Tuple[str, int] | None) -> List[bytes]
        datagrams = self._written(address, [Welcome()], credentials)
        self.traffic.welcomes += len(datagrams)
        return datagrams

    def _credentials(self, address):
        # type: (Any) -> Tuple[str, int] | None
        return None if self._guard is None else self._guard.credentials(address)

    def _written(self, address, messages, credentials):
        # type: (Any, List[Message], Tuple[str, int] | None) -> List[bytes]
        """Datagrams with all of these, or none where the address may not be sent so much."""
        core = self._core
        is_heard = self._known.get(address)
        more = ''
        if not is_heard or address in self._echoes:
            more = self._addresses.fields(address)
        limit = self._addresses.coalesced_bytes(address)
        if self._guard is None or credentials is None:
            datagrams = codec.encode(core.name, core.incarnation, self._number + 1, messages, limit, more=more)
        else:
            datagrams = codec.encode(core.name, core.incarnation, self._number + 1, messages, limit, seal=self._seal,
                                     credentials=(self._guard.role,) + credentials, more=more)
        self._number += len(datagrams)
        if is_heard is None and not self._addresses.spend(address, datagrams):
            return []
        self.traffic.datagrams_out += len(datagrams)
        self.traffic.messages_out += len(messages)
        return datagrams

    def _admit(self, guard, now, envelope, address):
        # type: (Guard, float, codec.Envelope, Any) -> None
        try:
            guard.admit(envelope, address, self._core.incarnation, self._number)
        except Unproven:
            # A welcome is never answered by one, or two that know nothing of each other would go on for ever.
            if not is_welcome(envelope) and len(self._welcomes) < WELCOMES_MAX:
                self._welcomes.append((address, (envelope.incarnation, envelope.number)))
            raise
        if address in self._kept.by_address and address in self._known:
            self._say_again(now, address)

    def _note_proof(self, now, envelope, address):
        # type: (float, codec.Envelope, Any) -> None
        if self._addresses.note_proof(address, envelope.token, envelope.echo):
            self._say_again(now, address)
        # To whom nothing is sent without need, nothing is shown before.
        if address in self._echoes and address in self._known:
            self._shows.append(address)

    def _say_again(self, now, address):
        # type: (float, Any) -> None
        self._again += [(address, message) for message in self._kept.take(now, address)]


def _ratio(many, few):
    # type: (int, int) -> float | None
    return round(many / few, 3) if few > 0 else None
