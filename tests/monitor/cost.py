"""What an answer to a monitor costs the dispatcher, compared with what a task costs it. Run it::

    python -m tests.monitor.cost [CALCULATORS [WAITING]]

It fills the tables of a real core, then measures the processor time of tasks (from the submit to the outcome) and of
answers to ``status``, rows as text included.
"""

from __future__ import absolute_import, division, print_function

import os
import sys

from net_protocol.codec import pack
from net_protocol.limits import COALESCED_BYTES, COALESCED_LOCAL_BYTES
from tests.dispatcher.driver import Driver

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

TASKS = 3000
ANSWERS = 100
PORTION = 100


def processor_s():
    times = os.times()
    return times[0] + times[1]


class Bench(Driver):
    """A dispatcher with full tables. What leaves becomes text."""

    def __init__(self, calculators, waiting):
        super(Bench, self).__init__(task_timeout_s=100000, answer_timeout_s=10000, pending_max=10 ** 6,
                                    memory_max_bytes=2 ** 33)
        self.core.check_invariants = lambda: None  # type: ignore[method-assign]
        self.number = 0
        self.fill(waiting)
        self.held = []
        for number in range(calculators):
            left = self.beat(self.calculator('calculator-%04d' % number), interval_s=3600)
            self.held += [(channel, row) for channel, kind, row in self.sent[-len(left):] if kind == 'assign']

    def fill(self, tasks):
        for first in range(0, tasks, PORTION):
            numbers = range(self.number + 1, self.number + 1 + min(PORTION, tasks - first))
            self.submit(*numbers, time_left_s=90000)
            self.number = numbers[-1]

    def task_s(self):
        """Processor seconds of one task."""
        began = processor_s()
        for _ in range(TASKS // PORTION):
            held, self.held, self.sent = self.held[:PORTION], self.held[PORTION:], []
            for channel, (assignment, task_id, _, _, _, _) in held:
                self.hear(channel, 'result', [[assignment, task_id, u'1d01be29', None]])
            self.fill(len(held))
            self.held += [(channel, row) for channel, kind, row in self.sent if kind == 'assign']
            for _, kind, row in self.sent:
                pack({kind: [row]}, COALESCED_LOCAL_BYTES, 60)
            self.now += 0.001
        return (processor_s() - began) / TASKS

    def answer_s(self):
        """Processor seconds, bytes of one answer, and its datagrams over a network."""
        spent, octets, datagrams = 0.0, 0, 0
        for number in range(ANSWERS):
            self.now += 1
            self.sent = []
            began = processor_s()
            self.hear(self.monitor(), 'status', [[number + 2, 0, 0, 250 * (number % 4), 0]])
            rows = {'status_report': [row for _, _, row in self.sent]}  # type: Any
            _, text, _ = pack(rows, 2 ** 30, 60)
            spent += processor_s() - began
            octets += len(text)
            while rows is not None:
                _, _, rows = pack(rows, COALESCED_BYTES, 1000)
                datagrams += 1
        return spent / ANSWERS, octets / ANSWERS, datagrams / ANSWERS


def main(calculators=1000, waiting=100000):
    bench = Bench(calculators, waiting)
    one_task_s = bench.task_s()
    one_answer_s, octets, datagrams = bench.answer_s()
    print('Python %d.%d, %d calculators, %d tasks waiting' % (
        sys.version_info[0], sys.version_info[1], calculators, bench.core.queue.size))
    print('one task    %8.1f us of processor time' % (one_task_s * 1e6))
    print('one answer  %8.1f us, %.0f bytes, %.0f datagrams over a network' % (one_answer_s * 1e6, octets, datagrams))
    print('once a second that is %.2f %% of the processor, or %.0f tasks' % (
        one_answer_s * 100, one_answer_s / one_task_s))


if __name__ == '__main__':
    main(*[int(word) for word in sys.argv[1:]])
