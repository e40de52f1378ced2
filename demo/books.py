"""What is known of a run, put together from what the processes told.

Two views stand side by side and are not mixed: what a calculator says of itself (in order, frozen, what it holds), and
what the dispatcher believes of it (alive, suspect, dead, what it was given). That they differ for a while after every
failure is what there is to see.
"""

from __future__ import absolute_import, division, print_function

from collections import OrderedDict

from demo.cast import CALCULATOR, CLIENT, DISPATCHER

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set  # noqa: F401

    from demo.event_reader import Entry  # noqa: F401

#: What a calculator is, by its own word, and by ours where it can't say any more.
STARTING = 'starting'
IN_ORDER = 'in order'
CRASHED = 'crashed'
FROZEN = 'frozen'
FINISHING = 'finishing'
ENDED = 'ended'
KILLED = 'killed'

#: What the dispatcher believes of it before the first heartbeat; then alive, suspect, dead, left.
UNKNOWN = '-'
ALIVE = 'alive'
_VERDICTS = {'registered': ALIVE, 'returned': ALIVE, 'recovered': ALIVE, 'suspected': 'suspect', 'died': 'dead',
             'left': 'left'}
_CONDITIONS = {'began': IN_ORDER, 'in_order': IN_ORDER, 'draining': FINISHING}
_OUTAGES = {'crash': CRASHED, 'freeze': FROZEN}


class CalculatorBook(object):
    """One calculator. ``held`` is what it works on by its own word: task id -> number of the attempt; it stays as it
    was at the end of one that was killed. ``changed_at`` is when its condition changed last.
    """

    def __init__(self, name):
        # type: (str) -> None
        self.name = name
        self.process_id = 0
        self.condition = STARTING
        self.changed_at = 0.0
        self.back_at = 0.0
        self.verdict = UNKNOWN
        self.held = OrderedDict()  # type: OrderedDict[str, int]
        self.taken_last_at = 0.0

    def handle(self, entry):
        # type: (Entry) -> None
        """Something it said."""
        facts = entry.facts
        if entry.kind in ('taken', 'renumbered'):
            self.held[facts['task_id']] = facts['attempt']
            self.taken_last_at = entry.time
        elif entry.kind == 'let_go':
            self.held.pop(facts['task_id'], None)
        elif entry.kind == 'out_of_order':
            self.back_at = entry.time + facts['duration_s']
            self.change(entry.time, _OUTAGES[facts['outage']])
        elif entry.kind in _CONDITIONS:
            self.process_id = facts.get('process_id', self.process_id)
            self.change(entry.time, _CONDITIONS[entry.kind])

    def change(self, time, condition):
        # type: (float, str) -> None
        """Its condition is another from now on."""
        self.condition = condition
        self.changed_at = time


class ClientBook(object):
    """One client, by its own word."""

    def __init__(self, name):
        # type: (str) -> None
        self.name = name
        self.sent = 0
        self.answered = 0
        #: Ended without an answer: expired, refused and the like.
        self.unanswered = 0
        self.response_time_total_s = 0.0
        self.condition = STARTING

    @property
    def waiting(self):
        # type: () -> int
        """Tasks whose outcome it does not know yet."""
        return self.sent - self.answered - self.unanswered

    def handle(self, entry):
        # type: (Entry) -> None
        """Something it said."""
        if entry.kind == 'sent':
            self.sent += 1
        elif entry.kind == 'answered':
            self.answered += 1
            self.response_time_total_s += entry.facts['response_time_s']
        elif entry.kind in ('unanswered', 'refused'):
            self.unanswered += 1
        elif entry.kind in ('began', 'draining'):
            self.condition = IN_ORDER if entry.kind == 'began' else FINISHING


def together(name, clients):
    # type: (str, List[ClientBook]) -> ClientBook
    """One book for several clients."""
    book = ClientBook(name)
    book.sent = sum(client.sent for client in clients)
    book.answered = sum(client.answered for client in clients)
    book.unanswered = sum(client.unanswered for client in clients)
    book.response_time_total_s = sum(client.response_time_total_s for client in clients)
    book.condition = clients[-1].condition if clients else STARTING
    return book


class AttemptBook(object):
    """An attempt of a task, by the dispatcher's word; ``lost_at`` is when it was taken back, None if it was not."""

    def __init__(self, calculator, number, assigned_at):
        # type: (str, int, float) -> None
        self.calculator = calculator
        self.number = number
        self.assigned_at = assigned_at
        self.lost_at = None  # type: float | None


class TaskBook(object):
    """One task, by the dispatcher's word. ``end`` is the entry ``done`` or ``ended``, None before."""

    def __init__(self, task_id):
        # type: (str) -> None
        self.task_id = task_id
        self.attempts = []  # type: List[AttemptBook]
        self.end = None  # type: Entry | None


class Books(object):
    """All of them."""

    def __init__(self):
        # type: () -> None
        self.calculators = OrderedDict()  # type: OrderedDict[str, CalculatorBook]
        self.clients = OrderedDict()  # type: OrderedDict[str, ClientBook]
        self.tasks = OrderedDict()  # type: OrderedDict[str, TaskBook]
        #: Ids of the tasks that wait for a free calculator.
        self.queue = set()  # type: Set[str]
        #: The last time that the dispatcher declared a calculator dead: its name -> time.
        self.declared_dead_at = {}  # type: Dict[str, float]

    def add(self, role, name):
        # type: (str, str) -> None
        """A process is started."""
        if role == CALCULATOR:
            self.calculators[name] = CalculatorBook(name)
        elif role == CLIENT:
            self.clients[name] = ClientBook(name)

    def handle(self, entry):
        # type: (Entry) -> None
        """Something happened."""
        if entry.role == CALCULATOR:
            self.calculators[entry.name].handle(entry)
        elif entry.role == CLIENT:
            self.clients[entry.name].handle(entry)
        elif entry.role == DISPATCHER:
            if entry.kind in _VERDICTS:
                self._judge(entry)
            elif 'task_id' in entry.facts:
                self._handle_task(entry)

    def note_end(self, time, name, was_killed):
        # type: (float, str, bool) -> None
        """A process is gone; if it was killed, it did not say so itself."""
        book = self.calculators.get(name) or self.clients.get(name)
        if isinstance(book, CalculatorBook):
            book.change(time, KILLED if was_killed else ENDED)
        elif book is not None:
            book.condition = KILLED if was_killed else ENDED

    def _judge(self, entry):
        # type: (Entry) -> None
        name = entry.facts['calculator']
        # Nothing keeps anybody from sending one more calculator there by hand.
        if name in self.calculators:
            self.calculators[name].verdict = _VERDICTS[entry.kind]
        if entry.kind == 'died':
            self.declared_dead_at[name] = entry.time

    def _handle_task(self, entry):
        # type: (Entry) -> None
        facts = entry.facts
        task_id = facts['task_id']
        task = self.tasks.setdefault(task_id, TaskBook(task_id))
        if entry.kind == 'accepted':
            self.queue.add(task_id)
        elif entry.kind in ('assigned', 'adopted'):
            self.queue.discard(task_id)
            task.attempts.append(AttemptBook(facts['calculator'], facts['attempt'], entry.time))
        elif entry.kind == 'reassigned':
            self.queue.add(task_id)
            task.attempts[-1].lost_at = entry.time
        elif entry.kind in ('done', 'ended'):
            self.queue.discard(task_id)
            task.end = entry
