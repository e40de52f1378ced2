"""Clients and the delivery of outcomes. Each outcome is kept until its client has acknowledged it.

A channel resends lost rows. This module sends outcomes again that a channel dropped because it slept or was restarted.
The outcomes of an absent client go to another incarnation of it, if one is heard. Their number and size are limited;
the oldest are dropped.
"""

from __future__ import absolute_import, division, print_function

from collections import OrderedDict, deque

from dispatcher.clients import CLIENT_BYTES, RANGE_BYTES, REFUSAL_BYTES, Client, Clients
from dispatcher.journal import Journal
from dispatcher.observers.watch import Watch
from net_protocol.core import Core, Event
from net_protocol.rows import DONE

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List  # noqa: F401

    from dispatcher.tasks import Task  # noqa: F401
    from net_protocol.channel import Channel  # noqa: F401

#: The largest number of entries that one loop handles in a turn. The next turns handle the rest.
TURN_MAX = 1000

#: Outcomes of a client that are sent again at a time, so that they share the window of the channel with new ones.
AGAIN_MAX = 100


class Outcomes(Core):
    """``settings`` is a complete object of ``dispatcher.settings.SETTINGS``."""

    COUNTERS = ('outcomes_dropped', 'outcomes_sent_again', 'outcomes_of_former') + Journal.COUNTERS  # type: Any

    def __init__(self, settings, name, incarnation):
        # type: (Dict[str, Any], str, str) -> None
        super(Outcomes, self).__init__(name, incarnation)
        self.settings = settings
        self.clients = Clients()
        self.journal = Journal() if settings['journal'] is not None else None
        self.watch = Watch()
        #: Bytes of memory of clients and tasks.
        self.client_bytes = 0
        #: The number of unacknowledged outcomes; the number and the bytes of those among them whose client is absent.
        self.undelivered = 0
        self.absent_outcomes = 0
        self.absent_bytes = 0
        # Absent clients, the longest absent first; clients whose outcomes are sent again.
        self._absent = OrderedDict()  # type: OrderedDict[Client, None]
        self._to_deliver = deque()  # type: Deque[Client]
        self._deliver_now = False

    def emit(self, now, kind, **facts):
        # type: (float, str, **Any) -> None
        self._events.append(Event(kind, now, facts))
        self.watch.event(now, kind, facts)

    def new_client(self, now, name, incarnation, former_from):
        # type: (float, str, str, float) -> Client
        """Add a client. It is absent until ``note_present`` is called."""
        client = Client(name, incarnation, self.watch.client(now, name))
        client.former_from = former_from
        self.clients.add(client)
        self._absent[client] = None
        self.client_bytes += CLIENT_BYTES
        return client

    def meet_client(self, now, channel):
        # type: (float, Channel) -> Client
        client = self.clients.get(channel.name, channel.incarnation)
        if client is None:
            client = self.new_client(now, channel.name, channel.incarnation, now)
            client.open = max(client.open, channel.peer_open)
            client.highest = client.open - 1
        elif channel.peer_open < client.open:
            # After a recovery ``open`` is a guess: lower tasks may still come.
            client.open = max(1, channel.peer_open)
        client.channel = channel
        channel.peer = client
        self.note_present(client)
        return client

    def note_present(self, client):
        # type: (Client) -> None
        """The client is heard: send it what it has not acknowledged."""
        if client.is_absent:
            client.is_absent = False
            del self._absent[client]
            self.absent_outcomes -= len(client.tasks) - client.live
            self.absent_bytes -= client.outcome_bytes
        if client.refusals or len(client.tasks) > client.live:
            self.deliver_again(client, client.open)
        for former in self.clients.former(client):
            self.deliver_again(former, former.open)

    def note_absent(self, now, client):
        # type: (float, Client) -> None
        """The client is not heard any more."""
        client.is_absent = True
        client.former_from = now
        client.drop_from = client.open
        self._absent[client] = None
        self.absent_outcomes += len(client.tasks) - client.live
        self.absent_bytes += client.outcome_bytes
        self.deliver_again(client, client.open)

    # Sending.

    def deliver(self, task):
        # type: (Task) -> None
        """Send the outcome of a task. Call this only when the journal has the outcome on disk."""
        client = task.client
        if client.is_absent:
            self.deliver_again(client, task.number)
        elif client.cursor is None or task.number < client.cursor:
            # Otherwise ``deliver_some`` will send it.
            self._send_outcome(client.channel, task)  # type: ignore[arg-type]

    def _send_outcome(self, channel, task):
        # type: (Channel, Task) -> None
        # ``finish`` builds most ``done`` rows itself, on the hot path.
        if task.state is DONE:
            self.send(channel, 'done', [task.number, task.result, task.attempt])
        else:
            self.send(channel, 'ended', [task.number, task.state, task.result, task.attempt])

    def refresh_outcome(self, client, kind, row):
        # type: (Client, str, Any) -> Any
        """The row to send in place of a lost row, or None if it is out of date."""
        if kind == 'refused':
            return row if row[0] >= client.open and row[0] not in client.tasks else None
        if kind == 'done' or kind == 'ended':
            return row if row[0] in client.tasks else None
        if kind == 'done_before' or kind == 'ended_before':
            former = self.clients.get(client.name, row[0])
            return row if former is not None and row[1] in former.tasks else None
        return row

    def deliver_again(self, client, number):
        # type: (Client, int) -> None
        """Let ``deliver_some`` send unacknowledged outcomes and refusals of the client again, from that number on."""
        if client.cursor is None:
            client.cursor = number
            self._to_deliver.append(client)
        elif number < client.cursor:
            client.cursor = number

    def deliver_some(self, now):
        # type: (float) -> None
        """Send some outcomes again for each client in ``_to_deliver`` whose channel has room."""
        budget = TURN_MAX
        for _ in range(min(len(self._to_deliver), AGAIN_MAX)):
            client = self._to_deliver.popleft()
            receiver = client  # type: Client | None
            if client.is_absent:
                receiver = self.clients.heir_of(client) if now >= client.former_from else None
            channel = None if receiver is None else receiver.channel
            if channel is None:
                client.cursor = None
                continue
            if budget > 0 and channel.has_room:
                budget -= self._send_again(channel, client)
            if client.cursor is not None:
                self._to_deliver.append(client)
        self._deliver_now = budget <= 0 and len(self._to_deliver) > 0

    def _send_again(self, channel, client):
        # type: (Channel, Client) -> int
        """Send the next outcomes and refusals of the client. Returns how many numbers were examined."""
        first = number = client.cursor  # type: Any
        sent = 0
        while number <= client.highest and number < first + TURN_MAX and sent < AGAIN_MAX:
            task = client.tasks.get(number)
            if task is None:
                if number in client.refusals and not client.is_absent:
                    self.send(channel, 'refused', client.refusals[number])
                    sent += 1
            elif task.is_over and not (self.journal is not None and self.journal.holds_back(task)):
                sent += 1
                if not client.is_absent:
                    self.counts['outcomes_sent_again'] += 1
                    self._send_outcome(channel, task)
                else:
                    self.counts['outcomes_of_former'] += 1
                    row = [client.incarnation, number, task.result, task.attempt]  # type: List[Any]
                    if task.state is not DONE:
                        row.insert(2, task.state)
                    self.send(channel, 'done_before' if task.state is DONE else 'ended_before', row)
            number += 1
        client.cursor = number if number <= client.highest else None
        return number - first

    # Forgetting.

    def drop_outcome(self, now, client, task):
        # type: (float, Client, Task) -> None
        """Forget an outcome that its absent client did not acknowledge. If the client returns, its channel has to open
        again. So it submits its tasks again, and this task is executed again.
        """
        if client.channel is not None:
            client.channel.is_open = False
        if self.trace:
            self.emit(now, 'outcome_dropped', task_id=task.task_id)
        self.forget_task(client, task, False)

    def forget_task(self, client, task, is_remembered=True):
        # type: (Client, Task, bool) -> None
        """Forget an ended task. If its number is not remembered, a new submit of it is executed again."""
        del client.tasks[task.number]
        if is_remembered:
            client.acknowledged.add(task.number)
        if task.state is DONE:
            # ``watch`` still holds the task, and its result may be large.
            task.result = None
        if self.journal is not None:
            self.journal.over(task.task_id)
        self.recount(client, 1, task.size)

    def forget_acknowledged(self, client, rows):
        # type: (Client, List[Any]) -> None
        """The client acknowledged these outcomes. ``forget_below`` has usually forgotten them before."""
        for row in rows:
            if row[0] in client.tasks:
                self.forget_task(client, client.tasks[row[0]])

    def forget_refusals(self, client, rows):
        # type: (Client, List[Any]) -> None
        for row in rows:
            if client.refusals.get(row[0]) == row:
                del client.refusals[row[0]]
        self.recount(client)

    def forget_former(self, now, peer, rows):
        # type: (float, Client, List[Any]) -> None
        """Another incarnation acknowledged these outcomes. If their client has returned, they are kept for it."""
        for row in rows:
            client = self.clients.get(peer.name, row[0])
            task = None if client is None else client.tasks.get(row[1])
            if client is not None and client.is_absent and task is not None and task.is_over:
                self.drop_outcome(now, client, task)

    def recount(self, client, forgotten=0, size=0):
        # type: (Client, int, int) -> None
        """Update the totals: ``forgotten`` outcomes of ``size`` bytes were removed; ranges and refusals may differ."""
        extra = len(client.acknowledged) * RANGE_BYTES + len(client.refusals) * REFUSAL_BYTES
        difference = extra - client.extra_bytes - size
        client.extra_bytes = extra
        client.bytes += difference
        self.client_bytes += difference
        client.outcome_bytes -= size
        self.undelivered -= forgotten
        if client.is_absent:
            self.absent_outcomes -= forgotten
            self.absent_bytes -= size
            self.forget_client(client)

    def forget_client(self, client):
        # type: (Client) -> None
        """Forget a client that has neither tasks nor a channel."""
        if client.channel is None and not client.tasks and client in self._absent:
            del self._absent[client]
            self.clients.remove(client)
            self.client_bytes -= client.bytes

    @property
    def has_outcomes_to_drop(self):
        # type: () -> bool
        """Whether the outcomes of absent clients exceed a limit."""
        return (self.absent_outcomes > self.settings['remembered_max']
                or self.absent_bytes > self.settings['memory_max_bytes'] // 4)

    def drop_outcomes(self, now):
        # type: (float) -> None
        """Drop outcomes above the limits, first those of the client that has been absent longest."""
        budget = TURN_MAX
        while budget and self.has_outcomes_to_drop:
            budget -= 1
            client = next(iter(self._absent))
            number = client.drop_from = max(client.drop_from, client.open)
            task = client.tasks.get(number)
            client.drop_from += 1
            if number > client.highest:
                # Its other tasks wait or run: examine the next client.
                client.drop_from = 0
                del self._absent[client]
                self._absent[client] = None
            elif task is not None and task.is_over:
                self.counts['outcomes_dropped'] += 1
                self.drop_outcome(now, client, task)
