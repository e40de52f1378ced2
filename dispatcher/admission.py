"""Rows of clients: tasks are accepted, refused, cancelled."""

from __future__ import absolute_import, division, print_function

from common.compat import text_type
from dispatcher.calculators import ALIVE
from dispatcher.calls import Calls
from dispatcher.pending_queue import NO_LIMIT_BELOW
from dispatcher.retry_after import RETRY_AFTER_S, RetryAfter
from dispatcher.tasks import SHORT_CHARS, TASK_BYTES, CallTask, Task, size_with
from net_protocol.limits import NUMBERS_AHEAD_MAX
from net_protocol.rows import CANCELLED, CLIENT, DRAINING, JOURNAL, QUEUE_FULL, REFUSALS, TOO_FAR_AHEAD

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List  # noqa: F401

    from dispatcher.clients import Client  # noqa: F401
    from net_protocol.channel import Channel  # noqa: F401

#: Numbers of a client's acknowledged tasks above its ``open`` are stored as ranges. Their largest number.
RANGES_MAX = 10000

#: Refusals that may wait on a channel in addition to those in ``Client.refusals``. Further ones are dropped.
REFUSED_ROWS_MAX = 100


class Admission(Calls):
    """Handles the rows ``submit``, ``call`` and ``cancel``."""

    COUNTERS = ('accepted',) + tuple('refused_' + reason for reason in REFUSALS) + (
        'duplicate_submits', 'cancelled_unknown', 'refusals_dropped') + Calls.COUNTERS

    def __init__(self, settings, name, incarnation):
        # type: (Dict[str, Any], str, str) -> None
        super(Admission, self).__init__(settings, name, incarnation)
        self._retry_after = RetryAfter()

    def _on_submit(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        if channel.role != CLIENT:
            return
        client = channel.peer or self.meet_client(now, channel)
        tasks, lane, young, journal, settings = client.tasks, client.lane, self.young, self.journal, self.settings
        timeout_s, young_s = settings['task_timeout_s'], self.young_s
        places = self._fast_places(client)
        # As in ``_reason_to_refuse``: a client gets no more memory than what stays free.
        bytes_left = (self.bytes_free - client.bytes) // 2
        number_max = client.open + NUMBERS_AHEAD_MAX
        trace = self.trace
        client.tally.heard_at = now
        accepted = size_of_accepted = 0
        for number, payload, time_left_s in rows:
            size = TASK_BYTES if type(payload) is text_type and len(payload) <= SHORT_CHARS else size_with(payload)
            is_fast = client.highest < number <= number_max and accepted < places \
                and size_of_accepted + size <= bytes_left
            if not is_fast:
                if accepted:
                    self._note_accepted(client, accepted, size_of_accepted)
                # From here on each row of this datagram is examined alone.
                accepted = size_of_accepted = places = 0
                if not self._may_accept(now, channel, client, number, size):
                    continue
            left_s = time_left_s if time_left_s < timeout_s else timeout_s
            task = tasks[number] = Task(client, number, payload, now, now + left_s, size)
            lane.append(task)
            if left_s > young_s:
                young.append(task)
            else:
                self.set_task_timer(task)
            if journal is not None:
                journal.accepted(task)
                self.has_unwritten = True
            if trace:
                self.emit(now, 'accepted', task_id=task.task_id)
            if is_fast:
                client.highest = number
                accepted += 1
                size_of_accepted += size
            else:
                client.highest = max(client.highest, number)
                self._note_accepted(client, 1, size)
                self._adopt_orphan(now, task)
                # ``PendingQueue.remove`` may have replaced the lane.
                lane = client.lane
        if accepted:
            self._note_accepted(client, accepted, size_of_accepted)

    def _on_call(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        if channel.role != CLIENT:
            return
        client = channel.peer or self.meet_client(now, channel)
        client.tally.heard_at = now
        for number, arguments, time_left_s, function, options in rows:
            size = size_with([arguments, function, options])
            if not self._may_accept(now, channel, client, number, size):
                continue
            task = client.tasks[number] = CallTask(
                client, number, arguments, now, now + time_left_s, size, function, options)
            client.highest = max(client.highest, number)
            self._count_accepted(client, 1, size)
            self.queue.put_call(task)
            if time_left_s > self.young_s:
                self.young.append(task)
            else:
                self.set_task_timer(task)
            if self.journal is not None:
                self.journal.accepted(task)
                self.has_unwritten = True
            if self.trace:
                self.emit(now, 'accepted', task_id=task.task_id)
            self.note_call(now, task)
            self._adopt_orphan(now, task)

    def _fast_places(self, client):
        # type: (Client) -> int
        """How many new tasks of ``client`` may be accepted without examining each. The caller checks memory."""
        if self.is_draining or client.is_behind or client.refusals or len(client.acknowledged) > RANGES_MAX \
                or self.calculators.orphans or (self.journal is not None and self.journal.failing_since is not None):
            return 0
        return min(self.settings['pending_max'] // NO_LIMIT_BELOW - self.queue.size,
                   self.settings['remembered_max'] - len(client.tasks) + client.live)

    def _note_accepted(self, client, number, size):
        # type: (Client, int, int) -> None
        """Count ``number`` tasks that were added to the client's table and to its lane of the queue."""
        self.queue.note_put(client, number)
        self._count_accepted(client, number, size)

    def _count_accepted(self, client, number, size):
        # type: (Client, int, int) -> None
        client.live += number
        client.bytes += size
        client.tally.accepted += number
        self.client_bytes += size
        self.counts['accepted'] += number

    def _may_accept(self, now, channel, client, number, size):
        # type: (float, Channel, Client, int, int) -> bool
        """Whether task ``number`` is new and may be accepted. If it may not, send and count the refusal."""
        if number < max(channel.peer_open, client.open) or number in client.tasks or number in client.acknowledged:
            self.counts['duplicate_submits'] += 1
            return False
        if self.calculators.queue and not self.queue.has_room_for(client, self.settings['pending_max']):
            # ``settle`` is too late: earlier tasks of this datagram may fill a short queue although calculators are
            # free for them.
            self.assign_waiting(now)
        # Refuse every copy of the submit until the client has acknowledged the refusal. If a later copy were accepted,
        # the client would take the acknowledgement of the refused copy for an acceptance, before the task is on disk.
        refusal = client.refusals.get(number)
        reason = self._reason_to_refuse(client, number, size) if refusal is None else refusal[2]
        if reason is None:
            return True
        self.counts['refused_' + reason] += 1
        client.tally.refused += 1
        self.watch.refused(now, client.name, client.prefix + str(number), reason)
        row = [number, channel.number_received, reason, self._retry_after_s(now, reason)]
        # Store the refusal, so that it can be sent again on a new channel. Store it only while there is memory: a
        # client that acknowledges nothing must not fill the memory.
        refusals = client.refusals
        if reason != TOO_FAR_AHEAD:
            client.highest = max(client.highest, number)
            if refusal is None and client.bytes <= self.bytes_free:
                refusals[number] = row
                self.recount(client)
            elif refusal is not None and refusal[1] < row[1]:
                refusals[number] = row
        if len(channel.rows.get('refused', ())) < len(refusals) + REFUSED_ROWS_MAX:
            self.send(channel, 'refused', row)
        else:
            self.counts['refusals_dropped'] += 1
        return False

    def _reason_to_refuse(self, client, number, size):
        # type: (Client, int, int) -> str | None
        if number > client.open + NUMBERS_AHEAD_MAX:
            return TOO_FAR_AHEAD
        if self.is_draining:
            return DRAINING
        if self.journal is not None and self.journal.failing_since is not None:
            return JOURNAL
        settings = self.settings
        # One client gets no more memory than what is left free.
        if client.bytes + size > self.bytes_free - size \
                or len(client.acknowledged) > RANGES_MAX \
                or len(client.tasks) - client.live >= settings['remembered_max'] \
                or not self.queue.has_room_for(client, settings['pending_max']):
            return QUEUE_FULL
        return None

    def _retry_after_s(self, now, reason):
        # type: (float, str) -> float | None
        if reason == TOO_FAR_AHEAD:
            return None
        if reason == QUEUE_FULL:
            waiting = self.queue.size
            return round(self._retry_after.seconds(now, waiting, self.counts['accepted'] - waiting), 3)
        return RETRY_AFTER_S

    def _adopt_orphan(self, now, task):
        # type: (float, Task) -> None
        """If a calculator already runs the new task, the task stays there. If the calculator received other work in
        the meantime, adoption waits for its next heartbeat.
        """
        holder = self.calculators.orphans.get(task.task_id)
        if holder is not None and holder.state == ALIVE and holder.free >= 0:
            self.calculators.drop_orphan(holder, task.task_id)
            self.adopt(now, task, holder, 0)

    def _on_cancel(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        if channel.role != CLIENT:
            return
        client = channel.peer or self.meet_client(now, channel)
        for number, in rows:
            task = client.tasks.get(number)
            if task is not None:
                if not task.is_over:
                    self.finish_and_withdraw(now, task, CANCELLED, u'cancelled by its client')
            elif not (number < channel.peer_open or number < client.open or number in client.acknowledged) \
                    and number <= client.open + NUMBERS_AHEAD_MAX \
                    and client.bytes + TASK_BYTES <= self.bytes_free:
                self._cancel_unknown(now, client, number)

    def _cancel_unknown(self, now, client, number):
        # type: (float, Client, int) -> None
        """Cancel a task that is in no table. Its submit may still arrive, and must then start nothing."""
        self.counts['cancelled_unknown'] += 1
        if client.refusals.pop(number, None) is not None:
            self.recount(client)
        task = client.tasks[number] = Task(client, number, None, now, now, TASK_BYTES)
        task.state = CANCELLED
        task.result = u'cancelled before it was accepted'
        client.highest = max(client.highest, number)
        client.bytes += TASK_BYTES
        client.outcome_bytes += TASK_BYTES
        self.client_bytes += TASK_BYTES
        self.undelivered += 1
        self.deliver(task)
