"""The limits of what one turn reads: enough for a burst, and so little that timers fire in time under a flood.

The unit is a byte. If a short datagram causes much work, the core adds the number of bytes that would take as long
(``Core.cost``): one for each attempt that a heartbeat names.
"""

from __future__ import absolute_import, division, print_function

from net_protocol.errors import DatagramRefused
from net_protocol.traffic import OVER_BUDGET

MYPY = False
if MYPY:
    from typing import Any, Dict  # noqa: F401

READS_MAX = 256
ROWS_READ_MAX = 2048
BYTES_READ_MAX = 1024 * 1024


class ReadingBudget(object):
    """The bytes of one turn, in total and for each address."""

    def __init__(self):
        # type: () -> None
        self.bytes_left = 0
        # Address -> bytes read from there, in this turn and the one before.
        self._now = {}  # type: Dict[Any, int]
        self._before = {}  # type: Dict[Any, int]

    def begin(self):
        # type: () -> None
        self.bytes_left = BYTES_READ_MAX
        self._before, self._now = self._now, {}

    def spend(self, address, size):
        # type: (Any, int) -> None
        """A datagram was read. Raises ``DatagramRefused`` if its address sends more than half of a turn's bytes while
        others are heard too. For its sender this is a loss, so its congestion window adapts.
        """
        bytes_read = self.charge(address, size)
        read = self._now
        if bytes_read > BYTES_READ_MAX // 2 and (len(read) > 1 or any(other != address for other in self._before)):
            raise DatagramRefused(OVER_BUDGET, 'more than half of what one turn reads')

    def charge(self, address, size):
        # type: (Any, int) -> int
        """Add the work for an address, as bytes. Returns its sum in this turn."""
        self.bytes_left -= size
        self._now[address] = bytes_read = self._now.get(address, 0) + size
        return bytes_read
