"""Thousands of calculators, or of clients, or a client with a million waiting tasks, in one process.

    python -m benchmarks.crowd calculators --port N --count 10000 [--draining]
    python -m benchmarks.crowd clients --port N --count 1 --keep 1000000
    python -m benchmarks.crowd clients --port N --count 100 --keep 1000 --rate 200 --lasting 60

Each member is a real core with its own channel, turn and socket, so the dispatcher has as many real peers. Twenty times
per second, and at the end, a JSON object with the time and the counts so far is written to standard output.
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

from benchmarks.figures import SHARES, quantile
from benchmarks.load import say
from calculator.core import CalculatorCore
from calculator.settings import SETTINGS as CALCULATOR_SETTINGS
from client.core import ClientCore
from client.settings import SETTINGS as CLIENT_SETTINGS
from net_protocol.core import draw_incarnation
from net_protocol.limits import DATAGRAM_BYTES_MAX
from net_protocol.turn import Turn
from runtime.clock import monotonic

REPORT_INTERVAL_S = 0.05
#: With ``--rate``, up to ten clients wake up for new tasks in this interval, more clients less often: otherwise each
#: task would need its own turn.
ARRIVALS_S = 0.005
_BUFFER_BYTES = 1024 * 1024


class Rate(object):
    """Tasks arrive at a fixed rate. Replaces ``client.arrivals.Arrivals``."""

    held_back = 0

    def __init__(self, rate, interval_s):
        self._rate = rate
        self._interval_s = interval_s
        self._began_at = 0.0
        self._sent = 0
        self.taken = []
        self.next_at = None

    def start(self, now):
        self._began_at = self.next_at = now

    def stop(self):
        self.next_at = None

    def take(self, now, places):
        """The number of tasks to send now."""
        if self.next_at is None:
            return 0
        number = max(0, min(places, int(self._rate * (now - self._began_at)) - self._sent))
        self._sent += number
        self.taken = [now] * number
        self.next_at = now + self._interval_s
        return number


class Client(ClientCore):
    """Also counts submits and acceptances, and measures the time from each acceptance to the result."""

    def __init__(self, name, options, rng):
        settings = {'in_flight_max': options.keep, 'task_timeout_s': options.timeout, 'drain_timeout_s': 3600,
                    'task_interval_s': [0, 0]}
        super(Client, self).__init__(CLIENT_SETTINGS.checked(settings), name, draw_incarnation(rng), random.Random(1),
                                     duration_s=options.lasting)
        if options.rate:
            self._arrivals = Rate(  # type: ignore[assignment]
                options.rate, ARRIVALS_S * max(1.0, options.count / 10))
        self.submits = self.accepted = 0
        self.latencies = []
        self._accepted_at = {}

    def note_sent(self, number, rows):
        super(Client, self).note_sent(number, rows)
        self.submits += len(rows.get('submit', ()))

    def acknowledged(self, now, channel, kind, rows):
        super(Client, self).acknowledged(now, channel, kind, rows)
        for row in rows:
            self.accepted += row[0] not in self._accepted_at
            self._accepted_at[row[0]] = now

    def _on_done(self, now, channel, rows):
        super(Client, self)._on_done(now, channel, rows)
        for row in rows:
            accepted_at = self._accepted_at.pop(row[0], None)
            if accepted_at is not None:
                self.latencies.append(now - accepted_at)

    def report(self):
        return {'sent': self.statistics.sent, 'submits': self.submits, 'accepted': self.accepted,
                'answered': self.statistics.answered}


class Calculator(CalculatorCore):
    """Computes each task at once. With ``--draining`` its heartbeats say that it drains, but it stays."""

    def __init__(self, name, options, rng):
        settings = {'task_duration_s': [0, 0], 'capacity': options.capacity, 'outage': {'probability': 0},
                    'heartbeat_interval_s': options.interval}
        super(Calculator, self).__init__(CALCULATOR_SETTINGS.checked(settings), name, lambda: draw_incarnation(rng),
                                         random.Random(1))
        self.latencies = ()
        self._seems_to_drain = options.draining

    def send(self, channel, kind, row):
        if kind == 'heartbeat' and self._seems_to_drain:
            row = row[:-1] + [True]
        super(Calculator, self).send(channel, kind, row)

    def report(self):
        # The second heartbeat is sent an interval after the first.
        return {'registered': self.counts['heartbeats'] > 1, 'answered': self.counts['assigned']}


class Member(object):
    """A core with its turn and its socket."""

    def __init__(self, core, address, rng):
        self.core = core
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._socket.setblocking(False)
        self._socket.bind(('127.0.0.1', 0))
        self._turn = Turn(core, rng, is_local=lambda address: True)
        self._turn.set_upstream(address)
        self._is_started = False
        #: When its next turn is due, or None.
        self.due_at = None

    def fileno(self):
        return self._socket.fileno()

    def run(self, now):
        if not self._is_started:
            self._is_started = True
            self.core.start(now)
        self._turn.run(now, self._receive, self._send)
        self.due_at = self._turn.next_timer()

    def _receive(self):
        try:
            return self._socket.recvfrom(DATAGRAM_BYTES_MAX)
        except (OSError, socket.error):
            return None

    def _send(self, datagram, address):
        try:
            self._socket.sendto(datagram, address)
        except (OSError, socket.error):
            pass  # A lost datagram.


def run(members, within_s):
    """Run until SIGINT or SIGTERM. The first turns are spread over ``within_s``. SIGUSR1 requests a full report."""
    asked = []
    signal.signal(signal.SIGUSR1, lambda number, frame: asked.append(number))
    began_at = report_at = monotonic()
    poll = select.epoll()
    due = []
    for index, member in enumerate(members):
        poll.register(member.fileno(), select.EPOLLIN)
        member.due_at = began_at + within_s * index / len(members)
        due.append((member.due_at, index))
    by_descriptor = {member.fileno(): index for index, member in enumerate(members)}
    while True:
        wait_s = min(due[0][0] if due else report_at, report_at) - monotonic()
        # In the order of the datagrams, so that no member is always served first.
        ready = [by_descriptor[descriptor] for descriptor, _ in poll.poll(max(0.0, wait_s))]
        now = monotonic()
        while due and due[0][0] <= now:
            at, index = heapq.heappop(due)
            if members[index].due_at == at:
                ready.append(index)
        for index in ready:
            member = members[index]
            planned_at = member.due_at
            member.run(monotonic())
            # Unless its entry is still in the heap.
            if member.due_at is not None and (member.due_at != planned_at or planned_at <= now):
                heapq.heappush(due, (member.due_at, index))
        if now >= report_at:
            report(members, is_full=bool(asked))
            del asked[:]
            report_at = now + REPORT_INTERVAL_S


def report(members, is_full=False):
    """Write a line for the harness; a full one has the counts of each member and the latencies too."""
    reports = [member.core.report() for member in members]
    total = {what: sum(one[what] for one in reports) for what in reports[0]}
    if is_full:
        latencies = sorted(latency for member in members for latency in member.core.latencies)
        total['quantiles_s'] = [quantile(latencies, share) for share in SHARES] if latencies else []
        total['answered_each'] = [one['answered'] for one in reports]
    say(json.dumps(dict(total, time=monotonic())))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('kind', choices=('calculators', 'clients'))
    parser.add_argument('--port', type=int, required=True)
    parser.add_argument('--count', type=int, required=True)
    parser.add_argument('--interval', type=float, default=1.0, help='seconds between heartbeats')
    parser.add_argument('--capacity', type=int, default=1)
    parser.add_argument('--draining', action='store_true', help='register, but take no work')
    parser.add_argument('--keep', type=int, default=1, help='the maximum of open tasks of each client')
    parser.add_argument('--rate', type=float, help='new tasks per second of each client (default: keep the maximum)')
    parser.add_argument('--lasting', type=float, help='seconds with new tasks')
    parser.add_argument('--timeout', type=float, default=86400.0, help='time-out of each task, in seconds')
    options = parser.parse_args()
    # With hundreds of thousands of open tasks the garbage collector would cause most of the cost.
    gc.disable()
    kind = Calculator if options.kind == 'calculators' else Client
    rng = random.SystemRandom()
    members = [Member(kind('crowd-%d' % index, options, rng), ('127.0.0.1', options.port), rng)
               for index in range(options.count)]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    try:
        run(members, options.interval)
    except KeyboardInterrupt:
        report(members, is_full=True)


if __name__ == '__main__':
    main()
