"""Ten thousand calculators, or a thousand clients, or a million waiting tasks, in one process that speaks the protocol.

    python -m benchmarks.crowd calculators --port N --count 10000 [--draining]
    python -m benchmarks.crowd clients --port N --count 1 --keep 1000000
    python -m benchmarks.crowd arrivals --port N --count 1 --rate 20000 --time-left 60

Each participant has a socket of its own, so that the dispatcher has as many peers as it would really have. They do the
least that the protocol asks for: beat, compute at once, answer, acknowledge; and resend what is not acknowledged.
Twenty times a second, and at the end, standard output gets a JSON object: the time and what was counted until then.
"""

from __future__ import absolute_import, division, print_function

import argparse
import gc
import heapq
import json
import random
import select
import signal
import socket
import sys
from collections import OrderedDict

from benchmarks.figures import SHARES, quantile
from client.gate import Gate
from net_protocol import codec, notional
from net_protocol.core import draw_incarnation
from net_protocol.delivery import JITTER_MAX, RESEND_CAP_S, RESEND_FIRST_S
from net_protocol.limits import DATAGRAM_BYTES_MAX
from net_protocol.messages import (
    DONE, Accepted, Assign, AssignAck, Heartbeat, HeartbeatAck, Outcome, OutcomeAck, Refused, Result, ResultAck, Revoke,
    Submit)
from runtime.clock import monotonic

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

    from net_protocol.messages import Message  # noqa: F401

REPORT_INTERVAL_S = 0.05
RESEND_S = 1.0
#: Arrivals are sent together where they come closer than this; of all participants as many times a second.
ARRIVAL_INTERVAL_S = 0.005
#: Submits of one client that may wait for their acceptance: enough that the dispatcher is never idle, so few that its
#: socket never overflows.
UNACCEPTED_MAX = 1000
_BUFFER_BYTES = 1024 * 1024
_READS_MAX = 64
PAYLOAD = '0123456789abcdef' * 6 + '0123'


class Participant(object):
    """One calculator or client: a name, a life, a socket."""

    def __init__(self, name, life, dispatcher):
        # type: (str, str, Any) -> None
        self.name = name
        self.life = life
        self.counts = {}  # type: Dict[str, int]
        self._dispatcher = dispatcher
        self._datagrams = 0
        self._outgoing = []  # type: List[Message]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._socket.setblocking(False)
        self._socket.bind(('127.0.0.1', 0))
        self._handlers = {}  # type: Dict[Any, Any]

    def fileno(self):
        # type: () -> int
        """For ``epoll``."""
        return self._socket.fileno()

    def read(self, now):
        # type: (float) -> None
        """Handle what has arrived, then send what came of it."""
        for _ in range(_READS_MAX):
            try:
                datagram = self._socket.recv(DATAGRAM_BYTES_MAX)
            except (OSError, socket.error):
                break
            for message in codec.decode(datagram).messages:
                handler = self._handlers.get(type(message))
                if handler is not None:
                    handler(now, message)
        self.flush()

    def flush(self):
        # type: () -> None
        """Send what waits."""
        if not self._outgoing:
            return
        datagrams = codec.encode(self.name, self.life, self._datagrams + 1, self._outgoing)
        self._datagrams += len(datagrams)
        self._outgoing = []
        for datagram in datagrams:
            try:
                self._socket.sendto(datagram, self._dispatcher)
            except (OSError, socket.error):
                # A datagram that is lost is sent again.
                self._count('send_errors')

    def due(self, now):
        # type: (float) -> float
        """Do what is due; returns when to be called again."""
        raise NotImplementedError

    def _count(self, what):
        # type: (str) -> None
        self.counts[what] = self.counts.get(what, 0) + 1


