"""Calculators: their records, their states, and the queues of those that may be available."""

from __future__ import absolute_import, division, print_function

from collections import OrderedDict, deque
from itertools import chain, islice

from dispatcher.catalogue import Catalogue
from dispatcher.conduct import Conduct
from dispatcher.heartbeats import CALCULATOR_BYTES, ORPHAN_BYTES, RANGE_BYTES
from net_protocol.states import Stateful

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, Iterator, List, Tuple  # noqa: F401

    from dispatcher.heartbeats import Pages  # noqa: F401
    from dispatcher.observers.tally import CalculatorTally  # noqa: F401
    from dispatcher.tasks import Leftover, Task  # noqa: F401
    from net_protocol.channel import Channel  # noqa: F401

ALIVE = 'alive'
SUSPECT = 'suspect'
DEAD = 'dead'
LEFT = 'left'
STATES = (ALIVE, SUSPECT, DEAD, LEFT)

#: Events that count as an outage of a live calculator: silence, no acknowledgement, a new incarnation.
OUTAGES = frozenset(['fall_silent', 'lose_touch', 'die', 'end'])

#: If a task failed on the first calculator of a queue, so many others are examined for it.
LOOKED_AT_MAX = 100


class Calculator(Stateful):
    """One incarnation of a calculator.

    ``attempts``: assignment -> task of a live attempt. ``leftovers``: assignment -> attempt that is not live any more
    and may still run. ``orphans``: id of a task that another incarnation of the dispatcher assigned -> time of its
    first report. Each of them occupies a slot. ``free`` is the number of free slots, below 0 with calls assigned ahead.
    """

    __slots__ = (
        'name', 'incarnation', 'channel', 'interval_s', 'capacity', 'free', 'draining', 'changed_at', 'attempts',
        'leftovers', 'orphans', 'last_assignment', 'lowest', 'sent_at', 'sequence', 'pages', 'complete',
        'to_send_again', 'full_until_beat', 'unknown', 'losing', 'is_queued', 'is_pinged', 'settlement', 'hinted_at',
        'hint_pings', 'excuse_s', 'excused_silence', 'tally', 'conduct', 'digest', 'alone', 'is_quick',
        'is_to_be_fed', 'bytes')

    IS_CLIENT = False

    TRANSITIONS = {
        ALIVE: {'fall_silent': SUSPECT, 'lose_touch': SUSPECT, 'die': DEAD, 'leave': LEFT, 'end': DEAD},
        SUSPECT: {'recover': ALIVE, 'die': DEAD, 'leave': LEFT, 'end': DEAD},
        DEAD: {'begin': ALIVE, 'recover': ALIVE, 'leave': LEFT, 'end': DEAD},
        LEFT: {'end': LEFT},
    }

    def __init__(self, channel, capacity, last_assignment, tally, now):
        # type: (Channel, int, int, CalculatorTally, float) -> None
        super(Calculator, self).__init__(DEAD)
        self.name = channel.name
        self.incarnation = channel.incarnation
        self.channel = channel
        self.interval_s = 1.0
        #: From its first heartbeat. It never changes, so the slots can't become fewer than the attempts in them.
        self.capacity = self.free = capacity
        self.draining = False
        self.changed_at = self.sent_at = now
        self.attempts = {}  # type: Dict[int, Task]
        self.leftovers = {}  # type: Dict[int, Leftover]
        self.orphans = {}  # type: Dict[str, float]
        self.last_assignment = last_assignment
        #: A lower bound of the assignments that are live or occupy a slot.
        self.lowest = last_assignment + 1
        #: The sequence number of the newest heartbeat, its received pages, the sequence number of the newest complete
        #: heartbeat, and the ranges of unknown assignments in that one.
        self.sequence = 0
        self.pages = None  # type: Pages | None
        self.complete = 0
        self.unknown = []  # type: List[Tuple[int, int]]
        #: Assignments that it may not have received before its channel was restarted, descending.
        self.to_send_again = []  # type: List[int]
        #: No work until its next complete heartbeat: it is new, has recovered, or refused an assignment.
        self.full_until_beat = False
        #: With which end ``Fleet.lose_some`` ends its attempts, some in each turn. None: it does not.
        self.losing = None  # type: str | None
        # Whether it is in a queue; the last settlement that found it available.
        self.is_queued = False
        self.settlement = 0
        self.is_pinged = False
        #: When the system reported that no process listens at its address, while pings examine that.
        self.hinted_at = None  # type: float | None
        self.hint_pings = 0
        # See ``FailureDetector``.
        self.excuse_s = 0.0
        self.excused_silence = -1.0
        self.tally = tally
        self.conduct = Conduct(0, 0)
        #: The digest of the functions that it offers. None: it runs notional tasks.
        self.digest = None  # type: str | None
        #: The call that it is reserved for, or that runs on it alone.
        self.alone = None  # type: Any
        #: Whether calls may be assigned ahead (see ``results.QUICK_S``); whether it is in ``Calculators.quick``.
        self.is_quick = self.is_to_be_fed = False
        #: Bytes of memory of this record, without its attempts.
        self.bytes = CALCULATOR_BYTES

    @property
    def has_slot(self):
        # type: () -> bool
        """Whether it takes a task, whatever the state of its channel is."""
        return (self.state is ALIVE and self.free > 0 and not self.full_until_beat and not self.draining
                and self.alone is None and not self.conduct.is_drained_by_operator
                and (self.conduct.reason is None or self.free == self.capacity))

    @property
    def is_available(self):
        # type: () -> bool
        """Whether a task may be assigned to it now."""
        return self.has_slot and self.channel.has_room and not self.channel.is_unreachable

    def takes_ahead(self):
        # type: () -> bool
        """Whether a call may be assigned ahead: all slots are taken, and fewer calls than slots wait there."""
        return (self.is_quick and self.state is ALIVE and -self.capacity < self.free <= 0
                and not self.full_until_beat and not self.draining and self.alone is None
                and not self.conduct.is_drained_by_operator and self.conduct.reason is None
                and self.channel.has_room and not self.channel.is_unreachable)

    def count_free(self):
        # type: () -> None
        self.free = self.capacity - len(self.attempts) - len(self.leftovers) - len(self.orphans)

    def size(self):
        # type: () -> int
        return (CALCULATOR_BYTES + len(self.orphans) * ORPHAN_BYTES + len(self.unknown) * RANGE_BYTES
                + (0 if self.pages is None else self.pages.bytes))

    def raise_lowest(self, steps_max):
        # type: (int) -> None
        """Raise ``channel.open``: all lower assignments have ended, and the calculator may forget them."""
        lowest = self.lowest
        stop = min(self.last_assignment + 1, lowest + steps_max)
        while lowest < stop and lowest not in self.attempts and lowest not in self.leftovers:
            lowest += 1
        self.lowest = lowest
        if lowest > self.channel.open:
            self.channel.open = lowest

    def describe(self):
        # type: () -> str
        return 'calculator %s' % self.name


