"""A soak: very many tasks of no duration through real processes, and the memory of each process.

    python -m tests.attacks.soak                    a million tasks, some minutes on two cores
    python -m tests.attacks.soak --tasks 200000     fewer

The memory of the dispatcher, both calculators and the client is read when 100,000 tasks are answered, and again at the
end. The exit status is 1 if the memory of a process grew or shrank by a tenth or more in between. An account that does
not balance raises an error.
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
#: What grows before this is bounded: the last 5,000 attempts, response times of clients, quantile sketches, the heap.
WARM_TASKS = 100000
GROWTH_MAX = 0.1
#: Far more than a million tasks take on a slow machine.
BOUND_S = 3600.0

ANSWERED = re.compile(r'answered (\d+)')


class Progress(object):
    """The number of answered tasks, from the progress line that a client shows on a terminal."""

    def __init__(self):
        self._master, self.slave = pty.openpty()
        self._shown = ''
        self.answered = 0

    def close(self):
        for descriptor in (self._master, self.slave):
            os.close(descriptor)

    def read(self, seconds):
        """Wait up to ``seconds`` for output, and read it."""
        if select.select([self._master], [], [], seconds)[0]:
            self._shown = self._shown[-200:] + os.read(self._master, 65536).decode('utf-8')
            for found in ANSWERED.findall(self._shown[:self._shown.rfind(',') + 1]):
                self.answered = max(self.answered, int(found))


def resident_kib(pid):
    """The resident memory of a process on Linux, in KiB."""
    with io.open('/proc/%d/status' % pid, encoding='ascii') as file:
        return int(re.search(r'VmRSS:\s+(\d+)', file.read()).group(1))  # type: ignore[union-attr]


def soak(system, tasks, python):
    """Run ``tasks`` tasks, check that all are answered and all accounts balance, and return the memory of each process
    after ``WARM_TASKS`` and at the end: two dicts of KiB by name.
    """
    progress = Progress()
    system.dispatcher(python, status_interval_s=10)
    for letter in 'ab':
        system.calculator('calculator-' + letter, python, capacity=500, task_duration_s=[0, 0],
                          heartbeat_interval_s=1)
    client = system.client(tasks=tasks, python=python, terminal=progress.slave, in_flight_max=1000,
                           task_interval_s=[0, 0])
    try:
        warm = memory_after(WARM_TASKS, system, client, progress)
        last = memory_after(tasks, system, client, progress)
        assert client.wait() == 0, client.report()
    finally:
        progress.close()
    system.balance()
    assert client.account['answered'] == tasks
    print('%d tasks, %.0f per second' % (tasks, tasks / client.account['duration_s']))
    return warm, last


def memory_after(answered, system, client, progress):
    """The memory of each process when the client has this many answers, or last before the client ended by itself."""
    found = {}
    end_at = monotonic() + BOUND_S
    while client.is_running and progress.answered < answered:
        progress.read(0.2)
        try:
            found = {process.label: resident_kib(process.pid) for process in system.processes}
        except (IOError, AttributeError):
            # The client has ended.
            break
        assert monotonic() < end_at, '%d tasks took more than %g s' % (answered, BOUND_S)
    return found


def main(argv=None):
    """Run the soak and print its report; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--tasks', type=int, default=TASKS, metavar='N', help='default: %(default)s')
    parser.add_argument('--python', default=sys.executable, metavar='PATH', help='the Python that runs the processes')
    options = parser.parse_args(argv)
    if options.tasks < 2 * WARM_TASKS:
        parser.error('--tasks: at least %d, twice the number before the first reading' % (2 * WARM_TASKS))
    directory = tempfile.mkdtemp()
    system = System(directory)
    try:
        warm, last = soak(system, options.tasks, options.python)
    finally:
        system.dispose()
        shutil.rmtree(directory)
    growth = {name: last[name] / warm[name] - 1 for name in warm}
    for name in sorted(warm):
        print('%-16s %8d KiB after %d tasks %8d KiB at the end %+6.1f %%' % (
            name, warm[name], WARM_TASKS, last[name], 100 * growth[name]))
    changed = sorted(name for name in growth if abs(growth[name]) >= GROWTH_MAX)
    print('memory is constant' if not changed else 'memory is NOT constant: %s' % ', '.join(changed))
    return 1 if changed else 0


if __name__ == '__main__':
    sys.exit(main())
