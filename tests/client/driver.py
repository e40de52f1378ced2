"""A core with one channel, without a turn and without a dispatcher: the test plays both.

Every step ends like a portion of a turn (settle, rows out, invariants). With ``twice`` every row is handled two times,
because a row may come again in another datagram: what a test says must hold then too.
"""

from __future__ import absolute_import, division, print_function

import random

from client.core import ClientCore
from client.settings import SETTINGS
from net_protocol import notional


class FakeChannel(object):
    """What a core uses of its channel."""

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
    """Time, rows in, rows out. The channel is open from the beginning unless ``incarnation`` is None."""

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
        """Settle; returns the rows that leave, as (kind, row)."""
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
        """Handle rows of one kind; returns the rows that leave because of them."""
        for _ in range(2 if self.twice else 1):
            self.core.handlers[kind](self.now, self.channel, [list(row) for row in rows])
        return self.turn()

    def acknowledge(self, kind, *rows):
        """The peer has handled these rows, which left before."""
        for _ in range(2 if self.twice else 1):
            self.core.acknowledged(self.now, self.channel, kind, list(rows))
        return self.turn()

    def lose(self, kind, *rows):
        """These rows were lost; returns those that go again, and notes that they do."""
        again = [self.core.refresh(self.now, self.channel, kind, row) for row in rows]
        again = [row for row in again if row is not None]
        if again:
            self.datagrams += 1
            if self.core.WANTS_NUMBERS:
                self.core.note_sent(self.datagrams, {kind: again})
        return again

    def reopen(self, incarnation='dddddddd'):
        """The channel opens, or begins anew, with that incarnation of the dispatcher."""
        if incarnation != self.channel.incarnation:
            self.channel.peer_open = 0
        self.channel.incarnation = incarnation
        self.channel.rows = {}
        self.channel.is_open = self.channel.has_room = True
        self.core.opened(self.now, self.channel)
        return self.turn()

    def wait(self, seconds):
        """Let time pass, with turns as they come due; returns the rows that left meanwhile."""
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
        raise AssertionError('timers fire without end')

    def stop(self):
        self.core.stop(self.now)
        return self.turn()

    def emitted(self, kind):
        """The facts of all events of one kind so far."""
        return [event.facts for event in self.events if event.kind == kind]


def of_kind(sent, kind):
    """The rows of one kind."""
    return [row for one, row in sent if one == kind]


class Client(Driver):
    """A client; it sends a task every second unless the settings say otherwise."""

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
    """A client that keeps its tasks out, and the submits it began with."""
    client = Client(twice, task_interval_s=[0, 0], **settings)
    return client, of_kind(client.started_with, 'submit')
