"""A client and a calculator that outlive a dispatcher which is killed many times, and record what it promised.

The client never resubmits an accepted task, so its outcome shows that the journal kept the task. Two outcomes of a task
must not differ.
"""

from __future__ import absolute_import, division, print_function

from calculator.attempts import ranges
from net_protocol.rows import CALCULATOR, CLIENT, DONE
from tests.system.strangers import Actor

INCARNATION = 'abcdefgh'

#: The largest number of unfinished tasks.
OUT_MAX = 6
TURN_S = 0.01


class Witness(Actor):
    """The client. ``accepted``: numbers of tasks; ``outcomes``: number -> (outcome, result or reason)."""

    def __init__(self):
        super(Witness, self).__init__(CLIENT, name='client', incarnation=INCARNATION)
        self.accepted = set()
        self.outcomes = {}
        self.contradictions = []
        self.made = 0
        #: A string in each payload that makes it large.
        self.ballast = u''
        #: Numbers of tasks without an acceptance and without an outcome; those to submit in the next turn.
        self.asked = set()
        self._to_submit = set()
        # Number of a task -> number of the last datagram with its submit.
        self._sent_in = {}
        self.dispatcher.open = 1  # type: ignore[union-attr]

    def ask(self):
        """Submit a new task."""
        self.made += 1
        self.asked.add(self.made)
        self._to_submit.add(self.made)

    def turn(self, seconds=TURN_S):
        if self.dispatcher.is_open:  # type: ignore[union-attr]
            numbers, self._to_submit = sorted(self._to_submit & self.asked), set()
            self.put('submit', *[[number, [number, self.ballast] if self.ballast else number, 600]
                                 for number in numbers])
            if not numbers and not self.dispatcher.loss.in_flight:  # type: ignore[union-attr]
                # The answer shows whether the dispatcher restarted.
                self.put('ping', [])
        super(Witness, self).turn(seconds)

    def opened(self, now, channel):
        super(Witness, self).opened(now, channel)
        self._to_submit.update(self.asked)

    def note_sent(self, number, rows):
        self._sent_in.update((row[0], number) for row in rows.get('submit', ()))

    def acknowledged(self, now, channel, kind, rows):
        if kind == 'submit':
            numbers = {row[0] for row in rows} & self.asked
            self.asked -= numbers
            self.accepted |= numbers

    def refresh(self, now, channel, kind, row):
        return row if kind != 'submit' or row[0] in self.asked else None

    def on_rows(self, kind, now, channel, rows):
        for row in rows:
            number = row[0]
            if kind == 'refused':
                if self._sent_in.get(number) == row[1] and number not in self.outcomes:
                    self.accepted.discard(number)
                    self.asked.add(number)
                    self._to_submit.add(number)
            elif kind in ('done', 'ended'):
                # The outcome shows that the task was accepted.
                self.accepted.add(number)
                self.asked.discard(number)
                found = (DONE, row[1]) if kind == 'done' else (row[1], row[2])
                if self.outcomes.setdefault(number, found) != found or found != (DONE, number):
                    self.contradictions.append((number, self.outcomes[number], found))
        unfinished = self.asked | (self.accepted - set(self.outcomes))
        self.dispatcher.open = max(self.dispatcher.open, min(unfinished or [self.made + 1]))  # type: ignore[union-attr]


class Worker(Actor):
    """The calculator. ``holds``: task id -> assignment number, 0 if another dispatcher incarnation assigned it."""

    def __init__(self):
        super(Worker, self).__init__(CALCULATOR, name='calculator', incarnation=INCARNATION)
        self.holds = {}
        self._beats = 0

    def beat(self):
        self._beats += 1
        assigned = [number for number in self.holds.values() if number]
        self.put('heartbeat', [self._beats, 1, 1, 0.1, 50, ranges(assigned),
                               sorted(task_id for task_id, number in self.holds.items() if not number), False])

    def report(self, tasks):
        """Send the results of these tasks: task id -> assignment."""
        if self.dispatcher.has_room and not self.dispatcher.rows.get('result'):  # type: ignore[union-attr]
            self.put('result', *[[assignment, task_id, int(task_id.rsplit(':', 1)[1]), None]
                                 for task_id, assignment in sorted(tasks.items())])

    def opened(self, now, channel):
        if channel.incarnation not in self.incarnations:
            self.holds = dict.fromkeys(self.holds, 0)
        super(Worker, self).opened(now, channel)

    def on_rows(self, kind, now, channel, rows):
        for row in rows:
            if kind == 'assign':
                self.holds[row[1]] = row[0]
            elif kind == 'revoke':
                self.holds.pop(row[1], None)


class Ledger(object):
    """What client and calculator learnt from all incarnations of the dispatcher."""

    def __init__(self):
        self.client = client = Witness()
        self.calculator = Worker()
        # The client changes these objects in place.
        self.accepted = client.accepted
        self.outcomes = client.outcomes
        self.contradictions = client.contradictions
        self.incarnations = client.incarnations

    def close(self):
        self.client.close()
        self.calculator.close()

    @property
    def open(self):
        """Numbers of accepted tasks without an outcome."""
        return self.accepted - set(self.outcomes)

    @property
    def is_quiet(self):
        """Whether every submitted task has an outcome."""
        return not (self.client.asked or self.open)

    def turn(self, address, submits=True, straight=False):
        """Send all rows, and handle what arrives within two turns.

        Every accepted task has a result at once, as if an earlier incarnation had assigned it: a dispatcher that is
        killed soon assigns no tasks. With ``straight`` only assigned tasks have a result.
        """
        client, calculator = self.client, self.calculator
        client.aim_at(address)
        calculator.aim_at(address)
        while submits and len(client.asked) + len(self.open) < OUT_MAX:
            client.ask()
        calculator.beat()
        calculator.turn(TURN_S)
        client.turn(TURN_S)
        calculator.holds = {task_id: number for task_id, number in calculator.holds.items()
                            if int(task_id.rsplit(':', 1)[1]) not in self.outcomes}
        done = dict(calculator.holds)
        if not straight:
            for number in self.open:
                done.setdefault('client:%s:%d' % (INCARNATION, number), 0)
        calculator.report(done)
        calculator.turn(0)
