"""When the turn has to handle each channel: for a probe, or because it falls asleep."""

from __future__ import absolute_import, division, print_function

from heapq import heappop, heappush

from net_protocol.schedule import SLEEP_S

MYPY = False
if MYPY:
    from typing import List, Tuple  # noqa: F401

    from net_protocol.channel import Channel  # noqa: F401


class Alarms(object):
    """A heap of channels. Each channel has at most one valid entry, at ``channel.alarm_at``. ``is_sleep_watched``:
    whether channels fall asleep here.

    Each datagram moves the times of a channel, mostly to later. Its entry moves only when it comes to the front.
    """

    def __init__(self, is_sleep_watched):
        # type: (bool) -> None
        self._is_sleep_watched = is_sleep_watched
        # (when, order, channel)
        self._heap = []  # type: List[Tuple[float, int, Channel]]
        self._order = 0

    def set(self, channel, at):
        # type: (Channel, float) -> None
        """Set an alarm of a channel, unless it has an earlier one."""
        if channel.alarm_at is None or at < channel.alarm_at:
            channel.alarm_at = at
            self._order += 1
            heappush(self._heap, (at, self._order, channel))

    def set_again(self, channel):
        # type: (Channel) -> None
        """Set the alarm for the probe or sleep of a channel, if one is planned."""
        at = self._due_at(channel)
        if at is not None:
            self.set(channel, at)

    def next_at(self):
        # type: () -> float | None
        """When ``take_due`` is to be called."""
        heap = self._heap
        while heap:
            at, _, channel = heap[0]
            if channel.alarm_at == at:
                due_at = self._due_at(channel)
                if due_at is not None and due_at <= at:
                    return at
                channel.alarm_at = None
                if due_at is not None:
                    self.set(channel, due_at)
                    continue
            heappop(heap)
        return None

    def is_due(self, now):
        # type: (float) -> bool
        """Whether ``take_due`` might return a channel."""
        return bool(self._heap) and self._heap[0][0] <= now

    def take_due(self, now, channels_max):
        # type: (float, int) -> List[Channel]
        """Remove and return the due channels, each once. Call ``set_again`` for each."""
        heap = self._heap
        due = []  # type: List[Channel]
        while heap and heap[0][0] <= now and len(due) < channels_max:
            at, _, channel = heappop(heap)
            if channel.alarm_at == at:
                channel.alarm_at = None
                due.append(channel)
        return due

    def _due_at(self, channel):
        # type: (Channel) -> float | None
        probe_at = channel.probe_at
        if not self._is_sleep_watched or channel.is_asleep or not channel.is_open:
            return probe_at
        sleep_at = channel.heard_at + SLEEP_S
        return sleep_at if probe_at is None or sleep_at < probe_at else probe_at