class SmallCalculator(Participant):
    """Beats, and answers each assignment in the datagram that acknowledges it."""

    def __init__(self, name, life, dispatcher, options):
        # type: (str, str, Any, Any) -> None
        super(SmallCalculator, self).__init__(name, life, dispatcher)
        self._interval_s = options.interval
        self._capacity = options.capacity
        self._draining = options.draining
        self._sequence = self._heard = 0
        # (Task id, attempt) -> its result, not acknowledged yet.
        self._unreported = {}  # type: Dict[Tuple[str, int], Result]
        self._handlers = {HeartbeatAck: self._on_heartbeat_ack, Assign: self._on_assign, ResultAck: self._on_over,
                          Revoke: self._on_over}

    def due(self, now):
        # type: (float) -> float
        self._sequence += 1
        self._count('heartbeats')
        self._outgoing.append(Heartbeat(self._sequence, 1, 1, self._interval_s, self._capacity, [],
                                        sorted(self._unreported), self._draining, self._heard))
        self._outgoing.extend(self._unreported[key] for key in sorted(self._unreported))
        self.flush()
        return now + self._interval_s

    def _on_heartbeat_ack(self, now, message):
        # type: (float, HeartbeatAck) -> None
        if not self._heard:
            self._count('registered')
        self._heard = max(self._heard, message.sequence)

    def _on_assign(self, now, message):
        # type: (float, Assign) -> None
        if message.incarnation != self.life:
            return
        result = Result(message.task_id, message.attempt, notional.compute(message.payload), None)
        self._unreported[message.task_id, message.attempt] = result
        self._count('computed')
        self._outgoing.extend((AssignAck(message.task_id, message.attempt), result))

    def _on_over(self, now, message):
        # type: (float, Any) -> None
        self._unreported.pop((message.task_id, message.attempt), None)


class SmallClient(Participant):
    """Keeps its tasks out."""

    def __init__(self, name, life, dispatcher, options):
        # type: (str, str, Any, Any) -> None
        super(SmallClient, self).__init__(name, life, dispatcher)
        self._keep = options.keep
        self._time_left_s = options.time_left
        self._sent = 0
        self._out = 0
        # Numbers of the tasks that nobody said anything of yet -> when they are sent again, the oldest first.
        self._unaccepted = OrderedDict()  # type: OrderedDict[int, float]
        self._handlers = {Accepted: self._on_accepted, Refused: self._on_refused, Outcome: self._on_outcome}

    def due(self, now):
        # type: (float) -> float
        while self._unaccepted:
            number, due_at = next(iter(self._unaccepted.items()))
            if due_at > now:
                break
            self._count('resent')
            self._submit(now, number)
        self._fill(now)
        self.flush()
        return now + RESEND_S / 4

    def _fill(self, now):
        # type: (float) -> None
        while self._out < self._keep and len(self._unaccepted) < UNACCEPTED_MAX:
            self._sent += 1
            self._out += 1
            self._submit(now, self._sent)

    def _submit(self, now, number):
        # type: (float, int) -> None
        self._unaccepted.pop(number, None)
        self._unaccepted[number] = now + RESEND_S
        self._outgoing.append(Submit('%s:%s:%d' % (self.name, self.life, number), PAYLOAD, self._time_left_s))

    def _on_accepted(self, now, message):
        # type: (float, Accepted) -> None
        if self._unaccepted.pop(_number(message.task_id), None) is not None:
            self._count('accepted')
            self._fill(now)

    def _on_refused(self, now, message):
        # type: (float, Refused) -> None
        # Sent again when its time comes.
        self._count('refused')

    def _on_outcome(self, now, message):
        # type: (float, Outcome) -> None
        self._unaccepted.pop(_number(message.task_id), None)
        self._count('answered' if message.outcome == DONE else 'unanswered')
        self._out -= 1
        self._outgoing.append(OutcomeAck(message.task_id))
        self._fill(now)


