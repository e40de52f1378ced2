"""Calculators: registration, silence, and the verdicts on those that are silent or can't be reached."""

from __future__ import absolute_import, division, print_function

from collections import deque
from itertools import chain

from dispatcher.assignment import Assignment
from dispatcher.calculators import ALIVE, DEAD, LEFT, SUSPECT, Calculator
from dispatcher.conduct import Conduct
from dispatcher.failure_detector import DECLARE_DEAD, HELD_UP_S, SILENT, FailureDetector
from dispatcher.heartbeats import CALCULATOR_BYTES
from dispatcher.observers.tally import CalculatorTally
from dispatcher.outcomes import TURN_MAX
from dispatcher.tasks import CALCULATOR_LEFT, DEAD_CALCULATOR, NEW_INCARNATION, NOT_LISTENING, UNACKNOWLEDGED
from dispatcher.work import step_before
from net_protocol.rows import NAME_SHARED, NAME_TAKEN, TOO_MANY
from net_protocol.schedule import HINT_PING_S, HINT_PINGS, PING_AFTER_S, SLEEP_S

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict  # noqa: F401

    from net_protocol.channel import Channel  # noqa: F401

#: Times after which a calculator is removed: a dead one; one that left, whose last datagrams have arrived by then.
FORGET_DEAD_S = 3600.0
FORGET_LEFT_S = SLEEP_S + 5.0

#: Pings per second to all calculators that hold attempts. If there are many, each gets fewer.
PINGS_PER_SECOND = 2000.0