class Calculators(object):
    """The registered calculators, by name. Those that are dead or left are kept for a while."""

    def __init__(self):
        # type: () -> None
        self.by_name = {}  # type: Dict[str, Calculator]
        #: State -> number of calculators.
        self.numbers = dict.fromkeys(STATES, 0)
        #: Names of calculators that are dead or left, in the order in which they became so.
        self.gone = OrderedDict()  # type: OrderedDict[str, None]
        #: Task id -> the calculator that holds it as an orphan.
        self.orphans = {}  # type: Dict[str, Calculator]
        #: New records begin above this: a calculator that was removed may return and still hold its assignments.
        self.last_assignment = 0
        #: Calculators for notional tasks that may be available, the longest available first. ``groups``: the same for
        #: calculators that offer functions, by digest.
        self.queue = deque()  # type: Deque[Calculator]
        self.groups = {}  # type: Dict[str, Deque[Calculator]]
        #: Calculators that finished a quick call since calls were last assigned ahead.
        self.quick = deque()  # type: Deque[Calculator]
        self.catalogue = Catalogue()
        #: The sum of their ``bytes``.
        self.bytes = 0
        self._settlement = 0

    def __len__(self):
        # type: () -> int
        return len(self.by_name)

    def __iter__(self):
        # type: () -> Iterator[Calculator]
        return iter(self.by_name.values())

    def put(self, calculator):
        # type: (Calculator) -> None
        """Register a calculator. It replaces one of the same name."""
        if calculator.name in self.by_name:
            self.remove(self.by_name[calculator.name])
        self.by_name[calculator.name] = calculator
        self.numbers[calculator.state] += 1
        self.bytes += calculator.bytes

    def remove(self, calculator):
        # type: (Calculator) -> None
        self.set_digest(calculator, None)
        del self.by_name[calculator.name]
        self.numbers[calculator.state] -= 1
        self.gone.pop(calculator.name, None)
        self.last_assignment = max(self.last_assignment, calculator.last_assignment)
        self.set_orphans(calculator, {})
        self.bytes -= calculator.bytes

    def recount(self, calculator):
        # type: (Calculator) -> None
        """Update the memory of a calculator after its record has changed."""
        size = calculator.size()
        self.bytes += size - calculator.bytes
        calculator.bytes = size

    def set_pages(self, calculator, pages):
        # type: (Calculator, Pages | None) -> None
        if pages is not None or calculator.pages is not None:
            calculator.pages = pages
            self.recount(calculator)

    def advance(self, now, calculator, event):
        # type: (float, Calculator, str) -> None
        self.numbers[calculator.state] -= 1
        if calculator.state is ALIVE and event in OUTAGES:
            calculator.tally.outages += 1
        calculator.advance(event)
        calculator.changed_at = now
        self.numbers[calculator.state] += 1
        self.gone.pop(calculator.name, None)
        if calculator.state in (DEAD, LEFT):
            self.gone[calculator.name] = None

    # Queues.

    def update(self, calculator):
        # type: (Calculator) -> None
        """Put a calculator with a slot at the end of its queue. ``_first_available`` removes one without."""
        if not calculator.is_queued and calculator.has_slot:
            calculator.is_queued = True
            (self.queue if calculator.digest is None else self.groups[calculator.digest]).append(calculator)

    def queued_for(self, task):
        # type: (Any) -> Iterator[Calculator]
        """The calculators in the queues for a waiting task."""
        if not task.IS_CALL:
            return iter(self.queue)
        return chain.from_iterable(queue for digest, queue in sorted(self.groups.items())
                                   if task.function in self.catalogue.functions_of(digest))

    def begin_settlement(self):
        # type: () -> None
        """Begin an ``assign_waiting``, a *settlement*, which checks the channel of each calculator again."""
        self._settlement += 1

    def take_for(self, task, queue=None):
        # type: (Task, Any) -> Calculator | None
        """The calculator that has been available for the longest time, for one task. It goes to the end of the queue if
        it has another free slot. ``queue`` is one of ``groups``; None: ``self.queue``. One on which the task failed is
        taken only if there is no other among the next ``LOOKED_AT_MAX``.
        """
        queue = self.queue if queue is None else queue
        calculator = queue.popleft()
        if calculator.settlement != self._settlement or calculator.free < 1 or calculator.alone is not None:
            found = self._first_available(calculator, queue)
            if found is None:
                return None
            calculator = found
        if task.history is not None and task.was_in_vain_on(calculator.name):
            for other in islice(queue, LOOKED_AT_MAX):
                if other.is_available and not task.was_in_vain_on(other.name):
                    queue.appendleft(calculator)
                    queue.remove(other)
                    calculator = other
                    break
        if calculator.free > 1 and calculator.conduct.reason is None:
            queue.append(calculator)
        else:
            calculator.is_queued = False
        return calculator

    def _first_available(self, first, queue):
        # type: (Calculator, Any) -> Calculator | None
        """The first available calculator; ``first`` was taken from the queue. Those without a slot leave the queue.
        Those that can't be sent anything now go to its end.
        """
        queue.appendleft(first)
        for _ in range(len(queue)):
            calculator = queue.popleft()
            if not calculator.has_slot:
                calculator.is_queued = False
            elif not calculator.is_available:
                queue.append(calculator)
            else:
                calculator.settlement = self._settlement
                return calculator
        return None

    def set_digest(self, calculator, digest):
        # type: (Calculator, str | None) -> None
        """The calculator offers the functions with this digest now. None: it offers none."""
        former = calculator.digest
        if digest == former:
            return
        if calculator.is_queued:
            (self.queue if former is None else self.groups[former]).remove(calculator)
            calculator.is_queued = False
        if former is not None:
            self.catalogue.drop(former)
            if not self.catalogue.has(former):
                del self.groups[former]
        calculator.digest = digest
        if digest is not None:
            self.catalogue.note(digest)
            self.groups.setdefault(digest, deque())
        self.update(calculator)

    # Orphans.

    def set_orphans(self, calculator, orphans):
        # type: (Calculator, Dict[str, float]) -> None
        for task_id in calculator.orphans:
            if task_id not in orphans and self.orphans.get(task_id) is calculator:
                del self.orphans[task_id]
        calculator.orphans = orphans
        self.orphans.update(dict.fromkeys(orphans, calculator))
        self.recount(calculator)
        calculator.count_free()

    def drop_orphan(self, calculator, task_id):
        # type: (Calculator, str) -> None
        """The calculator does not hold that orphan any more."""
        if calculator.orphans.pop(task_id, None) is not None:
            if self.orphans.get(task_id) is calculator:
                del self.orphans[task_id]
            self.recount(calculator)
            calculator.free += 1
            self.update(calculator)
