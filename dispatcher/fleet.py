"""All calculators that the dispatcher knows: who is alive, who is free longest, and what silence does to them.

The fleet decides about calculators, never about tasks: where a calculator loses what it holds, the fleet says so to
its owner (``lose``), attempt by attempt.
"""

from __future__ import absolute_import, division, print_function

from dispatcher.calculators import ALIVE, DEAD, LEFT, STATES, SUSPECT, Calculator
from dispatcher.failure_detector import GONE, SILENT, FailureDetector
from dispatcher.pending_queue import IdQueue
from dispatcher.tasks import CALCULATOR_LEFT, DEAD_CALCULATOR, NEW_LIFE
from net_protocol.core import require
from net_protocol.delivery import DATAGRAM_LIFETIME_S
from net_protocol.lives import FIRST, FORMER, NEXT, SAME

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Iterator, Tuple  # noqa: F401

    from dispatcher.tasks import Attempt  # noqa: F401
    from net_protocol.core import Sender  # noqa: F401
    from net_protocol.messages import Heartbeat  # noqa: F401
    from net_protocol.timers import Timers  # noqa: F401

#: A dead calculator is forgotten after this time; one that left, as soon as its last datagrams can't arrive any more.
FORGET_DEAD_S = 3600.0
FORGET_LEFT_S = DATAGRAM_LIFETIME_S

#: What happens to one that is alive and shows that it fell out: silence, an answer that does not come, another life.
OUTAGES = frozenset(['fall_silent', 'lose_touch', 'die', 'begin_life'])


