"""Drives a monitor's core over a fake channel, or beside a real dispatcher's core on a network in memory."""

from __future__ import absolute_import, division, print_function

import random

from monitor.core import MonitorCore
from monitor.picture import Picture
from tests.fake_link import FakeLink

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

#: Settings of a calculator.
QUICK = {'task_duration_s': [0.2, 0.2], 'heartbeat_interval_s': 0.2}


class FakeChannel(object):
    """The attributes of a channel that the core uses."""

    def __init__(self):
        self.rows = {}
        self.is_outgoing = False
        self.is_open = False
        self.incarnation = None


class Driver(object):
    """The test plays the dispatcher. With ``twice``, every row is handled two times."""

    def __init__(self, twice=False, is_open=True, interval_s=1.0):
        self.now = 1000.0
        self.twice = twice
        self.picture = Picture()
        self.reports = []
        self.core = MonitorCore('monitor', 'mmmmmmmm', random.Random(1), interval_s, self.picture,
                                self.reports.append)  # type: Any
        self.channel = FakeChannel()
        self.core.dispatcher = self.channel  # type: ignore[assignment]
        self.core.start(self.now)
        assert self.sent() == {}, 'nothing is sent before the channel is open'
        if is_open:
            self.question = self.open()['status'][0][0]

    def sent(self):
        """Kind -> rows since the last call."""
        for channel in self.core.take_outgoing():
            assert channel is self.channel
        rows, self.channel.rows, self.channel.is_outgoing = self.channel.rows, {}, False
        return rows

    def open(self, incarnation='dddddddd'):
        """The channel opens or restarts. Returns the rows that the monitor sends then."""
        self.channel.incarnation = incarnation
        self.channel.is_open = True
        self.core.opened(self.now, self.channel)
        return self.sent()

    def hear(self, question, rows, answer=1, page=1, pages=1):
        """A page of a report arrives."""
        for _ in range(2 if self.twice else 1):
            self.core.handlers['status_report'](self.now, self.channel, [[question, answer, page, pages, rows]])

    def wait(self, seconds):
        """Returns kind -> rows that the monitor sends in this time."""
        end_at = self.now + seconds
        sent = {}
        while self.core.next_timer() is not None and self.core.next_timer() <= end_at:
            self.now = max(self.now, self.core.next_timer())
            self.core.handle_timer(self.now)
            for kind, rows in self.sent().items():
                sent.setdefault(kind, []).extend(rows)
        self.now = end_at
        return sent


class Watched(FakeLink):
    def __init__(self, seed=1, **settings):
        super(Watched, self).__init__(seed)
        self.server = self.dispatcher(**settings)
        self.reports = []
        self.picture = Picture()
        self.monitor = self.add(('monitor', 7000), MonitorCore(
            'monitor', self._incarnation(), self._generator(), 1.0, self.picture, self.reports.append))

    def do(self, action):
        """The monitor acts, and has a turn."""
        action(self.now)
        self._take_turn(self.monitor)
