"""Datagrams under a key, looked at from outside: who wrote each, for whom, and that it is believed by nobody else."""

from __future__ import absolute_import, division, print_function

import re

from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict, Set, Tuple  # noqa: F401

_NUMBER = re.compile(b'"life":"([a-z2-7]{8})".*?"n":([0-9]+)')


class DatagramAudit(object):
    """S15 and S16 for all processes of a world that have one key.

    It knows each datagram by the life that wrote it and its number there, which no two of them share.
    """

    def __init__(self):
        # type: () -> None
        # Datagram -> (where it was sent, when).
        self._sent = {}  # type: Dict[Tuple[str, int], Tuple[Any, float]]
        self._believed = set()  # type: Set[Tuple[str, int]]

    def sent(self, now, address, datagram):
        # type: (float, Any, bytes) -> None
        """A process sends this; ``now`` is virtual."""
        life, number = _NUMBER.search(datagram).groups()  # type: ignore[union-attr]
        self._sent[life.decode('ascii'), int(number)] = (address, now)

    def believed(self, name, address, began_at, sender):
        # type: (str, Any, float, Any) -> None
        """The process of that name, at that address, whose present life began then, takes a datagram for good."""
        key = (sender.incarnation, sender.number)
        about = (name, sender.name)
        if key not in self._sent:
            raise broken('S15', about, 'believed, and none of us sent it: %r', sender)
        meant_for, sent_at = self._sent[key]
        if meant_for != address:
            raise broken('S15', about, 'believed, and meant for %s: %r', meant_for[0], sender)
        if sent_at < began_at:
            raise broken('S16', about, 'believed, and meant for an earlier life: %r', sender)
        if key in self._believed:
            raise broken('S16', about, 'believed twice: %r', sender)
        self._believed.add(key)
