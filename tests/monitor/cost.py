"""What one answer costs the dispatcher, against what a task costs it. Run it::

    python -m tests.monitor.cost [CALCULATORS [WAITING]]

It fills the books of a real core, then measures the processor time of tasks (from the submit to the acknowledged
outcome) and of answers to ``status``, both from datagram to datagrams.
"""

from __future__ import absolute_import, division, print_function

import os
import random
import sys

from dispatcher.core import DispatcherCore
from dispatcher.settings import SETTINGS
from net_protocol import codec
from net_protocol.addresses import Addresses
from net_protocol.messages import Assign, AssignAck, Heartbeat, OutcomeAck, Result, Status, Submit
from net_protocol.wire import Wire

TASKS = 3000
ANSWERS = 20
LIFE = 'aaaaaaaa'


class Bench(object):
    """A dispatcher with full books, and everybody else."""

    def __init__(self, calculators, waiting):
        self.core = DispatcherCore(SETTINGS.checked({'task_timeout_s': 100000, 'answer_timeout_s': 10000}),
                                   'dispatcher', 'dddddddd', random.Random(1))
        self.wire = Wire(self.core, Addresses(b'secret', lambda address: True))
        self.now = 1000.0
        self.number = 0
        self.core.start(self.now)
        self.names = ['calculator-%04d' % number for number in range(calculators)]
        for number in range(waiting):
            self.say('client-%d' % (number % 10), [Submit(self.task_id(number), u'5f1b8d0c', 90000)])
        self.held = {}
        for name in self.names:
            self.beat(name)

    @staticmethod
    def task_id(number):
        return u'client-%d:cccccccc:%d' % (number % 10, number)

    def beat(self, name):
        self.say(name, [Heartbeat(self.number + 1, 1, 1, 3600, 1, [], [], False, 0)])

    def say(self, name, messages):
        """Hand over what a process says; returns the datagrams that go out because of it."""
        self.number += 1
        for datagram in codec.encode(name, LIFE, self.number, messages):
            self.wire.receive(self.now, datagram, (name, 1))
        return self.flush()

    def flush(self):
        sent = list(self.wire.take_datagrams(self.now))
        for address, datagram in sent:
            for message in codec.decode(datagram).messages if b'"assign"' in datagram else ():
                if isinstance(message, Assign):
                    self.held[address[0]] = message
        return sent


def processor_s():
    times = os.times()
    return times[0] + times[1]


def task_s(bench, tasks):
    """Processor seconds of one task, everybody's share: of it the dispatcher's is the larger part."""
    began = processor_s()
    names = bench.names
    for number in range(tasks):
        name = names[number % len(names)]
        held = bench.held.pop(name)
        bench.say(name, [AssignAck(held.task_id, held.attempt), Result(held.task_id, held.attempt, u'1d01be29', None)])
        bench.say(held.task_id.split(':')[0], [OutcomeAck(held.task_id)])
        bench.say('client-1', [Submit(u'client-1:cccccccc:%d' % (10 ** 7 + number), u'5f1b8d0c', 90000)])
        bench.now += 1e-4
    return (processor_s() - began) / tasks


def answer_s(bench, answers):
    """Processor seconds, datagrams and bytes of one answer, in a system in which much has happened since the last."""
    spent, datagrams, octets = 0.0, 0, 0
    for number in range(answers):
        bench.now += 1
        message = Status(number + 2, 0, 0, 250 * (number % 4), 0)
        began = processor_s()
        sent = bench.say('monitor', [message])
        spent += processor_s() - began
        assert b'status_report' in sent[0][1]
        datagrams += len(sent)
        octets += sum(len(datagram) for _, datagram in sent)
    return spent / answers, datagrams / answers, octets / answers


def main(calculators=1000, waiting=100000):
    bench = Bench(calculators, waiting)
    one_task_s = task_s(bench, TASKS)
    one_answer_s, datagrams, octets = answer_s(bench, ANSWERS)
    assert bench.core.status['waiting'] > waiting * 0.9, bench.core.status['waiting']
    print('Python %d.%d, %d calculators, %d tasks waiting' % (sys.version_info[0], sys.version_info[1], calculators,
                                                            bench.core.status['waiting']))
    print('one task    %8.1f us of processor time' % (one_task_s * 1e6))
    print('one answer  %8.1f us, %.0f datagrams, %.0f bytes' % (one_answer_s * 1e6, datagrams, octets))
    print('once a second that is %.2f %% of the processor, or %.0f tasks' % (
        one_answer_s * 100, one_answer_s / one_task_s))


if __name__ == '__main__':
    main(*[int(word) for word in sys.argv[1:]])
