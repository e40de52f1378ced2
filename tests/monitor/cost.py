"""What an answer to a monitor costs the dispatcher, compared with what a task costs it. Run it::

    python -m tests.monitor.cost [CALCULATORS [WAITING]]

It fills the tables of a real core, then measures the processor time of tasks (from the submit to the acknowledged
outcome) and of answers to ``status``, with all cores and turns in this process: of a task the dispatcher's share is the
larger part.
"""

from __future__ import absolute_import, division, print_function

import os
import sys

from monitor.core import MonitorCore
from monitor.picture import Picture
from tests.fake_link import FakeLink

ANSWERS = 20
TASKS = 3000
CALCULATOR = {'heartbeat_interval_s': 3600, 'task_duration_s': [0.01, 0.01]}


def processor_s():
    times = os.times()
    return times[0] + times[1]


class Bench(FakeLink):
    """A dispatcher with full tables, and a monitor."""

    def __init__(self, calculators, waiting):
        super(Bench, self).__init__()
        self.server = self.dispatcher(task_timeout_s=100000, answer_timeout_s=10000, pending_max=10 ** 6)
        self.client('client-1', tasks=waiting + TASKS, in_flight_max=waiting, task_interval_s=[0, 0],
                    task_timeout_s=100000)
        assert self.run_until(lambda: self.server.core.queue.size >= waiting, 300)
        self.calculators = calculators

    def task_s(self):
        """Processor seconds of one task."""
        for number in range(self.calculators):
            self.calculator('calculator-%04d' % number, **CALCULATOR)
        began, done = processor_s(), self.server.core.counts['done']
        assert self.run_until(lambda: self.server.core.counts['done'] >= done + TASKS, 300)
        return (processor_s() - began) / (self.server.core.counts['done'] - done)

    def answer_s(self):
        """Processor seconds, datagrams and bytes of one answer."""
        for node in list(self.nodes.values()):
            if node is not self.server:
                self.freeze(node)
        picture = Picture()
        monitor = self.add(('monitor', 7000), MonitorCore(
            'monitor', self._incarnation(), self._generator(), 1.0, picture))
        self.run(0.5)
        turn, account = self.server.turn.run, self.server.turn.account
        spent = [0.0]

        def timed(*arguments):
            began = processor_s()
            turn(*arguments)
            spent[0] += processor_s() - began
        self.server.turn.run = timed
        before, octets = account()['datagrams_out'], []
        send = self._send

        def counted(source, target, datagram):
            if target == monitor.address:
                octets.append(len(datagram))
            send(source, target, datagram)
        self._send = counted
        reports = monitor.core.counts['reports']
        self.run(ANSWERS)
        reports = monitor.core.counts['reports'] - reports
        return spent[0] / reports, (account()['datagrams_out'] - before) / reports, sum(octets) / reports


def main(calculators=1000, waiting=100000):
    bench = Bench(calculators, waiting)
    one_task_s = bench.task_s()
    one_answer_s, datagrams, octets = bench.answer_s()
    print('Python %d.%d, %d calculators, %d tasks waiting' % (
        sys.version_info[0], sys.version_info[1], calculators, bench.server.core.queue.size))
    print('one task    %8.1f us of processor time' % (one_task_s * 1e6))
    print('one answer  %8.1f us, %.0f datagrams, %.0f bytes' % (one_answer_s * 1e6, datagrams, octets))
    print('once a second that is %.2f %% of the processor, or %.0f tasks' % (
        one_answer_s * 100, one_answer_s / one_task_s))


if __name__ == '__main__':
    main(*[int(word) for word in sys.argv[1:]])