class Fleet(Assignment):
    COUNTERS = ('registered', 'registrations_refused', 'returned', 'replaced', 'names_taken', 'evicted', 'recovered',
                'suspected', 'died', 'left', 'pings', 'hints') + Assignment.COUNTERS

    def __init__(self, settings, name, incarnation):
        # type: (Dict[str, Any], str, str) -> None
        super(Fleet, self).__init__(settings, name, incarnation)
        self.detector = FailureDetector(settings['suspect_after_missed'], settings['dead_after_missed'])
        # Calculators whose attempts ``lose_some`` ends, some in each turn.
        self._losing = deque()  # type: Deque[Calculator]
        # Calculators to which ``send_some_again`` resends rows, some in each turn.
        self._sending_again = deque()  # type: Deque[Calculator]
        # How late the current call of ``handle_timer`` is.
        self._late_s = 0.0

    # Registration.

    def register(self, now, channel, capacity, interval_s):
        # type: (float, Channel, int, float) -> Calculator | None
        """Register the sender of a heartbeat that is not registered. Returns None if that is refused."""
        calculators = self.calculators
        of_name = calculators.by_name.get(channel.name)
        of_channel = channel.peer
        if of_name is not None and of_name.state not in (DEAD, LEFT) \
                and channel.number_received < channel.received.highest:
            # A late datagram of a former incarnation does not take the name from the present one.
            self.counts['stale_heartbeats'] += 1
            return None
        if of_channel is not None and of_name is not None and of_name.state not in (DEAD, LEFT):
            self.counts['names_taken'] += 1
            self._send_not_registered(channel, NAME_TAKEN)
            self._send_not_registered(of_name.channel, NAME_SHARED)
            return None
        if of_name is None and not self._make_room(now, channel):
            return None
        tally = CalculatorTally() if of_name is None else of_name.tally
        last_assignment = max(calculators.last_assignment, of_channel.last_assignment if of_channel is not None else 0)
        calculator = Calculator(channel, capacity, last_assignment, tally, now)
        calculator.conduct = of_name.conduct if of_name is not None else Conduct(
            self.settings['flap_events_max'], self.settings['flap_window_s'])
        if of_name is not None:
            self._end_incarnation(now, of_name, channel)
        calculators.put(calculator)
        if of_name is not None:
            self.note_failure_of(now, calculator, 'a restart')
        channel.peer = calculator
        channel.open = max(channel.open, calculator.lowest)
        calculators.advance(now, calculator, 'begin')
        self._timers.cancel(('removal', channel.name))
        self.watch_silence(now, calculator)
        self.is_warned = False
        kind = 'registered' if of_name is None else 'returned'
        self.counts[kind] += 1
        self.emit(now, kind, calculator=channel.name, address=channel.address, capacity=capacity,
                  heartbeat_interval_s=interval_s)
        return calculator

    def _make_room(self, now, channel):
        # type: (float, Channel) -> bool
        """Whether another calculator may register. If the table is full, one that is dead or left is forgotten."""
        calculators, settings = self.calculators, self.settings
        for setting, is_full in (
                ('calculators_max', lambda: len(calculators) >= settings['calculators_max']),
                ('memory_max_bytes', lambda: self.bytes_free_for_calculators < CALCULATOR_BYTES)):
            if is_full() and calculators.gone:
                self.counts['evicted'] += 1
                self._remove_calculator(calculators.by_name[next(iter(calculators.gone))])
            if is_full():
                self.counts['registrations_refused'] += 1
                self.emit(now, 'registration_refused', calculator=channel.name, setting=setting,
                          limit=settings[setting])
                self._send_not_registered(channel, TOO_MANY)
                return False
        return True

    def _send_not_registered(self, channel, reason):
        # type: (Channel, str) -> None
        if 'not_registered' not in channel.rows and channel.has_room:
            self.send(channel, 'not_registered', [reason])

    def _end_incarnation(self, now, former, channel):
        # type: (float, Calculator, Channel) -> None
        """Another incarnation has the name now. The attempts of the former one are lost."""
        was_alive = former.state == ALIVE
        old_address = former.channel.address
        self.calculators.advance(now, former, 'end')
        former.leftovers.clear()
        self._begin_to_lose(former, NEW_INCARNATION)
        if was_alive and old_address not in (None, channel.address):
            # Either it moved quickly, or two processes use one name. The newest channel wins.
            self.counts['replaced'] += 1
            self.emit(now, 'replaced', calculator=former.name, address=channel.address, old_address=old_address)

    def _remove_calculator(self, calculator):
        # type: (Calculator) -> None
        self._timers.cancel(('removal', calculator.name))
        if calculator.channel.peer is calculator:
            calculator.channel.peer = None
        self.calculators.remove(calculator)

    def reattach(self, channel):
        # type: (Channel) -> None
        """A calculator's channel was opened or restarted: rows that it did not acknowledge may be lost."""
        calculator = channel.peer
        if calculator is None:
            calculator = self.calculators.by_name.get(channel.name)
            if calculator is None or calculator.incarnation != channel.incarnation:
                return
            # Its former channel was closed, and this is a new one.
            channel.peer = calculator
            calculator.channel = channel
            channel.open = max(channel.open, calculator.lowest)
        if calculator.losing is not None:
            return
        if calculator.attempts or calculator.leftovers:
            if not calculator.to_send_again:
                self._sending_again.append(calculator)
            calculator.to_send_again = sorted(chain(calculator.attempts, calculator.leftovers), reverse=True)
        self.calculators.update(calculator)

    def send_some_again(self, now):
        # type: (float) -> None
        """Resend some rows that calculators may not have received before their channels were restarted."""
        budget = TURN_MAX
        while self._sending_again and budget > 0:
            calculator = self._sending_again[0]
            assignments, channel = calculator.to_send_again, calculator.channel
            if calculator.losing is not None or not channel.is_open or channel.is_asleep:
                # When the channel opens again, ``reattach`` begins again.
                del assignments[:]
            while assignments and budget > 0:
                budget -= 1
                self._send_again_or_drop(now, calculator, assignments.pop())
            if not assignments:
                budget -= 1
                self._sending_again.popleft()

    def _send_again_or_drop(self, now, calculator, assignment):
        # type: (float, Calculator, int) -> None
        task, leftover = calculator.attempts.get(assignment), calculator.leftovers.get(assignment)
        if task is not None:
            if task.acknowledged_in is None:
                self.send(calculator.channel, 'run' if task.IS_CALL else 'assign', self.assign_row(now, task))
        elif leftover is not None and leftover.task.is_over:
            self.revoke(calculator, assignment, leftover.task.task_id)
        elif leftover is not None and leftover.acknowledged_in is None:
            self.drop_leftover(calculator, assignment)

    # Verdicts.

    def watch_silence(self, now, calculator):
        # type: (float, Calculator) -> None
        self._timers.set(('silence', calculator.name), self.detector.next_look_at(now, calculator))

    def _due_silence(self, now, name):
        # type: (float, str) -> None
        """Examine how long a calculator has been silent."""
        calculator = self.calculators.by_name[name]
        verdict = self.detector.verdict(now, calculator)
        # For a suspect only DECLARE_DEAD is new.
        is_new = verdict == DECLARE_DEAD or (verdict == SILENT and calculator.state == ALIVE)
        if is_new and (self._late_s > HELD_UP_S or self.has_unread) \
                and self.detector.excuse(now, calculator, self._late_s):
            verdict = None
        if verdict == DECLARE_DEAD:
            self.calculators.advance(now, calculator, 'die')
            self.counts['died'] += 1
            self.emit(now, 'died', calculator=name, silence_s=self.detector.silence_s(now, calculator),
                      held=len(calculator.attempts))
            self.note_failure_of(now, calculator, 'silence')
            self._remove_later(now, calculator, FORGET_DEAD_S)
            self._begin_to_lose(calculator, DEAD_CALCULATOR)
            return
        if verdict == SILENT and calculator.state == ALIVE:
            self._suspect(now, calculator, 'fall_silent', 'silent')
        self.watch_silence(now, calculator)

    def _suspect(self, now, calculator, event, why):
        # type: (float, Calculator, str, str) -> None
        self.calculators.advance(now, calculator, event)
        self.counts['suspected'] += 1
        self.emit(now, 'suspected', calculator=calculator.name, held=len(calculator.attempts), why=why,
                  silence_s=self.detector.silence_s(now, calculator))

    def recover_calculator(self, now, calculator):
        # type: (float, Calculator) -> None
        was = calculator.state
        self._timers.cancel(('removal', calculator.name))
        self.counts['recovered'] += 1
        # It keeps the attempts that ``lose_some`` has not ended yet.
        calculator.losing = None
        calculator.hinted_at = None
        if calculator.leftovers or was == DEAD:
            calculator.full_until_beat = True
        self.calculators.advance(now, calculator, 'recover')
        self.watch_silence(now, calculator)
        self.calculators.update(calculator)
        self.emit(now, 'recovered', calculator=calculator.name, was=was)

    def leave(self, now, calculator):
        # type: (float, Calculator) -> None
        """The calculator leaves, which is no failure."""
        self.calculators.advance(now, calculator, 'leave')
        self.counts['left'] += 1
        self.emit(now, 'left', calculator=calculator.name)
        self._remove_later(now, calculator, FORGET_LEFT_S)
        calculator.leftovers.clear()
        self.calculators.set_orphans(calculator, {})
        self._begin_to_lose(calculator, CALCULATOR_LEFT)

    def unreachable(self, now, channel):
        # type: (float, Channel) -> None
        """The calculator is heard but acknowledges nothing."""
        calculator = channel.peer
        if calculator is not None and not calculator.IS_CLIENT and calculator.state in (ALIVE, SUSPECT):
            if calculator.state == ALIVE:
                self._suspect(now, calculator, 'lose_touch', 'does not acknowledge')
            self._begin_to_lose(calculator, UNACKNOWLEDGED)

    def reachable(self, now, channel):
        # type: (float, Channel) -> None
        calculator = channel.peer
        if calculator is None or calculator.IS_CLIENT:
            return
        if calculator.state == SUSPECT:
            self.recover_calculator(now, calculator)
        self.calculators.update(calculator)

    def _begin_to_lose(self, calculator, ended):
        # type: (Calculator, str) -> None
        """Let ``lose_some`` end all attempts on the calculator, in this turn and the next ones."""
        if calculator.attempts:
            calculator.losing = ended
            self._losing.append(calculator)

    def lose_some(self, now):
        # type: (float) -> None
        """End some attempts on the calculators in ``_losing``."""
        budget = TURN_MAX
        while self._losing and budget > 0:
            calculator = self._losing[0]
            attempts = calculator.attempts
            if calculator.losing is None or not attempts:
                calculator.losing = None
                self._losing.popleft()
                budget -= 1
                continue
            for assignment in sorted(attempts)[:budget]:
                self.requeue(now, attempts[assignment], calculator.losing)
                budget -= 1

    def _remove_later(self, now, calculator, seconds):
        # type: (float, Calculator, float) -> None
        self._timers.cancel(('silence', calculator.name))
        self._timers.set(('removal', calculator.name), now + seconds)

    def _due_removal(self, now, name):
        # type: (float, str) -> None
        self._remove_calculator(self.calculators.by_name[name])

    # Pings and hints.

    def _due_ping(self, now, name):
        # type: (float, str) -> None
        """Send a ping if the calculator holds attempts, and was sent nothing and not heard lately."""
        calculator = self.calculators.by_name.get(name)
        if calculator is None:
            return
        if not calculator.attempts or calculator.state != ALIVE:
            calculator.is_pinged = False
            return
        interval_s = max(PING_AFTER_S, self.calculators.numbers[ALIVE] / PINGS_PER_SECOND)
        last_at = max(calculator.sent_at, calculator.channel.heard_at)
        if step_before(last_at + interval_s) <= now:
            self._ping(now, calculator)
            last_at = now
        self.set_ping_timer(calculator, last_at + interval_s)

    def _ping(self, now, calculator):
        # type: (float, Calculator) -> None
        self.counts['pings'] += 1
        calculator.sent_at = now
        self.send(calculator.channel, 'ping', [])

    def hinted(self, now, channel):
        # type: (float, Channel) -> None
        calculator = channel.peer
        if calculator is None or calculator.IS_CLIENT or calculator.state != ALIVE or calculator.hinted_at is not None \
                or channel.is_asleep:
            return
        self.counts['hints'] += 1
        calculator.hinted_at = now
        calculator.hint_pings = 0
        # The first ping leaves in the next turn. Here it could leave with the second one, if that turn is late.
        self._timers.set(('hint', calculator.name), now)

    def _due_hint(self, now, name):
        # type: (float, str) -> None
        """Send the next ping. After the last one, trust the hint unless the calculator was heard."""
        calculator = self.calculators.by_name.get(name)
        if calculator is None or calculator.hinted_at is None:
            return
        channel = calculator.channel
        if channel.heard_at > calculator.hinted_at or calculator.state != ALIVE or channel.is_asleep:
            # No ping leaves on a channel that is asleep, so a verdict would rest on the hint alone.
            calculator.hinted_at = None
        elif calculator.hint_pings < HINT_PINGS or (calculator.hint_pings == HINT_PINGS and self.has_unread):
            # An unread datagram may be an answer, so the verdict is postponed once.
            calculator.hint_pings += 1
            self._ping(now, calculator)
            self._timers.set(('hint', name), now + HINT_PING_S)
        else:
            calculator.hinted_at = None
            self._suspect(now, calculator, 'lose_touch', 'no process listens at its address')
            self._begin_to_lose(calculator, NOT_LISTENING)
