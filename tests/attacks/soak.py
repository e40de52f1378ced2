"""A soak: very many tasks that take no time, through real processes, and how much memory each process has on the way.

    python -m tests.attacks.soak                    a million tasks, some minutes of two cores
    python -m tests.attacks.soak --tasks 200000     fewer

Memory is read when the first 100,000 are done, and again at the end, of the dispatcher, both calculators and the
client. Ends with 1 where any of them grew, or
shrank, by a tenth or more in between; an account that does not close raises.
"""

from __future__ import absolute_import, division, print_function

import argparse
import io
import os
import pty
import re
import select
import shutil
import sys
import tempfile

from runtime.clock import monotonic
from tests.system.processes import System

TASKS = 1000000
#: Nothing is kept of a task that is over. What grows at first are the rings of the last attempts (5,000) and of the
#: clients' response times, the quantile sketches, and the heap of the interpreter: many times less than this.
WARM_TASKS = 100000
GROWTH_MAX = 0.1
CALCULATORS = 'ab'
#: Far more than a million tasks take on a slow machine.
BOUND_S = 3600.0

ANSWERED = re.compile(r'answered (\d+)')


class Progress(object):
    """The live line of a client, which is shown on a terminal only: how many tasks are answered."""

    def __init__(self):
        self._master, self.slave = pty.openpty()
        self._shown = ''
        self.answered = 0

    def close(self):
        for descriptor in (self._master, self.slave):
            os.close(descriptor)

    def wait(self, seconds):
        """Read along for so long at the most."""
        if select.select([self._master], [], [], seconds)[0]:
            self._shown = self._shown[-200:] + os.read(self._master, 65536).decode('utf-8')
            for found in ANSWERED.findall(self._shown[:self._shown.rfind(',') + 1]):
                self.answered = max(self.answered, int(found))


def resident_kib(pid):
    """Resident memory of a process, in KiB; of Linux."""
    with io.open('/proc/%d/status' % pid, encoding='ascii') as file:
        return int(re.search(r'VmRSS:\s+(\d+)', file.read()).group(1))  # type: ignore[union-attr]


def soak(system, tasks, python=sys.executable):
    """Run ``tasks`` tasks to their end; returns memory and speed. Asserts that all were answered, accounts included."""
    progress = Progress()
    system.dispatcher(python, status_interval_s=10)
    for letter in CALCULATORS:
        system.calculator('calculator-' + letter, python, capacity=500, task_duration_s=[0, 0],
                          heartbeat_interval_s=1)
    client = system.client(tasks=tasks, python=python, terminal=progress.slave, in_flight_max=1000,
                           task_interval_s=[0, 0])
    began_at = monotonic()
    try:
        warm = measured(system, client, progress, WARM_TASKS, began_at)
        # The last moment at which all four are there: the client ends by itself when it has its last answer.
        last = measured(system, client, progress, tasks, began_at)
        assert client.wait() == 0, client.report()
    finally:
        progress.close()
    system.balance()
    assert client.account['answered'] == tasks
    return {'tasks': tasks, 'tasks_per_s': tasks / client.account['duration_s'], 'warm_kib': warm, 'last_kib': last,
            'growth': {name: last[name] / warm[name] - 1 for name in warm}}


def measured(system, client, progress, answered, began_at):
    """Follow the client until so many tasks are answered; the last memory of each process before its end."""
    found = {}
    while client.is_running:
        progress.wait(0.2)
        try:
            found = {process.label: resident_kib(process.pid) for process in system.processes}
        except (IOError, AttributeError):
            # The client has ended in the meantime.
            break
        if progress.answered >= answered:
            break
        assert monotonic() - began_at < BOUND_S, 'not within %g s' % BOUND_S
    return found


def report(found):
    """A table for people."""
    lines = ['%d tasks, %.0f a second' % (found['tasks'], found['tasks_per_s'])]
    for name in sorted(found['warm_kib']):
        lines.append('%-16s %8d KiB after %d tasks %8d KiB at the end %+6.1f %%' % (
            name, found['warm_kib'][name], WARM_TASKS, found['last_kib'][name],
            100 * found['growth'][name]))
    return lines


def main(argv=None):
    """Run, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--tasks', type=int, default=TASKS, metavar='N', help='default: %(default)s')
    parser.add_argument('--python', default=sys.executable, metavar='PATH', help='the Python that runs the processes')
    options = parser.parse_args(argv)
    if options.tasks < 2 * WARM_TASKS:
        parser.error('at least %d tasks: memory is read for the first time after half of that' % (2 * WARM_TASKS))
    directory = tempfile.mkdtemp()
    system = System(directory)
    try:
        found = soak(system, options.tasks, options.python)
    finally:
        system.dispose()
        shutil.rmtree(directory)
    print('\n'.join(report(found)))
    grown = {name: growth for name, growth in found['growth'].items() if abs(growth) >= GROWTH_MAX}
    print('memory is flat' if not grown else 'memory is NOT flat: %s' % ', '.join(sorted(grown)))
    print('1 passed, 0 failed' if not grown else '0 passed, 1 failed')
    return 1 if grown else 0


if __name__ == '__main__':
    sys.exit(main())