class Arrivals(Participant):
    """A client that does not wait for answers: so many new tasks a second, whatever becomes of them.

    It asks as the protocol has it: within its window, with back-off until it hears anything, after a refusal when it
    was told to. It tells how long each task took from its acceptance to its result. After ``--lasting`` seconds it
    wants nothing more but what was accepted by then. A task that came and may not be submitted yet is no more than a
    number here, since whoever asks shall not take the processors from those who answer.
    """

    def __init__(self, name, life, dispatcher, options):
        # type: (str, str, Any, Any) -> None
        super(Arrivals, self).__init__(name, life, dispatcher)
        self._rate = options.rate
        self._lasting_s = options.lasting
        self._interval_s = ARRIVAL_INTERVAL_S * max(1.0, options.count / 10)
        self._time_left_s = options.time_left
        self._rng = random.Random(1)
        self._began_at = None  # type: float | None
        # Tasks that were submitted at all.
        self._begun = 0
        # Number -> [when its time is over, the wait before it is resent, when it is next asked for or None, how often
        # the gate had been opened when it passed].
        self._asking = {}  # type: Dict[int, List[Any]]
        self._gate = Gate(options.time_left)
        self._again = []  # type: List[Tuple[float, int]]
        self._accepted_at = {}  # type: Dict[int, float]
        self.latencies = []  # type: List[float]
        self._handlers = {Accepted: self._on_accepted, Refused: self._on_refused, Outcome: self._on_outcome}

    def due(self, now):
        # type: (float) -> float
        if self._began_at is None:
            self._began_at = now
        if now >= self._began_at + self._lasting_s:
            self._asking.clear()
            self.flush()
            return now + self._interval_s
        if self._gate.is_shut and now >= self._gate.shut_until:
            self._gate.open()
        self.counts['sent'] = int(self._rate * (now - self._began_at))
        self._let_pass(now)
        while self._again and self._again[0][0] <= now:
            due_at, number = heapq.heappop(self._again)
            # It may be held back.
            if number in self._asking and self._asking[number][2] == due_at:
                self._gate.note_silence(now)
                self._submit(now, number)
        self.flush()
        return now + self._interval_s

    def _jitter(self):
        # type: () -> float
        return 1 + (JITTER_MAX - 1) * self._rng.random()

    def _hold(self, number):
        # type: (int) -> None
        self._gate.hold(number, self._asking[number][0] - self._time_left_s / 2, number)

    def _let_pass(self, now):
        # type: (float) -> None
        number = self._gate.next(now)
        while number is not None:
            if number in self._asking:
                self._submit(now, number)
            else:
                self._gate.note_gone()
            number = self._gate.next(now)
        while self._begun < self.counts['sent'] and self._gate.admit():
            self._begun += 1
            over_at = self._began_at + self._begun / self._rate + self._time_left_s
            self._asking[self._begun] = [over_at, RESEND_FIRST_S * self._jitter(), None, 0]
            self._submit(now, self._begun)

    def _submit(self, now, number):
        # type: (float, int) -> None
        over_at, wait_s = self._asking[number][:2]
        if now >= over_at:
            self._count('given_up')
            del self._asking[number]
            self._gate.note_gone()
            return
        self._count('submits')
        if self._asking[number][2] is None:
            self._asking[number][3] = self._gate.openings
        self._asking[number][1:3] = [min(2 * wait_s, RESEND_CAP_S * JITTER_MAX), now + wait_s]
        heapq.heappush(self._again, (now + wait_s, number))
        self._outgoing.append(Submit('%s:%s:%d' % (self.name, self.life, number), PAYLOAD, over_at - now))

    def _on_accepted(self, now, message):
        # type: (float, Accepted) -> None
        number = _number(message.task_id)
        if self._note_room(now, number):
            self._count('accepted')
            self._accepted_at[number] = now

    def _note_room(self, now, number):
        # type: (float, int) -> bool
        """It was accepted; returns whether that is news."""
        asked = self._asking.pop(number, None)
        if asked is None:
            return False
        if asked[2] is not None:
            self._gate.note_accepted()
            self._let_pass(now)
        return True

    def _on_refused(self, now, message):
        # type: (float, Refused) -> None
        self._count('refused')
        number = _number(message.task_id)
        asked = self._asking.get(number)
        if asked is None or asked[2] is None or message.retry_after_s is None:
            return
        asked[1:3] = [RESEND_FIRST_S * self._jitter(), None]
        self._hold(number)
        self._gate.note_refused(now, message.retry_after_s, self._jitter(), asked[3])
        self._let_pass(now)

    def _on_outcome(self, now, message):
        # type: (float, Outcome) -> None
        number = _number(message.task_id)
        self._outgoing.append(OutcomeAck(message.task_id))
        accepted_at = self._accepted_at.pop(number, now if self._note_room(now, number) else None)
        if accepted_at is None:
            return
        self._count('answered' if message.outcome == DONE else 'unanswered')
        if message.outcome == DONE:
            self.latencies.append(now - accepted_at)