class Fleet(object):
    """The registered calculators, their verdicts, and the queue of those that may be given work.

    ``lose(now, task_id, how)`` is called for each live attempt of a calculator that can't be expected to finish it.
    """

    COUNTERS = ('registered', 'registrations_refused', 'returned', 'recovered', 'suspected', 'died', 'left',
                'old_life_messages', 'lives_resumed')

    def __init__(self, settings, timers, counts, tell, lose):
        # type: (Dict[str, Any], Timers, Dict[str, int], Callable[..., None], Callable[[float, str, str], None]) -> None
        self.detector = FailureDetector(settings['suspect_after_missed'], settings['dead_after_missed'])
        self._calculators_max = settings['calculators_max']
        self._timers = timers
        self._counts = counts
        self._tell = tell
        self._lose = lose
        #: Hears of every attempt that has ended.
        self.on_release = lambda attempt: None  # type: Callable[[Attempt], None]
        self._by_name = {}  # type: Dict[str, Calculator]
        # Exactly the available ones; the one that has been available longest is first.
        self._available = IdQueue()
        #: How many calculators are in each state.
        self.numbers = dict.fromkeys(STATES, 0)
        # Task id -> name of a calculator that runs it although our books do not know the task: what an earlier life
        # of the dispatcher assigned. If its client asks for it, it need not be begun again.
        self._orphans = {}  # type: Dict[str, str]

    def __len__(self):
        # type: () -> int
        return len(self._by_name)

    def __iter__(self):
        # type: () -> Iterator[Calculator]
        return iter(list(self._by_name.values()))

    def get(self, name):
        # type: (str) -> Calculator | None
        """The calculator of that name, if it is registered."""
        return self._by_name.get(name)

    # Who may be given work.

    @property
    def has_available(self):
        # type: () -> bool
        """Whether any calculator may be given a task now."""
        return len(self._available) > 0

    def choose(self, is_avoided):
        # type: (Callable[[str], bool]) -> Calculator
        """The calculator that is available longest, one that is avoided only where there is no other.

        Needs an available one. Looks at no more calculators than are avoided, and one.
        """
        first = None
        for name in self._available:
            if not is_avoided(name):
                return self._by_name[name]
            first = first or name
        return self._by_name[first]  # type: ignore[index]

    def update(self, calculator):
        # type: (Calculator) -> None
        """Its books changed: enter the queue at the end, leave it, or keep the place."""
        queued = calculator.name in self._available
        if calculator.is_available:
            if not queued:
                self._available.append(calculator.name)
        elif queued:
            self._available.discard(calculator.name)

    # Books.

    def enter(self, calculator, attempt):
        # type: (Calculator, Attempt) -> None
        """Give it an attempt. If it has more places it queues up again behind the others."""
        self.vacate(calculator, attempt.task_id)
        calculator.attempts[attempt.task_id] = attempt
        self._available.discard(calculator.name)
        if calculator.is_available:
            self._available.append(calculator.name)

    def release(self, attempt):
        # type: (Attempt) -> None
        """Strike an attempt that has ended from its calculator's book."""
        calculator = self._by_name[attempt.calculator]
        del calculator.attempts[attempt.task_id]
        calculator.tally.note(attempt)
        self.on_release(attempt)
        self.update(calculator)

    def occupy(self, now, attempt):
        # type: (float, Attempt) -> None
        """An attempt that is not live any more may still run, and takes a place until a heartbeat says otherwise."""
        calculator = self._by_name[attempt.calculator]
        calculator.others[attempt.task_id] = (attempt.number, now)
        self.update(calculator)

    def vacate(self, calculator, task_id):
        # type: (Calculator, str) -> None
        """It does not run that any more."""
        if calculator.others.pop(task_id, None) is not None:
            if self._orphans.get(task_id) == calculator.name:
                del self._orphans[task_id]
            self.update(calculator)

    def set_others(self, calculator, others):
        # type: (Calculator, Dict[str, Tuple[int, float]]) -> None
        """Replace what it is known to run beyond its live attempts."""
        for task_id in list(calculator.others):
            if task_id not in others:
                self.vacate(calculator, task_id)
        calculator.others = others
        self.update(calculator)

    def note_orphan(self, task_id, calculator):
        # type: (str, Calculator) -> None
        """It runs a task that our books do not know."""
        self._orphans[task_id] = calculator.name

    def holder_of_orphan(self, task_id):
        # type: (str) -> Calculator | None
        """The calculator, in order, that runs this task although we never assigned it; else None."""
        calculator = self._by_name.get(self._orphans.get(task_id, ''))
        return calculator if calculator is not None and calculator.state == ALIVE else None

    # Signs of life.

    def meet(self, now, sender, message):
        # type: (float, Sender, Heartbeat) -> Calculator | None
        """A heartbeat arrived: register its sender, begin its next life, or see that it is well.

        Returns None where it is of a former life, or there is no room for another calculator.
        """
        calculator = self._by_name.get(sender.name)
        if calculator is None:
            calculator = self._register(now, sender)
            if calculator is None:
                return None
        which = calculator.lives.recognise(sender.incarnation)
        if which == FORMER and self._goes_on(calculator, sender, message):
            self._counts['lives_resumed'] += 1
        elif which == FORMER or (which == SAME and calculator.state == LEFT):
            self._counts['old_life_messages'] += 1
            return None
        if which != SAME:
            self._begin_life(now, calculator, sender)
            # For the whole life, so that the book can't come to hold more than there are places.
            calculator.capacity = message.capacity
        if message.sequence >= calculator.newest_beat:
            # A heartbeat that was overtaken is a sign of life, but what it says is no longer so.
            calculator.newest_beat = message.sequence
            calculator.address = sender.address
            calculator.interval_s = message.interval_s
            calculator.draining = message.draining
        self._note_heard(now, calculator)
        if calculator.unreachable_since is not None and message.heard > calculator.unreachable_since:
            self.note_in_touch(now, calculator)
        self.update(calculator)
        return calculator

    @staticmethod
    def _goes_on(calculator, sender, message):
        # type: (Calculator, Sender, Heartbeat) -> bool
        """Whether a life that we took for a former one is the present one.

        An incarnation says nothing about order. If the first we heard of a calculator was a datagram that the network
        had held, its present life looks like a former one, and would be ignored for ever. It shows when the supposed
        present one is silent for so long that it is dead (or has left) while this one goes on beating.
        """
        before, calculator.former_beat = calculator.former_beat, (sender.incarnation, message.sequence)
        if calculator.state not in (DEAD, LEFT) or before is None:
            return False
        return before[0] == sender.incarnation and before[1] < message.sequence

    def heard_from(self, now, sender):
        # type: (float, Sender) -> Calculator | None
        """Some other message arrived: the calculator that sent it in its present life, else None."""
        calculator = self._by_name.get(sender.name)
        if calculator is None:
            return None
        if calculator.lives.recognise(sender.incarnation) != SAME:
            self._counts['old_life_messages'] += 1
            return None
        calculator.newest_number = max(calculator.newest_number, sender.number)
        if calculator.state in (ALIVE, SUSPECT):
            # A dead one recovers by a heartbeat only, because that says what it holds.
            self._note_heard(now, calculator)
        return calculator

    def leave(self, now, calculator):
        # type: (float, Calculator) -> None
        """It said good-bye, which is no failure."""
        if calculator.state == LEFT:
            return
        self._advance(now, calculator, 'leave')
        self._counts['left'] += 1
        self._tell('left', calculator=calculator.name)
        self._empty(now, calculator, CALCULATOR_LEFT)
        self._timers.cancel(('silence', calculator.name))
        self._timers.set(('forget', calculator.name), now + FORGET_LEFT_S)

    def lose_touch(self, now, calculator):
        # type: (float, Calculator) -> None
        """What we send does not arrive there, whatever its heartbeats say."""
        calculator.unreachable_since = calculator.sequence
        if calculator.state == ALIVE:
            self._suspect(now, calculator, 'lose_touch')

    def note_in_touch(self, now, calculator):
        # type: (float, Calculator) -> None
        """An answer to something we sent proves that the way there works."""
        if calculator.unreachable_since is not None:
            calculator.unreachable_since = None
            if calculator.state == SUSPECT:
                self._recover(now, calculator)

    def due_silence(self, now, name):
        # type: (float, str) -> None
        """Time to look whether a calculator is still heard."""
        calculator = self._by_name[name]
        verdict = self.detector.verdict(now, calculator)
        if verdict == GONE:
            self._advance(now, calculator, 'die')
            self._counts['died'] += 1
            self._tell('died', calculator=name, silence_s=self.detector.silence_s(now, calculator),
                       held=len(calculator.attempts))
            self._empty(now, calculator, DEAD_CALCULATOR)
            self._timers.set(('forget', name), now + FORGET_DEAD_S)
            return
        if verdict == SILENT and calculator.state == ALIVE:
            self._suspect(now, calculator, 'fall_silent')
        self._timers.set(('silence', name), self.detector.next_look_at(now, calculator))

    def due_forget(self, now, name):
        # type: (float, str) -> None
        """A calculator has been dead or gone for long enough."""
        calculator = self._by_name.pop(name)
        self.numbers[calculator.state] -= 1

    def check_invariants(self):
        # type: () -> None
        """Raise ``BrokenInvariant`` where the books of the fleet contradict each other."""
        numbers = dict.fromkeys(STATES, 0)
        for name, calculator in self._by_name.items():
            numbers[calculator.state] += 1
            require((name in self._available) == calculator.is_available, '%s: available or not?', name)
            require(len(calculator.attempts) <= calculator.capacity, '%s holds more than its capacity', name)
            if calculator.state in (DEAD, LEFT):
                require(not calculator.attempts and not calculator.others, '%s is %s and holds something', name,
                        calculator.state)
                require(('forget', name) in self._timers, '%s is %s for ever', name, calculator.state)
            else:
                require(('silence', name) in self._timers, 'nobody listens for %s', name)
        require(numbers == self.numbers, 'counted %r, found %r', self.numbers, numbers)
        for task_id, name in self._orphans.items():
            require(name in self._by_name and task_id in self._by_name[name].others, 'orphan %s is nowhere', task_id)

    def _register(self, now, sender):
        # type: (float, Sender) -> Calculator | None
        if len(self._by_name) >= self._calculators_max:
            self._counts['registrations_refused'] += 1
            self._tell('registration_refused', calculator=sender.name, limit=self._calculators_max)
            return None
        calculator = self._by_name[sender.name] = Calculator(sender.name, now)
        self.numbers[calculator.state] += 1
        return calculator

    def _begin_life(self, now, calculator, sender):
        # type: (float, Calculator, Sender) -> None
        """A new incarnation: all that the old one held is lost."""
        which = calculator.lives.meet(sender.incarnation)
        if which == FORMER:
            calculator.lives.return_to(sender.incarnation)
        old_address = calculator.address if calculator.state == ALIVE else None
        self._empty(now, calculator, NEW_LIFE)
        calculator.forget_life()
        self._advance(now, calculator, 'begin_life')
        calculator.address = sender.address
        self._timers.cancel(('forget', calculator.name))
        # Set anew below: this life may beat at another pace.
        self._timers.cancel(('silence', calculator.name))
        self._counts['registered' if which == FIRST else 'returned'] += 1
        self._tell('registered' if which == FIRST else 'returned', calculator=calculator.name, address=sender.address)
        if which == NEXT and old_address not in (None, sender.address):
            # Either it moved quickly, or two processes use one name. The newcomer is believed.
            self._tell('replaced', calculator=calculator.name, address=sender.address, old_address=old_address)

    def _note_heard(self, now, calculator):
        # type: (float, Calculator) -> None
        self.detector.note_heard(now, calculator)
        if calculator.state == DEAD or (calculator.state == SUSPECT and calculator.unreachable_since is None):
            self._recover(now, calculator)
        if ('silence', calculator.name) not in self._timers:
            self._timers.set(('silence', calculator.name), self.detector.next_look_at(now, calculator))

    def _suspect(self, now, calculator, event):
        # type: (float, Calculator, str) -> None
        self._advance(now, calculator, event)
        self._counts['suspected'] += 1
        self._tell('suspected', calculator=calculator.name, held=len(calculator.attempts),
                   why='silent' if event == 'fall_silent' else 'does not acknowledge')

    def _recover(self, now, calculator):
        # type: (float, Calculator) -> None
        was = calculator.state
        calculator.unreachable_since = None
        self._timers.cancel(('forget', calculator.name))
        self._counts['recovered'] += 1
        if was == DEAD:
            calculator.full_until_beat = True
        self._advance(now, calculator, 'recover')
        self._tell('recovered', calculator=calculator.name, was=was)

    def _empty(self, now, calculator, how):
        # type: (float, Calculator, str) -> None
        """Nothing it holds can be counted on any more."""
        self.set_others(calculator, {})
        for task_id in sorted(calculator.attempts):
            self._lose(now, task_id, how)

    def _advance(self, now, calculator, event):
        # type: (float, Calculator, str) -> None
        self.numbers[calculator.state] -= 1
        if calculator.state == ALIVE and event in OUTAGES:
            calculator.tally.outages += 1
        calculator.advance(event)
        self.numbers[calculator.state] += 1
        calculator.changed_at = now
        self.update(calculator)
