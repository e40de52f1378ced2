"""Calculators: registration, heartbeats, and the verdicts on those that are silent or can't be reached."""

from __future__ import absolute_import, division, print_function

from collections import deque

from dispatcher.calculators import ALIVE, DEAD, LEFT, SUSPECT, UNREPORTED_MAX, Calculator
from dispatcher.failure_detector import GONE, HELD_UP_S, SILENT, FailureDetector
from dispatcher.tasks import (
    ASSIGNED, CALCULATOR_LEFT, DEAD_CALCULATOR, ERROR, NEW_INCARNATION, NOT_HELD, RESULT, TURNED_DOWN, UNACKNOWLEDGED,
    WAITING, WITHDRAWN)
from dispatcher.work import PING_AFTER_S, TURN_MAX, Work
from net_protocol.rows import CALCULATOR, DONE, FAILED, NAME_TAKEN, TOO_MANY
from net_protocol.schedule import ORPHAN_GRACE_S, SLEEP_S

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List, Set  # noqa: F401

    from dispatcher.tasks import Task  # noqa: F401
    from net_protocol.channel import Channel  # noqa: F401

#: A dead calculator is forgotten after this time; one that left, as soon as its last datagrams can't arrive any more.
FORGET_DEAD_S = 3600.0
FORGET_LEFT_S = SLEEP_S + 5.0

#: After an ICMP error, which can be forged: pings, and the time between them and until the verdict.
HINT_PINGS = 3
HINT_PING_S = 0.1

#: Pings a second to all calculators that hold attempts. Where there are more of those, each gets fewer.
PINGS_PER_SECOND = 2000.0

#: A revoke needs a task id. This one stands for attempts whose task we do not know.
UNKNOWN_TASK = u'unknown:aaaaaaaa:1'


