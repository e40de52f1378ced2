"""What calculators report: heartbeats, assignments that they refuse, and that they leave."""

from __future__ import absolute_import, division, print_function

from itertools import chain, islice

from dispatcher.calculators import ALIVE, DEAD, LEFT
from dispatcher.fleet import Fleet
from dispatcher.heartbeats import ORPHAN_BYTES, RANGE_BYTES, Pages, compare, in_both, page_size
from dispatcher.outcomes import TURN_MAX
from dispatcher.tasks import ASSIGNED, NOT_HELD, TURNED_DOWN, WAITING
from net_protocol.limits import UNREPORTED_MAX
from net_protocol.rows import CALCULATOR, HANDED_BACK
from net_protocol.schedule import ORPHAN_GRACE_S

MYPY = False
if MYPY:
    from typing import Any, List, Set, Tuple  # noqa: F401

    from dispatcher.calculators import Calculator  # noqa: F401
    from dispatcher.tasks import Task  # noqa: F401
    from net_protocol.channel import Channel  # noqa: F401

#: The task id in a revoke of an attempt whose task is unknown.
UNKNOWN_TASK = u'unknown:aaaaaaaa:1'


class Reports(Fleet):
    COUNTERS = ('heartbeats', 'stale_heartbeats', 'refused_heartbeats') + Fleet.COUNTERS

    def _on_heartbeat(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        if channel.role != CALCULATOR:
            return
        # Of several heartbeats in one datagram only the newest is of interest. So one datagram reconciles once.
        newest = rows[0][0] if len(rows) == 1 else max(rows)[0]
        for sequence, page, pages, interval_s, capacity, held, orphans, draining in rows:
            self.counts['heartbeats'] += 1
            calculator = channel.peer
            is_new = calculator is None or self.calculators.by_name.get(channel.name) is not calculator
            if is_new:
                calculator = self.register(now, channel, capacity, interval_s)
                if calculator is None:
                    return
                # Until all pages of a heartbeat say what it holds.
                calculator.full_until_beat = True
            if calculator.state == LEFT or sequence < newest or sequence < calculator.sequence \
                    or sequence == calculator.complete:
                self.counts['stale_heartbeats'] += 1
                continue
            if sequence > calculator.sequence:
                calculator.sequence = sequence
                self.calculators.set_pages(calculator, None)
            named = sum([last - first + 1 for first, last in held]) + len(orphans)
            if named > calculator.capacity + UNREPORTED_MAX or (
                    pages > 1 and not self._may_keep(calculator, page, named, page_size(held, orphans))):
                self._refuse_heartbeat(calculator)
                continue
            self.cost += named
            if calculator.state == DEAD:
                self.recover_calculator(now, calculator)
            calculator.draining = draining
            if interval_s != calculator.interval_s:
                calculator.interval_s = interval_s
                self.watch_silence(now, calculator)
            if pages == 1:
                self._reconcile(now, calculator, channel.number_received, held, orphans)
            else:
                self._take_page(now, calculator, page, pages, (named, channel.number_received, held, orphans))
                # Its ``draining`` may have turned false.
                self.calculators.update(calculator)
            if is_new and calculator.conduct.reason is not None:
                # A calculator on probation gets no work before its second heartbeat.
                calculator.full_until_beat = True

    def _may_keep(self, calculator, page, named, size):
        # type: (Calculator, int, int, int) -> bool
        """Whether this page fits in memory, and names with the received ones no more attempts than it can hold."""
        pages = calculator.pages
        if pages is not None and page not in pages.kept:
            named += pages.named
        return named <= calculator.capacity + UNREPORTED_MAX and self._has_memory_for(calculator, size)

    def _has_memory_for(self, calculator, size):
        # type: (Calculator, int) -> bool
        """Whether a calculator that grows by ``size`` bytes takes no more memory than what stays free."""
        return size <= 0 or calculator.bytes + 2 * size <= self.bytes_free_for_calculators

    def _refuse_heartbeat(self, calculator):
        # type: (Calculator) -> None
        self.counts['refused_heartbeats'] += 1
        self.calculators.set_pages(calculator, None)

    def _take_page(self, now, calculator, page, pages, taken):
        # type: (float, Calculator, int, int, Any) -> None
        """Keep the page, or handle the heartbeat if this was its last missing page."""
        if page > pages:
            return
        known = calculator.pages or Pages()
        known.put(page, *taken)
        if len(known.kept) < pages:
            self.calculators.set_pages(calculator, known)
        else:
            self.calculators.set_pages(calculator, None)
            self._reconcile(now, calculator, *known.joined())

    def _reconcile(self, now, calculator, number, held, orphans):
        # type: (float, Calculator, int, List[List[int]], List[str]) -> None
        """Adapt the tables to what the calculator held when it sent datagram ``number``.

        Datagrams overtake each other. So an attempt that is not named is lost only if an earlier datagram acknowledged
        its assignment.
        """
        attempts, leftovers = calculator.attempts, calculator.leftovers
        calculator.complete = calculator.sequence
        named = missing = unknown = ()  # type: Any
        if held or attempts or leftovers:
            named, missing, unknown = compare(held, sorted(chain(attempts, leftovers) if leftovers else attempts))
        if (unknown or orphans) and not self._has_memory_for(
                calculator, (len(unknown) - len(calculator.unknown)) * RANGE_BYTES
                + (len(orphans) - len(calculator.orphans)) * ORPHAN_BYTES):
            self._refuse_heartbeat(calculator)
            return
        calculator.full_until_beat = False
        for assignment in named:
            task = attempts.get(assignment)
            if task is not None and task.acknowledged_in is None:
                # The calculator names the attempt, so it has received the assignment.
                task.acknowledged_in = number
        lost = [attempts[assignment] for assignment in missing if assignment in attempts]
        lost = [task for task in lost if task.acknowledged_in is not None and task.acknowledged_in < number]
        # The next heartbeats requeue the others.
        for task in lost[:TURN_MAX]:
            self.requeue(now, task, NOT_HELD)
        if leftovers:
            self._reconcile_leftovers(now, calculator, number, set(named))
        # If earlier revokes still wait for the window, the next heartbeat leads to these again.
        may_revoke = 'revoke' not in calculator.channel.rows
        if unknown or calculator.unknown:
            self._revoke_unknown(calculator, unknown, may_revoke)
        if orphans or calculator.orphans:
            self._reconcile_orphans(now, calculator, orphans, may_revoke)
        calculator.count_free()
        calculator.raise_lowest(TURN_MAX)
        self.calculators.update(calculator)

    def _reconcile_leftovers(self, now, calculator, number, named):
        # type: (float, Calculator, int, Set[int]) -> None
        """Forget leftovers that the heartbeat does not name. Adopt those whose task waits."""
        leftovers = calculator.leftovers
        for assignment in sorted(leftovers):
            leftover = leftovers[assignment]
            if assignment not in named:
                if leftover.acknowledged_in is not None and leftover.acknowledged_in < number:
                    del leftovers[assignment]
                continue
            if leftover.acknowledged_in is None:
                leftover.acknowledged_in = number
            task = leftover.task
            if task.state is WAITING and calculator.state == ALIVE and not task.was_too_slow_on(calculator.name):
                del leftovers[assignment]
                self.adopt(now, task, calculator, assignment)
                task.acknowledged_in = number

    def _revoke_unknown(self, calculator, unknown, may_revoke):
        # type: (Calculator, List[Tuple[int, int]], bool) -> None
        """Revoke unknown assignments that two heartbeats in a row name, at most ``TURN_MAX`` at a time. After the first
        one, the acknowledgement of the result is usually on its way.
        """
        if may_revoke:
            for assignment in islice(in_both(unknown, calculator.unknown), TURN_MAX):
                self.revoke(calculator, assignment, UNKNOWN_TASK)
        calculator.unknown = unknown
        self.calculators.recount(calculator)

    def _reconcile_orphans(self, now, calculator, task_ids, may_revoke):
        # type: (float, Calculator, List[str], bool) -> None
        """Adopt, keep or revoke attempts that another incarnation of the dispatcher assigned."""
        kept = {}
        to_adopt = []
        for task_id in task_ids:
            since = calculator.orphans.get(task_id, now)
            task = self.clients.task(task_id)
            if task is None and not self.clients.is_over(task_id):
                # Its client may still submit it. After ORPHAN_GRACE_S that is not expected any more.
                if now - since <= ORPHAN_GRACE_S:
                    kept[task_id] = since
                elif may_revoke:
                    self.revoke(calculator, 0, task_id)
            elif task is None or task.is_over:
                if may_revoke:
                    self.revoke(calculator, 0, task_id)
            elif task.state is WAITING and not task.was_too_slow_on(calculator.name):
                to_adopt.append(task)
                kept[task_id] = since
            elif task.state is not ASSIGNED or task.calculator is not calculator:
                kept[task_id] = since
        self.calculators.set_orphans(calculator, kept)
        for task in to_adopt:
            # Its slot passes from the orphan to the attempt.
            if calculator.state == ALIVE and calculator.free >= 0 and task.state is WAITING:
                self.calculators.drop_orphan(calculator, task.task_id)
                self.adopt(now, task, calculator, 0)

    def _on_assign_refused(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        calculator = channel.peer
        if calculator is None or channel.role != CALCULATOR:
            return
        for assignment, task_id, reason in rows:
            task = calculator.attempts.get(assignment)
            if task is not None and task.task_id == task_id:
                if reason == HANDED_BACK and task.IS_CALL:
                    self._take_back(now, calculator, task)
                    continue
                calculator.full_until_beat = True
                self.requeue(now, task, TURNED_DOWN)
            else:
                self.drop_leftover(calculator, assignment)

    def _take_back(self, now, calculator, task):
        # type: (float, Calculator, Task) -> None
        """A call that was assigned ahead is handed back and waits again. The attempt is not added to its history."""
        calculator.is_quick = False
        self._end_attempt(now, task, TURNED_DOWN)
        self.emit(now, 'reassigned', task_id=task.task_id, attempt=task.attempt, calculator=calculator.name,
                  reason=TURNED_DOWN)
        task.state = WAITING
        self.queue.put_call_first(task)
        self.set_task_timer(task)

    def _on_leave(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        calculator = self._calculator_of(channel)
        if calculator is not None and calculator.state != LEFT:
            self.leave(now, calculator)

    def _calculator_of(self, channel):
        # type: (Channel) -> Calculator | None
        calculator = channel.peer  # type: Any
        if channel.role != CALCULATOR or self.calculators.by_name.get(channel.name) is not calculator:
            return None
        return calculator
