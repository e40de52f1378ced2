"""Drives a dispatcher's core over fake channels. The test plays the clients, the calculators and the network.

After every step the driver settles the core, writes its records, takes its rows and checks its invariants. With
``twice`` it handles every row two times, because a row may arrive again in another datagram.
"""

from __future__ import absolute_import, division, print_function

import random

from dispatcher.core import DispatcherCore
from dispatcher.settings import SETTINGS
from net_protocol.recovery import ReceiveWindow
from net_protocol.rows import CALCULATOR, CLIENT, MONITOR
from net_protocol.schedule import SLEEP_S

ONE, TWO = 'calculator-1', 'calculator-2'
FIRST, SECOND = 'aaaaaaaa', 'bbbbbbbb'


class FakeChannel(object):
    """The attributes of a channel that the core uses."""

    def __init__(self, role, name, incarnation, address):
        self.role = role
        self.name = name
        self.incarnation = incarnation
        self.address = address
        self.peer = None
        self.rows = {}
        self.is_outgoing = self.is_asleep = self.is_unreachable = False
        self.is_open = self.has_room = True
        self.open = self.peer_open = self.number_received = 0
        self.received = ReceiveWindow()
        self.heard_at = 0.0


class Driver(object):
    """``sent`` has every row that the core has sent: (channel, kind, row)."""

    def __init__(self, twice=False, now=1000.0, incarnation='dddddddd', recover=None, **settings):
        self.core = DispatcherCore(SETTINGS.checked(settings), 'dispatcher', incarnation, random.Random(1))
        self.now = now
        self.twice = twice
        self.channels = {}
        self.sent = []
        self.events = []
        #: The reason of a failure of the journal, and the records that were written.
        self.failure = None
        self.records = []
        self._beats = {}
        if recover is not None:
            self.core.recover(now, 1, recover)
        self.core.start(now)

    # Channels.

    def channel(self, role, name, incarnation=FIRST):
        """The open channel of that peer."""
        key = (role, name, incarnation)
        if key not in self.channels:
            self.channels[key] = FakeChannel(role, name, incarnation, (name, len(self.channels) + 1))
            self.channels[key].heard_at = self.now
            self.core.opened(self.now, self.channels[key])
        return self.channels[key]

    def client(self, name='client-a', incarnation=FIRST):
        return self.channel(CLIENT, name, incarnation)

    def calculator(self, name=ONE, incarnation=FIRST):
        return self.channel(CALCULATOR, name, incarnation)

    def monitor(self, name='monitor'):
        return self.channel(MONITOR, name)

    def reopen(self, channel):
        """The channel restarts, and drops unacknowledged rows."""
        channel.rows = {}
        channel.is_asleep = channel.is_unreachable = False
        channel.is_open = channel.has_room = True
        self.core.opened(self.now, channel)
        return self.turn()

    def sleep(self, channel):
        """The channel falls asleep after a long silence. Returns whether it closes."""
        self.now = max(self.now, channel.heard_at + SLEEP_S)
        channel.rows = {}
        channel.is_asleep, channel.has_room = True, False
        may_close = self.core.asleep(self.now, channel)
        if may_close:
            self.close(channel)
        self.turn()
        return may_close

    def awake(self, channel):
        self._wake(channel)
        return self.turn()

    def _wake(self, channel):
        if channel.is_asleep:
            channel.is_asleep, channel.has_room = False, True
            channel.heard_at = self.now
            self.core.awake(self.now, channel)

    def close(self, channel):
        channel.is_open = channel.has_room = False
        self.core.closed(self.now, channel)
        self.channels = {key: other for key, other in self.channels.items() if other is not channel}

    # Rows to the dispatcher. Each method returns the rows that the dispatcher sends then, as (kind, row).

    def hear(self, channel, kind=None, rows=(), peer_open=None, number=None):
        """A datagram with rows of one kind."""
        self._wake(channel)
        for _ in range(2 if self.twice else 1):
            channel.number_received = channel.number_received + 1 if number is None else number
            channel.received.note(self.now, channel.number_received)
            channel.heard_at = self.now
            channel.peer_open = max(channel.peer_open, peer_open or 0)
            self.core.heard(self.now, channel)
            if kind is not None:
                self.core.handlers[kind](self.now, channel, [list(row) for row in rows])
        return self.turn()

    def submit(self, *numbers, **options):
        payload, time_left_s = options.pop('payload', u'payload'), options.pop('time_left_s', 60)
        channel = options.pop('channel', None) or self.client(**options)
        return self.hear(channel, 'submit', [[number, payload, time_left_s] for number in numbers])

    def cancel(self, number, channel=None):
        return self.hear(channel or self.client(), 'cancel', [[number]])

    def raise_open(self, lowest_open, channel=None):
        """The client has finished all tasks below this number."""
        return self.hear(channel or self.client(), peer_open=lowest_open)

    def beat(self, channel, held=(), orphans=(), capacity=1, draining=False, interval_s=1.0, pages=(1, 1),
             sequence=None, number=None):
        if sequence is None:
            peer = (channel.name, channel.incarnation)
            sequence = self._beats[peer] = self._beats.get(peer, 0) + 1
        return self.hear(channel, 'heartbeat', [[sequence, pages[0], pages[1], interval_s, capacity,
                                                 [list(pair) for pair in held], list(orphans), draining]],
                         number=number)

    def result(self, channel, assignment, task, result=u'result', error=None):
        task = task_id(task) if isinstance(task, int) else task
        return self.hear(channel, 'result', [[assignment, task, None if error else result, error]])

    def refuse(self, channel, assignment, task, reason=u'busy'):
        task = task_id(task) if isinstance(task, int) else task
        return self.hear(channel, 'assign_refused', [[assignment, task, reason]])

    def acknowledge(self, channel, kind, *rows):
        """The peer has handled these rows."""
        self._wake(channel)
        for _ in range(2 if self.twice else 1):
            channel.number_received += 1
            channel.heard_at = self.now
            self.core.heard(self.now, channel)
            self.core.acknowledged(self.now, channel, kind, [list(row) for row in rows])
        return self.turn()

    def lose(self, channel, kind, row):
        """That row was lost. Returns the row that replaces it."""
        row = self.core.refresh(self.now, channel, kind, row)
        self.turn()
        return row

    # Turns.

    def turn(self):
        core = self.core
        core.settle(self.now)
        records = core.take_records()
        if records is not None:
            self.records.extend(records)
            core.note_written(self.now, self.failure)
        self.events.extend(core.take_events())
        sent = []
        for channel in core.take_outgoing():
            channel.is_outgoing = False
            rows, channel.rows = channel.rows, {}
            if channel.is_open and not channel.is_asleep:
                sent.extend((channel, kind, row) for kind in sorted(rows) for row in rows[kind])
        self.sent += sent
        core.check_invariants()
        return [(kind, row) for _, kind, row in sent]

    def turn_at(self, moment):
        """One turn at that time, also if the core wanted one earlier."""
        self.now = max(self.now, moment)
        due_at = self.core.next_timer()
        if due_at is not None and due_at <= self.now:
            self.core.handle_timer(self.now)
        return self.turn()

    def wait(self, seconds, beating=(), held=()):
        """Turns when the core wants them; every second, a heartbeat of each calculator in ``beating``."""
        end_at = self.now + seconds
        beat_at = self.now + 1.0
        sent = []
        for _ in range(100000):
            due_at = self.core.next_timer()
            if beating and beat_at <= min(end_at, end_at if due_at is None else due_at):
                self.now, beat_at = beat_at, beat_at + 1.0
                for channel in beating:
                    sent.extend(self.beat(channel, held, capacity=channel.peer.capacity))
                continue
            if due_at is None or due_at > end_at or self.core.is_stopped:
                self.now = end_at
                return sent
            sent.extend(self.turn_at(due_at))
        raise AssertionError('timers fire without end')

    def stop(self):
        self.core.stop(self.now)
        return self.turn()

    # Observation.

    @property
    def counts(self):
        return self.core.counts

    @property
    def status(self):
        return self.core.status

    def emitted(self, kind):
        """The facts of all events of one kind so far."""
        return [event.facts for event in self.events if event.kind == kind]

    def rows_to(self, channel, kind):
        """All rows of one kind that were sent on a channel so far."""
        return [row for one, other, row in self.sent if one is channel and other == kind]


def task_id(number, client='client-a', incarnation=FIRST):
    return u'%s:%s:%d' % (client, incarnation, number)


def of_kind(sent, kind):
    return [row for one, row in sent if one == kind]


def assigned(sent):
    """(assignment, number of the task, attempt) of each ``assign``."""
    return [(row[0], int(row[1].split(':')[-1]), row[2]) for row in of_kind(sent, 'assign')]


def running(twice=False, tasks=1, capacity=1, acknowledged=True, **settings):
    """A dispatcher whose calculator ONE runs so many tasks."""
    driver = Driver(twice, **settings)
    driver.beat(driver.calculator(ONE), capacity=capacity)
    rows = of_kind(driver.submit(*range(1, tasks + 1)), 'assign')
    if acknowledged:
        driver.acknowledge(driver.calculator(ONE), 'assign', *rows)
    return driver
