"""How long until a task runs elsewhere after its worker is killed or frozen, with the defaults of each library.

A worker begins a task that never ends, another worker is idle, and the first one gets SIGKILL or SIGSTOP. All systems
wait at the same time, because waiting needs no processor.
"""

from __future__ import absolute_import, division, print_function

import signal
import time

from benchmarks import systems
from benchmarks.children import RunFailed
from benchmarks.peers import WHEN_CLAIMED
from benchmarks.questions.comparison import closing_lines
from benchmarks.rounds import figures, good_runs
from benchmarks.tables import number, spread, table
from runtime.clock import monotonic

ABOUT = 'seconds until a task runs elsewhere, worker killed or frozen, ours and others with their defaults'

PEERS = ('rabbitmq', 'gearman_minimal', 'beanstalkd', 'jetstream', 'redis_streams')
FAULTS = (('killed_s', signal.SIGKILL, 'worker killed (SIGKILL)'),
          ('frozen_s', signal.SIGSTOP, 'worker frozen (SIGSTOP)'))
WAIT_S = 200.0
#: The pause between two faults: the start of the next system must not slow down the redelivery of the last one.
PAUSE_S = 2.0
POLL_S = 0.1


class Case(object):
    """One system whose first worker has begun the task and then got the signal."""

    def __init__(self, group, system, fault):
        self.system = system
        self._running = running = system.start(group, workers=1)
        client = system.endless_client(group, running)
        client.until(lambda: system.began_at(running, 0), 'began a task')
        system.add_worker(group, running)
        self.broken_at = monotonic()
        running.workers[0].signal(fault)

    def redelivered_s(self):
        """Seconds until the second worker began the task; None if it did not yet."""
        began_at = self.system.began_at(self._running, 1)
        return None if began_at is None else began_at - self.broken_at


def take(context):
    wait_s = max(5.0, WAIT_S * context.options.size)
    known = context.wanted([systems.Peer(name) for name in PEERS] + [
        systems.EndlessOwn(python) for python in context.options.pythons])
    context.section.update(bound=context.options.others_max, runs=[], wait_s=wait_s)
    for number_of_round in range(context.options.rounds):
        try:
            context.section['runs'] += _round(context, known, wait_s, number_of_round)
        finally:
            context.group.end_all()


def _round(context, known, wait_s, number_of_round):
    runs = {system.name: {'system': system.name, 'round': number_of_round, 'disturbed': False} for system in known}
    waiting = []
    for system in known:
        for figure, fault, text in FAULTS:
            context.say('round %d of %d: %s, %s' % (number_of_round + 1, context.options.rounds, system.name, text))
            try:
                waiting.append((figure, Case(context.group, system, fault)))
            except RunFailed as error:
                runs[system.name]['failed'] = str(error)
            time.sleep(PAUSE_S)
    context.say('waiting up to %g s' % wait_s)
    while waiting:
        for pair in list(waiting):
            figure, case = pair
            seconds = case.redelivered_s()
            if seconds is not None or monotonic() > case.broken_at + wait_s:
                waiting.remove(pair)
                if seconds is not None:
                    runs[case.system.name][figure] = seconds
        time.sleep(POLL_S)
    return [runs[system.name] for system in known]


def lines(section):
    rows = []
    for name in section['order']:
        facts = section['systems'][name]
        found = figures(section['runs'], name)
        if not good_runs(section['runs'], name):
            continue
        is_asked = facts['guarantee'] == WHEN_CLAIMED
        never = 'never by itself' if is_asked else 'not within %s s' % number(section['wait_s'])
        rows.append([facts['title'], facts['guarantee']] + [
            spread(found[figure]) if figure in found else never for figure, _, _ in FAULTS])
    return table(['system', 'guarantee'] + [text + ', s' for _, _, text in FAULTS], rows) + closing_lines(section)
