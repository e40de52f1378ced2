"""Clients come and go; outcomes are sent until they are acknowledged, wait for absent clients, and are forgotten.

A channel resends what is lost. What is sent again here is what a channel dropped: while its client was asleep, or
because it began anew. Outcomes that an absent client may never fetch go to another incarnation of it, if one is heard;
they are bounded, and the oldest are dropped.
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

#: Entries that one loop of any part handles at a time; the rest waits for the next turn.
TURN_MAX = 1000

#: Outcomes that are sent again on one channel at a time, so that they share its window with new ones.
AGAIN_MAX = 100


class Outcomes(Core):
    """The clients, and what each of them is sent. ``settings`` is a complete object of
    ``dispatcher.settings.SETTINGS``.
    """

    COUNTERS = ('outcomes_dropped', 'outcomes_sent_again', 'outcomes_of_former') + Journal.COUNTERS  # type: Any

    def __init__(self, settings, name, incarnation):
        # type: (Dict[str, Any], str, str) -> None
        super(Outcomes, self).__init__(name, incarnation)
        self.settings = settings
        self.clients = Clients()
        self.journal = Journal() if settings['journal'] is not None else None
        self.watch = Watch()
        #: Memory that clients and tasks take.
        self.client_bytes = 0
        #: Outcomes that are not acknowledged, and those among them whose client is absent.
        self.undelivered = 0
        self.absent_outcomes = 0
        self.absent_bytes = 0
        # Absent clients as keys, the one that has been absent longest first; clients whose outcomes are sent again.
        self._absent = OrderedDict()  # type: OrderedDict[Client, None]
        self._to_deliver = deque()  # type: Deque[Client]
        self._deliver_now = False

    def emit(self, now, kind, **facts):
        # type: (float, str, **Any) -> None
        self._events.append(Event(kind, now, facts))
        self.watch.event(now, kind, facts)

    def new_client(self, now, name, incarnation, former_from):
        # type: (float, str, str, float) -> Client
        """A client that is not present yet."""
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
        """The client is heard again, and needs what it was not sent meanwhile."""
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
            # Otherwise ``deliver_some`` comes to it.
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
        """A row to a client was lost: what is sent instead, or None."""
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
        """Send what the client has not acknowledged, in the order of numbers, from that one on."""
        if client.cursor is None:
            client.cursor = number
            self._to_deliver.append(client)
        elif number < client.cursor:
            client.cursor = number

    def deliver_some(self, now):
        # type: (float) -> None
        """Go on sending again: for each client some outcomes, if there is room in the channel."""
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
        """Send the next outcomes and refusals of the client; returns how many numbers were looked at."""
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
        """Forget an outcome that its client, which is absent, did not acknowledge. If it comes back after all, its
        channel begins anew. So it submits what it waits for, and the task is executed again.
        """
        if client.channel is not None:
            client.channel.is_open = False
        if self.trace:
            self.emit(now, 'outcome_dropped', task_id=task.task_id)
        self.forget_task(client, task, False)

    def forget_task(self, client, task, is_remembered=True):
        # type: (Client, Task, bool) -> None
        """Forget a task that is over, and remember its number unless a submit of it is to be executed again."""
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
        """The client has these outcomes. Mostly the datagram said so by its ``open``, and they are forgotten."""
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
        """Another incarnation of a client has the outcomes. One that came back meanwhile gets them itself."""
        for row in rows:
            client = self.clients.get(peer.name, row[0])
            task = None if client is None else client.tasks.get(row[1])
            if client is not None and client.is_absent and task is not None and task.is_over:
                self.drop_outcome(now, client, task)

    def recount(self, client, forgotten=0, size=0):
        # type: (Client, int, int) -> None
        """So many outcomes of that size left the client's table; ranges and refusals may have come and gone."""
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
        """A client without tasks and channel is not kept."""
        if client.channel is None and not client.tasks and client in self._absent:
            del self._absent[client]
            self.clients.remove(client)
            self.client_bytes -= client.bytes

    @property
    def has_outcomes_to_drop(self):
        # type: () -> bool
        """Whether absent clients have more outcomes than are kept for them."""
        return (self.absent_outcomes > self.settings['remembered_max']
                or self.absent_bytes > self.settings['memory_max_bytes'] // 4)

    def drop_outcomes(self, now):
        # type: (float) -> None
        """Those of the client that has been absent longest go first."""
        budget = TURN_MAX
        while budget and self.has_outcomes_to_drop:
            budget -= 1
            client = next(iter(self._absent))
            number = client.drop_from = max(client.drop_from, client.open)
            task = client.tasks.get(number)
            client.drop_from += 1
            if number > client.highest:
                # What it has waits or runs: try the next client.
                client.drop_from = 0
                del self._absent[client]
                self._absent[client] = None
            elif task is not None and task.is_over:
                self.counts['outcomes_dropped'] += 1
                self.drop_outcome(now, client, task)