def _number(task_id):
    # type: (str) -> int
    return int(task_id.rsplit(':', 1)[1])


KINDS = {'calculators': SmallCalculator, 'clients': SmallClient, 'arrivals': Arrivals}  # type: Dict[str, Any]


def report(participants, is_full=False):
    # type: (List[Participant], bool) -> None
    """A line for the harness; a full one tells each participant and the latencies too."""
    total = {}  # type: Dict[str, Any]
    for participant in participants:
        for what, count in participant.counts.items():
            total[what] = total.get(what, 0) + count
    if is_full:
        latencies = sorted(latency for participant in participants for latency in getattr(participant, 'latencies', ()))
        total['quantiles_s'] = [quantile(latencies, share) for share in SHARES] if latencies else []
        total['answered_each'] = [participant.counts.get('answered', 0) for participant in participants]
    print(json.dumps(dict(total, time=monotonic())))
    sys.stdout.flush()


def run(participants, first_within_s):
    # type: (List[Participant], float) -> None
    """Until SIGINT or SIGTERM; ``first_within_s`` spreads their first words. SIGUSR1 asks for a full report."""
    asked = []  # type: List[int]
    signal.signal(signal.SIGUSR1, lambda number, frame: asked.append(number))
    began_at = monotonic()
    due = [(began_at + first_within_s * number / len(participants), number) for number in range(len(participants))]
    poll = select.epoll()
    for participant in participants:
        poll.register(participant.fileno(), select.EPOLLIN)
    by_descriptor = {participant.fileno(): participant for participant in participants}
    report_at = began_at
    while True:
        now = monotonic()
        for descriptor, _ in poll.poll(max(0.0, min(due[0][0], report_at) - now)):
            by_descriptor[descriptor].read(monotonic())
        now = monotonic()
        while due[0][0] <= now:
            _, number = due[0]
            heapq.heapreplace(due, (participants[number].due(now), number))
        if now >= report_at:
            report(participants, is_full=bool(asked))
            del asked[:]
            report_at = now + REPORT_INTERVAL_S


def main():
    # type: () -> None
    """Run a crowd until asked to end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('kind', choices=tuple(KINDS))
    parser.add_argument('--port', type=int, required=True)
    parser.add_argument('--count', type=int, required=True)
    parser.add_argument('--interval', type=float, default=1.0, help='seconds between heartbeats')
    parser.add_argument('--capacity', type=int, default=1)
    parser.add_argument('--draining', action='store_true', help='registered, and taking no work')
    parser.add_argument('--keep', type=int, default=1, help='tasks that each client has out')
    parser.add_argument('--rate', type=float, default=100.0, help='new tasks a second of each client that never waits')
    parser.add_argument('--lasting', type=float, default=float('inf'), help='seconds in which new tasks come')
    parser.add_argument('--time-left', type=float, default=86400.0, help='seconds')
    options = parser.parse_args()
    # Hundreds of thousands of tasks may be out, and looking for cycles among them would be most of what a crowd costs.
    gc.disable()
    kind = KINDS[options.kind]
    rng = random.SystemRandom()
    participants = [kind('crowd-%d' % number, draw_incarnation(rng), ('127.0.0.1', options.port), options)
                    for number in range(options.count)]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run(participants, options.interval)
    except KeyboardInterrupt:
        report(participants, is_full=True)


if __name__ == '__main__':
    main()
