"""Calculators: the record of each, its states, and the queue of those that may be given work."""

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

#: What happens to one that is alive and shows that it failed: silence, no acknowledgement, a new incarnation.
OUTAGES = frozenset(['fall_silent', 'lose_touch', 'die', 'end'])

#: Calculators that are looked at for a task that failed on the first one.
LOOKED_AT_MAX = 100


class Calculator(Stateful):
    """One incarnation of a calculator.

    ``attempts`` are the live attempts (assignment -> task): each is its task's newest attempt. ``leftovers`` are
    attempts that are not live any more and may still run; ``orphans`` those that another incarnation of the dispatcher
    assigned (task id -> since when we know). All three occupy slots. ``free`` is the number of slots that are left,
    below 0 with calls ahead.
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
        #: As in its first heartbeat, so that the slots can't become fewer than the attempts in them.
        self.capacity = self.free = capacity
        self.draining = False
        self.changed_at = self.sent_at = now
        self.attempts = {}  # type: Dict[int, Task]
        self.leftovers = {}  # type: Dict[int, Leftover]
        self.orphans = {}  # type: Dict[str, float]
        self.last_assignment = last_assignment
        #: The lowest assignment that is live or occupies a slot; it may lag behind.
        self.lowest = last_assignment + 1
        #: The newest heartbeat, those of its pages that are here, the newest that was complete, and ranges of
        #: assignments in that one that we do not know.
        self.sequence = 0
        self.pages = None  # type: Pages | None
        self.complete = 0
        self.unknown = []  # type: List[Tuple[int, int]]
        #: Assignments that it may not have received before its channel began anew, descending.
        self.to_send_again = []  # type: List[int]
        #: It counts as full until its next heartbeat says what it holds: after it refused an assignment, and when it
        #: comes back from the dead.
        self.full_until_beat = False
        #: How its attempts are being lost, some in each turn; None: they are not.
        self.losing = None  # type: str | None
        # In the queue; since which settlement its channel is known to have room.
        self.is_queued = False
        self.settlement = 0
        self.is_pinged = False
        #: When the system reported that nobody listens at its address, while that is being examined.
        self.hinted_at = None  # type: float | None
        self.hint_pings = 0
        # See ``FailureDetector``.
        self.excuse_s = 0.0
        self.excused_silence = -1.0
        self.tally = tally
        self.conduct = Conduct(0, 0)
        #: Of the functions that it offers; None: it does notional tasks.
        self.digest = None  # type: str | None
        #: The call that it is kept free for, or that runs here alone.
        self.alone = None  # type: Any
        #: Its last call took so little time that others may be assigned ahead; it stands in ``Calculators.quick``.
        self.is_quick = self.is_to_be_fed = False
        #: Memory that it takes besides its attempts.
        self.bytes = CALCULATOR_BYTES

    @property
    def has_slot(self):
        # type: () -> bool
        """Whether it would take a task, if that reached it."""
        return (self.state is ALIVE and self.free > 0 and not self.full_until_beat and not self.draining
                and self.alone is None and not self.conduct.is_drained_by_operator
                and (self.conduct.reason is None or self.free == self.capacity))

    @property
    def is_available(self):
        # type: () -> bool
        """Whether it may be given a task now."""
        return self.has_slot and self.channel.has_room and not self.channel.is_unreachable

    def takes_ahead(self):
        # type: () -> bool
        """Whether a call may wait at it for one of its slots, which are all taken: one for each slot."""
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
        """``channel.open`` tells the calculator that all lower assignments are over."""
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
    """The registered calculators, by name; one that is dead or left stays for a while."""

    def __init__(self):
        # type: () -> None
        self.by_name = {}  # type: Dict[str, Calculator]
        #: How many are in each state.
        self.numbers = dict.fromkeys(STATES, 0)
        #: Names of dead ones and ones that left, in that order.
        self.gone = OrderedDict()  # type: OrderedDict[str, None]
        #: Task id -> the calculator that holds it as an orphan.
        self.orphans = {}  # type: Dict[str, Calculator]
        #: No new calculator begins below this: one that was forgotten may come back and still know its assignments.
        self.last_assignment = 0
        #: Those that may be available, the one that has been for the longest time first; the same, of those that offer
        #: functions, by the digest of these.
        self.queue = deque()  # type: Deque[Calculator]
        self.groups = {}  # type: Dict[str, Deque[Calculator]]
        #: Those that had a result of a quick call since calls were assigned ahead last.
        self.quick = deque()  # type: Deque[Calculator]
        self.catalogue = Catalogue()
        #: Memory that they take.
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
        """Register a calculator, in the place of another one of its name if there is one."""
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
        """What a registered calculator takes has changed."""
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
        """A registered calculator changes its state."""
        self.numbers[calculator.state] -= 1
        if calculator.state is ALIVE and event in OUTAGES:
            calculator.tally.outages += 1
        calculator.advance(event)
        calculator.changed_at = now
        self.numbers[calculator.state] += 1
        self.gone.pop(calculator.name, None)
        if calculator.state in (DEAD, LEFT):
            self.gone[calculator.name] = None

    # Who may be given work.

    def update(self, calculator):
        # type: (Calculator) -> None
        """It may have become available: it stands at the end of the queue. One that has no slot leaves when it is
        met.
        """
        if not calculator.is_queued and calculator.has_slot:
            calculator.is_queued = True
            (self.queue if calculator.digest is None else self.groups[calculator.digest]).append(calculator)

    def queued_for(self, task):
        # type: (Any) -> Iterator[Calculator]
        """Those in the queues that a waiting task may be assigned from."""
        if not task.IS_CALL:
            return iter(self.queue)
        return chain.from_iterable(queue for digest, queue in sorted(self.groups.items())
                                   if task.function in self.catalogue.functions_of(digest))

    def begin_settlement(self):
        # type: () -> None
        """What was found about channels before is not valid any more."""
        self._settlement += 1

    def take_for(self, task, queue=None):
        # type: (Task, Any) -> Calculator | None
        """The calculator that has been available for the longest time, for one task; it stands at the end of the queue
        if it has another free slot. ``queue`` is one of ``groups``, None for the others. One on which the task failed
        before is only taken if there is no other among the next ``LOOKED_AT_MAX``.
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
        """The first that is available; ``first`` was taken from the queue. Who has no slot leaves the queue, and who
        can't be reached now stands at its end.
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
        """It offers other functions now; None: none at all."""
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

    # What another incarnation of the dispatcher assigned.

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
        """It does not hold that orphan any more."""
        if calculator.orphans.pop(task_id, None) is not None:
            if self.orphans.get(task_id) is calculator:
                del self.orphans[task_id]
            self.recount(calculator)
            calculator.free += 1
            self.update(calculator)