class Fleet(Work):
    """What happens to calculators."""

    COUNTERS = Work.COUNTERS + (
        'heartbeats', 'stale_heartbeats', 'refused_heartbeats', 'registered', 'registrations_refused', 'returned',
        'replaced', 'names_taken', 'evicted', 'recovered', 'suspected', 'died', 'left', 'pings', 'hints', 'held_up',
        'late_results', 'late_results_used', 'duplicate_results', 'unknown_results')

    def __init__(self, settings, name, incarnation):
        # type: (Dict[str, Any], str, str) -> None
        super(Fleet, self).__init__(settings, name, incarnation)
        self.detector = FailureDetector(settings['suspect_after_missed'], settings['dead_after_missed'])
        # Calculators whose attempts are being lost, some in each turn.
        self._to_empty = deque()  # type: Deque[Calculator]
        # Calculators that were heard while their channel had no room, to be looked at in this settlement.
        self._crowded = []  # type: List[Calculator]
        # How much later than asked for the present call of ``handle_timer`` is.
        self._late_s = 0.0
        #: Tasks wait without any calculator, and that was logged.
        self.is_warned = False

    # Registration.

    def _on_heartbeat(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        if channel.role != CALCULATOR:
            return
        for sequence, page, pages, interval_s, capacity, held, orphans, draining in rows:
            self.counts['heartbeats'] += 1
            calculator = channel.peer
            if calculator is None or self.calculators.by_name.get(channel.name) is not calculator:
                calculator = self._register(now, channel, capacity)
                if calculator is None:
                    continue
            if calculator.state == LEFT or sequence < calculator.sequence or (
                    sequence == calculator.sequence and pages == 1):
                self.counts['stale_heartbeats'] += 1
                continue
            named = sum([last - first + 1 for first, last in held]) + len(orphans)
            if named > calculator.capacity + UNREPORTED_MAX:
                self.counts['refused_heartbeats'] += 1
                continue
            if sequence > calculator.sequence:
                calculator.pages = {}
                calculator.sequence = sequence
            if calculator.state == DEAD:
                self.recover_calculator(now, calculator)
            calculator.draining = draining
            if interval_s != calculator.interval_s:
                calculator.interval_s = interval_s
                self._watch_silence(now, calculator)
            if pages == 1:
                self._reconcile(now, calculator, channel.number_received, held, orphans)
            else:
                self._take_page(now, calculator, (channel.number_received, page, pages, held, orphans))

    def _take_page(self, now, calculator, taken):
        # type: (float, Calculator, Any) -> None
        """A heartbeat counts when all its pages are here, and is as old as the first of its datagrams."""
        _, page, pages, _, _ = taken
        kept = calculator.pages
        if page > pages:
            return
        kept[page] = taken
        named = sum([len(orphans) for _, _, _, _, orphans in kept.values()])
        if named > calculator.capacity + UNREPORTED_MAX:
            self.counts['refused_heartbeats'] += 1
            calculator.pages = {}
        elif len(kept) == pages:
            calculator.pages = {}
            everything = [kept[number] for number in sorted(kept)]
            self._reconcile(
                now, calculator, min([number for number, _, _, _, _ in everything]),
                [pair for _, _, _, held, _ in everything for pair in held],
                [task_id for _, _, _, _, orphans in everything for task_id in orphans])

    def _register(self, now, channel, capacity):
        # type: (float, Channel, int) -> Calculator | None
        """The first heartbeat on a channel, or one of a calculator whose name another one has taken."""
        calculators = self.calculators
        current = calculators.by_name.get(channel.name)
        known = channel.peer
        if known is not None and current is not None and current.state not in (DEAD, LEFT):
            self.counts['names_taken'] += 1
            self._send_not_registered(channel, NAME_TAKEN)
            return None
        if current is None and len(calculators) >= self.settings['calculators_max']:
            gone = calculators.first_gone()
            if gone is None:
                self.counts['registrations_refused'] += 1
                self.emit(now, 'registration_refused', calculator=channel.name, limit=self.settings['calculators_max'])
                self._send_not_registered(channel, TOO_MANY)
                return None
            self.counts['evicted'] += 1
            self._forget(gone)
        tally = self.watch.new_calculator() if current is None else current.tally
        last_assignment = max(calculators.last_assignment, known.last_assignment if known is not None else 0)
        calculator = Calculator(channel, capacity, last_assignment, tally, now)
        if current is not None:
            self._end_incarnation(now, current, channel)
        calculators.put(calculator)
        channel.peer = calculator
        channel.open = max(channel.open, calculator.lowest)
        calculators.advance(now, calculator, 'begin')
        self._timers.cancel(('forget', channel.name))
        self._watch_silence(now, calculator)
        self.is_warned = False
        kind = 'registered' if current is None else 'returned'
        self.counts[kind] += 1
        self.emit(now, kind, calculator=channel.name, address=channel.address)
        return calculator

    def _send_not_registered(self, channel, reason):
        # type: (Channel, str) -> None
        if 'not_registered' not in channel.rows and channel.has_room:
            self.send(channel, 'not_registered', [reason])

    def _end_incarnation(self, now, former, channel):
        # type: (float, Calculator, Channel) -> None
        """Another incarnation has the name now: everything that the former one held is lost."""
        was_alive = former.state == ALIVE
        old_address = former.channel.address
        self.calculators.advance(now, former, 'end')
        former.leftovers.clear()
        self._lose_all(former, NEW_INCARNATION)
        if was_alive and old_address not in (None, channel.address):
            # Either it moved quickly, or two processes use one name. The newest channel wins.
            self.counts['replaced'] += 1
            self.emit(now, 'replaced', calculator=former.name, address=channel.address, old_address=old_address)

    def _forget(self, calculator):
        # type: (Calculator) -> None
        self._timers.cancel(('forget', calculator.name))
        if calculator.channel.peer is calculator:
            calculator.channel.peer = None
        self.calculators.remove(calculator)

    def reattach(self, now, channel):
        # type: (float, Channel) -> None
        """A calculator's channel opened, or began anew: what it did not acknowledge may be lost.

        The loops here are as long as its capacity, and a channel opens once in a while.
        """
        calculator = channel.peer
        if calculator is None:
            calculator = self.calculators.by_name.get(channel.name)
            if calculator is None or calculator.incarnation != channel.incarnation:
                return
            # The channel was closed meanwhile, and is another one now.
            channel.peer = calculator
            calculator.channel = channel
            channel.open = max(channel.open, calculator.lowest)
        attempts, leftovers = calculator.attempts, calculator.leftovers
        for assignment in sorted(attempts):
            task = attempts[assignment]
            if task.acknowledged_by is None:
                self.send(channel, 'assign', self.assign_row(now, task))
        for assignment in sorted(leftovers):
            leftover = leftovers[assignment]
            if leftover.task.is_over:
                self.revoke(calculator, assignment, leftover.task.task_id)
            elif leftover.acknowledged_by is None:
                self.drop_leftover(calculator, assignment)
        self.calculators.update(calculator)

    # Results.

    def _on_result(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        calculator = channel.peer
        if channel.role != CALCULATOR:
            return
        if calculator is None:
            for row in rows:
                self._take_late(now, channel, None, row)
            return
        attempts, tally, kept = calculator.attempts, calculator.tally, self.watch.attempts.kept
        done = failed = alike = 0
        # Tasks of one batch were mostly assigned, and accepted, together: equal durations are counted at once.
        assigned_at = accepted_at = 0.0
        for row in rows:
            assignment, task_id, result, error = row
            task = attempts.get(assignment)
            if task is None or task.task_id != task_id:
                self._take_late(now, channel, calculator, row)
                continue
            del attempts[assignment]
            if alike and (task.assigned_at != assigned_at or task.accepted_at != accepted_at):
                self._note_durations(tally, now - assigned_at, now - accepted_at, alike)
                alike = 0
            assigned_at, accepted_at = task.assigned_at, task.accepted_at
            alike += 1
            if error is None:
                done += 1
                kept.append((task, task.attempt, calculator.name, assigned_at, now, RESULT))
                if self.trace:
                    self.emit(now, 'done', task_id=task_id, calculator=calculator.name, attempt=task.attempt)
                self.finish(now, task, DONE, result)
            else:
                failed += 1
                kept.append((task, task.attempt, calculator.name, assigned_at, now, ERROR))
                self.finish(now, task, FAILED, error)
        if alike:
            self._note_durations(tally, now - assigned_at, now - accepted_at, alike)
            self.watch.attempts.total += done + failed
            self.running -= done + failed
            self.counts['attempt_result'] += done
            self.counts['attempt_error'] += failed
            tally.done += done
            tally.failed += failed
            calculator.free += done + failed
            calculator.raise_lowest(TURN_MAX)
            if not calculator.is_queued:
                self.calculators.update(calculator)

    def _note_durations(self, tally, answer_s, response_s, number):
        # type: (Any, float, float, int) -> None
        tally.answers.add(answer_s, number)
        self.watch.response_times.add(response_s, number)

    def _take_late(self, now, channel, calculator, row):
        # type: (float, Channel, Calculator | None, Any) -> None
        """A result of an attempt that is not live. The first valid result wins, whatever its attempt."""
        assignment, task_id, result, error = row
        if calculator is not None and not (assignment and self.drop_leftover(calculator, assignment)) \
                and self.calculators.drop_orphan(calculator, task_id):
            self.calculators.update(calculator)
        task = self.clients.task(task_id)
        if task is None:
            self.counts['unknown_results'] += 1
            return
        if not assignment and task.state is ASSIGNED and task.calculator is calculator:
            # It was adopted, and the calculator was ready before it heard of that.
            self._on_result(now, channel, [[task.assignment, task_id, result, error]])
            return
        number = task.number_of_attempt(channel.name, assignment)
        if task.is_over:
            is_copy = task.attempt and task.calculator is calculator and task.assignment == assignment
            self.counts['duplicate_results' if is_copy else 'late_results'] += 1
            if not is_copy:
                self.emit(now, 'late_result', task_id=task_id, calculator=channel.name, attempt=number)
            return
        self.counts['late_results_used'] += 1
        self.emit(now, 'late_result_used', task_id=task_id, calculator=channel.name, attempt=number)
        ended = WITHDRAWN if task.state is ASSIGNED else None
        if error is None:
            if self.trace:
                self.emit(now, 'done', task_id=task_id, calculator=channel.name, attempt=number)
            self.watch.response_times.add(now - task.accepted_at)
            self.finish(now, task, DONE, result, ended)
        else:
            self.finish(now, task, FAILED, error, ended)

    # What a calculator holds.

    def _reconcile(self, now, calculator, number, held, orphans):
        # type: (float, Calculator, int, List[List[int]], List[str]) -> None
        """Bring the tables in line with what the calculator held when it sent its datagram of that number.

        Datagrams overtake each other, so an absence means something only where an earlier datagram acknowledged the
        assignment.
        """
        calculator.full_until_beat = False
        attempts, leftovers = calculator.attempts, calculator.leftovers
        if held or attempts or leftovers or calculator.unknown:
            named = set()  # type: Set[int]
            for first, last in held:
                named.update(range(first, last + 1))
            missing = []
            for assignment, task in attempts.items():
                if assignment not in named:
                    if task.acknowledged_by is not None and task.acknowledged_by < number:
                        missing.append(assignment)
                elif task.acknowledged_by is None:
                    # It names the attempt, so it has it.
                    task.acknowledged_by = number
            for assignment in sorted(missing):
                self.requeue(now, attempts[assignment], NOT_HELD)
            if leftovers:
                self._reconcile_leftovers(now, calculator, number, named)
            self._revoke_unknown(calculator, named)
        if orphans or calculator.orphans:
            self._reconcile_orphans(now, calculator, orphans)
        calculator.count_free()
        calculator.raise_lowest(TURN_MAX)
        self.calculators.update(calculator)

    def _reconcile_leftovers(self, now, calculator, number, named):
        # type: (float, Calculator, int, Set[int]) -> None
        """Leftovers that it does not name any more occupy nothing; one whose task waits again goes on."""
        leftovers = calculator.leftovers
        for assignment in sorted(leftovers):
            leftover = leftovers[assignment]
            if assignment not in named:
                if leftover.acknowledged_by is not None and leftover.acknowledged_by < number:
                    del leftovers[assignment]
                continue
            if leftover.acknowledged_by is None:
                leftover.acknowledged_by = number
            task = leftover.task
            if task.state is WAITING and calculator.state == ALIVE and not task.was_too_slow_on(calculator.name):
                del leftovers[assignment]
                self._adopt(now, task, calculator, assignment)
                task.acknowledged_by = number

    def _adopt(self, now, task, calculator, assignment):
        # type: (float, Task, Calculator, int) -> None
        """The calculator has that task already: it goes on instead of being begun anew."""
        self.counts['adopted'] += 1
        self.emit(now, 'adopted', task_id=task.task_id, calculator=calculator.name, attempt=task.attempt + 1)
        if assignment:
            self.attach(now, task, calculator, assignment)
        else:
            # The calculator finds the task id among what it holds, and goes on under the new number.
            self.assign(now, task, calculator)
        self.queue.note_over(task.client)

    def _revoke_unknown(self, calculator, named):
        # type: (Calculator, Set[int]) -> None
        """What we do not know is over. Most of it are results whose acknowledgement is under way, so an assignment is
        revoked when two heartbeats in a row name it.
        """
        unknown = named.difference(calculator.attempts, calculator.leftovers)
        for assignment in sorted(unknown.intersection(calculator.unknown)):
            self.revoke(calculator, assignment, UNKNOWN_TASK)
        calculator.unknown = unknown

    def _reconcile_orphans(self, now, calculator, task_ids):
        # type: (float, Calculator, List[str]) -> None
        """Attempts that another incarnation of the dispatcher assigned."""
        kept = {}
        to_adopt = []
        for task_id in task_ids:
            since = calculator.orphans.get(task_id, now)
            task = self.clients.task(task_id)
            if task is None and not self.clients.is_over(task_id):
                # Its client may ask for it yet, or has not asked for so long that it won't.
                if now - since > ORPHAN_GRACE_S:
                    self.revoke(calculator, 0, task_id)
                else:
                    kept[task_id] = since
            elif task is None or task.is_over:
                self.revoke(calculator, 0, task_id)
            elif task.state is WAITING and not task.was_too_slow_on(calculator.name):
                to_adopt.append(task)
                kept[task_id] = since
            elif task.state is not ASSIGNED or task.calculator is not calculator:
                kept[task_id] = since
        self.calculators.set_orphans(calculator, kept)
        calculator.count_free()
        for task in to_adopt:
            # Its slot passes from the orphan to the attempt.
            if calculator.state == ALIVE and calculator.free >= 0 and task.state is WAITING:
                self.calculators.drop_orphan(calculator, task.task_id)
                self._adopt(now, task, calculator, 0)

    def _on_assign_refused(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        calculator = channel.peer
        if calculator is None or channel.role != CALCULATOR:
            return
        for assignment, task_id, _ in rows:
            task = calculator.attempts.get(assignment)
            if task is not None and task.task_id == task_id:
                calculator.full_until_beat = True
                self.requeue(now, task, TURNED_DOWN)
            else:
                self.drop_leftover(calculator, assignment)

    def _on_leave(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        """It says good-bye, which is no failure."""
        calculator = channel.peer
        if calculator is None or channel.role != CALCULATOR or calculator.state == LEFT or \
                self.calculators.by_name.get(channel.name) is not calculator:
            return
        self.calculators.advance(now, calculator, 'leave')
        self.counts['left'] += 1
        self.emit(now, 'left', calculator=calculator.name)
        self._forget_later(now, calculator, FORGET_LEFT_S)
        calculator.leftovers.clear()
        self.calculators.forget_orphans(calculator)
        self._lose_all(calculator, CALCULATOR_LEFT)

    # Verdicts.

    def _watch_silence(self, now, calculator):
        # type: (float, Calculator) -> None
        self._timers.set(('silence', calculator.name), self.detector.next_look_at(now, calculator))

    def _due_silence(self, now, name):
        # type: (float, str) -> None
        """Time to look whether a calculator is still heard."""
        calculator = self.calculators.by_name[name]
        verdict = self.detector.verdict(now, calculator)
        if verdict is not None and (self._late_s > HELD_UP_S or self.has_unread):
            # A suspect is not suspected again: only the other verdict can be postponed then.
            if (verdict == GONE or calculator.state == ALIVE) and self.detector.excuse(now, calculator, self._late_s):
                verdict = None
        if verdict == GONE:
            self.calculators.advance(now, calculator, 'die')
            self.counts['died'] += 1
            self.emit(now, 'died', calculator=name, silence_s=self.detector.silence_s(now, calculator),
                      held=len(calculator.attempts))
            self._forget_later(now, calculator, FORGET_DEAD_S)
            self._lose_all(calculator, DEAD_CALCULATOR)
            return
        if verdict == SILENT and calculator.state == ALIVE:
            self._suspect(now, calculator, 'fall_silent', 'silent')
        self._watch_silence(now, calculator)

    def _suspect(self, now, calculator, event, why):
        # type: (float, Calculator, str, str) -> None
        self.calculators.advance(now, calculator, event)
        self.counts['suspected'] += 1
        self.emit(now, 'suspected', calculator=calculator.name, held=len(calculator.attempts), why=why)

    def recover_calculator(self, now, calculator):
        # type: (float, Calculator) -> None
        was = calculator.state
        self._timers.cancel(('forget', calculator.name))
        self.counts['recovered'] += 1
        # What was not taken from it yet stays with it.
        calculator.losing = None
        calculator.hinted_at = None
        if calculator.leftovers or was == DEAD:
            calculator.full_until_beat = True
        self.calculators.advance(now, calculator, 'recover')
        self._watch_silence(now, calculator)
        self.calculators.update(calculator)
        self.emit(now, 'recovered', calculator=calculator.name, was=was)

    def unreachable(self, now, channel):
        # type: (float, Channel) -> None
        """It is heard, and what we send does not arrive."""
        calculator = channel.peer
        if calculator is not None and not calculator.IS_CLIENT and calculator.state in (ALIVE, SUSPECT):
            if calculator.state == ALIVE:
                self._suspect(now, calculator, 'lose_touch', 'does not acknowledge')
            self._lose_all(calculator, UNACKNOWLEDGED)

    def reachable(self, now, channel):
        # type: (float, Channel) -> None
        calculator = channel.peer
        if calculator is None or calculator.IS_CLIENT:
            return
        if calculator.state == SUSPECT:
            self.recover_calculator(now, calculator)
        self.calculators.update(calculator)

    def _lose_all(self, calculator, ended):
        # type: (Calculator, str) -> None
        """Its attempts can't be counted on: they are lost in this turn and the next ones."""
        if calculator.attempts:
            calculator.losing = ended
            self._to_empty.append(calculator)

    def lose_some(self, now):
        # type: (float) -> None
        """Go on taking attempts from calculators that can't be counted on."""
        budget = TURN_MAX
        while self._to_empty and budget > 0:
            calculator = self._to_empty[0]
            attempts = calculator.attempts
            if calculator.losing is None or not attempts:
                calculator.losing = None
                self._to_empty.popleft()
                continue
            for assignment in sorted(attempts)[:budget]:
                self.requeue(now, attempts[assignment], calculator.losing)
                budget -= 1

    def _forget_later(self, now, calculator, seconds):
        # type: (float, Calculator, float) -> None
        self._timers.cancel(('silence', calculator.name))
        self._timers.set(('forget', calculator.name), now + seconds)

    def _due_forget(self, now, name):
        # type: (float, str) -> None
        """A calculator has been dead or gone for long enough."""
        self._forget(self.calculators.by_name[name])

    # Pings and hints.

    def _due_ping(self, now, name):
        # type: (float, str) -> None
        """Send a ping if the calculator holds attempts and was sent nothing lately."""
        calculator = self.calculators.by_name.get(name)
        if calculator is None:
            return
        if not calculator.attempts or calculator.state != ALIVE:
            calculator.is_pinged = False
            return
        interval_s = max(PING_AFTER_S, self.calculators.numbers[ALIVE] / PINGS_PER_SECOND)
        if now - calculator.sent_at >= interval_s - 1e-6:
            self._ping(now, calculator)
        self._timers.set(('ping', name), calculator.sent_at + interval_s)

    def _ping(self, now, calculator):
        # type: (float, Calculator) -> None
        self.counts['pings'] += 1
        calculator.sent_at = now
        self.send(calculator.channel, 'ping', [])

    def hinted(self, now, channel):
        # type: (float, Channel) -> None
        calculator = channel.peer
        if calculator is None or calculator.IS_CLIENT or calculator.state != ALIVE or calculator.hinted_at is not None:
            return
        self.counts['hints'] += 1
        calculator.hinted_at = now
        calculator.hint_pings = 1
        self._ping(now, calculator)
        self._timers.set(('hint', calculator.name), now + HINT_PING_S)

    def _due_hint(self, now, name):
        # type: (float, str) -> None
        """Send the next ping; after the last, believe the hint unless something was heard."""
        calculator = self.calculators.by_name.get(name)
        if calculator is None or calculator.hinted_at is None:
            return
        if calculator.channel.heard_at > calculator.hinted_at or calculator.state != ALIVE:
            calculator.hinted_at = None
        elif calculator.hint_pings < HINT_PINGS or (calculator.hint_pings == HINT_PINGS and self.has_unread):
            # What is unread may be an answer: then the verdict waits once.
            calculator.hint_pings += 1
            self._ping(now, calculator)
            self._timers.set(('hint', name), now + HINT_PING_S)
        else:
            calculator.hinted_at = None
            self._suspect(now, calculator, 'lose_touch', 'nobody listens at its address')
            self._lose_all(calculator, UNACKNOWLEDGED)
