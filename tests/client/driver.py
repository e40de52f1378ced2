"""A core with one channel. The test plays the turn and the dispatcher.

Each step ends like a turn: ``settle``, rows out, ``check_invariants``. With ``twice`` every row is handled two times,
because another datagram may carry the same row.
"""

from __future__ import absolute_import, division, print_function

import random

from client.core import ClientCore
from client.settings import SETTINGS
from net_protocol import notional


class FakeChannel(object):
    """The attributes of a channel that cores use."""

    def __init__(self):
        self.incarnation = ''
        self.rows = {}
        self.is_outgoing = self.is_open = self.has_room = False
        self.open = self.peer_open = self.forgotten = 0

    def forget(self):
        self.forgotten += 1
        self.rows = {}
        self.is_open = self.has_room = False


class Driver(object):
    """Time, rows in, rows out. At the beginning the channel is open, unless ``incarnation`` is None."""

    def __init__(self, core, twice=False, incarnation='dddddddd', now=1000.0):
        self.core = core
        self.channel = FakeChannel()
        self.channel.open = core.dispatcher.open
        core.dispatcher = self.channel
        self.now = now
        self.twice = twice
        self.events = []
        self.datagrams = 0
        core.start(now)
        self.started_with = self.turn() if incarnation is None else self.reopen(incarnation)

    def turn(self):
        """Settle; returns the rows that are sent, as (kind, row)."""
        self.core.settle(self.now)
        rows, self.channel.rows = self.channel.rows, {}
        self.channel.is_outgoing = False
        self.core.take_outgoing()
        if not self.channel.is_open:
            rows = {}
        if rows:
            self.datagrams += 1
            if self.core.WANTS_NUMBERS:
                self.core.note_sent(self.datagrams, rows)
        self.core.check_invariants()
        self.events.extend(self.core.take_events())
        return [(kind, row) for kind in sorted(rows) for row in rows[kind]]

    def hear(self, kind, *rows):
        """Handle rows of one kind; returns the rows that are sent."""
        for _ in range(2 if self.twice else 1):
            self.core.handlers[kind](self.now, self.channel, [list(row) for row in rows])
        return self.turn()

    def acknowledge(self, kind, *rows):
        """The peer acknowledges these rows, which were sent before."""
        for _ in range(2 if self.twice else 1):
            self.core.acknowledged(self.now, self.channel, kind, list(rows))
        return self.turn()

    def lose(self, kind, *rows):
        """These rows were lost; returns those that are resent."""
        resent = [self.core.refresh(self.now, self.channel, kind, row) for row in rows]
        resent = [row for row in resent if row is not None]
        if resent:
            self.datagrams += 1
            if self.core.WANTS_NUMBERS:
                self.core.note_sent(self.datagrams, {kind: resent})
        return resent

    def reopen(self, incarnation='dddddddd'):
        """The channel opens with that incarnation of the dispatcher."""
        if incarnation != self.channel.incarnation:
            self.channel.peer_open = 0
        self.channel.incarnation = incarnation
        self.channel.rows = {}
        self.channel.is_open = self.channel.has_room = True
        self.core.opened(self.now, self.channel)
        return self.turn()

    def wait(self, seconds):
        """Take turns when timers are due, for this long; returns the rows that are sent."""
        end_at = self.now + seconds
        sent = []
        for _ in range(100000):
            due_at = self.core.next_timer()
            if due_at is None or due_at > end_at or self.core.is_stopped:
                self.now = end_at
                return sent
            self.now = max(self.now, due_at)
            self.core.handle_timer(self.now)
            sent.extend(self.turn())
        raise AssertionError('more than 100,000 timers fired')

    def stop(self):
        self.core.stop(self.now)
        return self.turn()

    def emitted(self, kind):
        """The facts of all events of one kind so far."""
        return [event.facts for event in self.events if event.kind == kind]


def of_kind(sent, kind):
    return [row for one, row in sent if one == kind]


class Client(Driver):
    """A client. By default it sends a task every second."""

    def __init__(self, twice=False, tasks=None, duration_s=None, seed=1, incarnation='dddddddd', **settings):
        settings.setdefault('task_interval_s', [1, 1])
        core = ClientCore(SETTINGS.checked(settings), 'client-a', 'cccccccc', random.Random(seed), tasks, duration_s)
        super(Client, self).__init__(core, twice, incarnation)

    def first_submit(self):
        (row,) = of_kind(self.wait(1), 'submit')
        return row

    def done(self, *rows):
        return self.hear('done', *[[row[0], notional.compute(row[1]), 1] for row in rows])

    def refused(self, row, datagram=None, reason='queue_full', retry_after_s=2):
        return self.hear('refused', [row[0], datagram or self.datagrams, reason, retry_after_s])

    @property
    def statistics(self):
        return self.core.statistics

    @property
    def ends(self):
        return {end: count for end, count in self.statistics.ends.items() if count}


def closed_loop(twice=False, **settings):
    """A client in a closed loop, and its first submits."""
    client = Client(twice, task_interval_s=[0, 0], **settings)
    return client, of_kind(client.started_with, 'submit')
