"""Datagrams looked at from outside: who wrote each and for whom, who believes it, and how much goes where."""

from __future__ import absolute_import, division, print_function

import re

from simulator.noise import STRANGER
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

_NUMBER = re.compile(b'"life":"([a-z2-7]{8})".*?"to":"([a-z2-7]*)".*?"n":([0-9]+)')


class DatagramAudit(object):
    """S15 and S16 for all processes of a world that have one key.

    It knows each datagram by the life that wrote it and its number there, which no two of them share.
    """

    def __init__(self):
        # type: () -> None
        # Datagram -> (where it was sent, the life that it names, when).
        self._sent = {}  # type: Dict[Tuple[str, int], Tuple[Any, str, float]]
        self._believed = set()  # type: Set[Tuple[str, int]]

    def sent(self, now, address, datagram):
        # type: (float, Any, bytes) -> None
        """A process sends this; ``now`` is virtual."""
        life, to, number = _NUMBER.search(datagram).groups()  # type: ignore[union-attr]
        self._sent[life.decode('ascii'), int(number)] = (address, to.decode('ascii'), now)

    def believed(self, name, life, address, began_at, sender):
        # type: (str, str, Any, float, Any) -> None
        """The process of that name, at that address, whose present life began then, takes a datagram for good."""
        key = (sender.incarnation, sender.number)
        about = (name, sender.name)
        if key not in self._sent:
            raise broken('S15', about, 'believed, and none of us sent it: %r', sender)
        meant_for, named, sent_at = self._sent[key]
        # A stranger who carries a datagram further is answered, and may carry the answer back: that is a network.
        is_carried = meant_for == STRANGER and named == life
        if meant_for != address and not is_carried:
            raise broken('S15', about, 'believed, and meant for %s: %r', meant_for[0], sender)
        if sent_at < began_at:
            raise broken('S16', about, 'believed, and meant for an earlier life: %r', sender)
        if key in self._believed:
            raise broken('S16', about, 'believed twice: %r', sender)
        self._believed.add(key)


class AddressAudit(object):
    """S17 for one process: no address is sent more than came from it before it can have shown itself.

    ``reached`` is shared by all: (to, from) -> when something from the second address last arrived at the first.
    """

    def __init__(self, process, began_at, reached):
        # type: (Any, float, Dict[Tuple[Any, Any], float]) -> None
        self._process = process
        self._began_at = began_at
        self._reached = reached
        # Bytes and datagrams that an address may still be sent.
        self._allowances = {}  # type: Dict[Any, List[int]]
        # Addresses that were sent something by this process and then spoke to it, and those of its settings.
        self._shown = set()  # type: Set[Any]

    def trust(self, address):
        # type: (Any) -> None
        """The name of its peer leads there."""
        self._shown.add(address)

    def arrived(self, now, source, size):
        # type: (float, Any, int) -> None
        """A datagram came, whatever it is."""
        own = self._process.address
        self._reached[own, source] = now
        if self._reached.get((source, own), -1.0) >= self._began_at:
            self._shown.add(source)
        elif source not in self._shown:
            allowance = self._allowances.setdefault(source, [0, 0])
            allowance[0] += size
            allowance[1] += 1

    def sending(self, address, size):
        # type: (Any, int) -> None
        """It sends that much."""
        if address in self._shown:
            return
        allowance = self._allowances.setdefault(address, [0, 0])
        allowance[0] -= size
        allowance[1] -= 1
        if min(allowance) < 0:
            raise broken('S17', self._process.core.name, 'sent %d bytes to %s, %d more than came from there',
                         size, address[0], -allowance[0])
