"""The memory of the dispatcher for each waiting and each finished task."""

from __future__ import absolute_import, division, print_function

from benchmarks import machine, systems
from benchmarks.questions.comparison import closing_lines, measured
from benchmarks.questions.crowds import Crowd
from benchmarks.systems import MEMORY_BYTES, Own
from benchmarks.tables import number, spread, table

ABOUT = 'memory of the dispatcher for each waiting task, and for each finished one'

WAITING = (1000, 10000, 100000, 1000000)
#: Finished tasks before the first and before the second measurement. At the first, all tables have their final size.
FINISHED = (100000, 300000)


def take(context):
    context.rounds(context.wanted([Own(python, dispatcher={
        'pending_max': 2 * WAITING[-1], 'memory_max_bytes': MEMORY_BYTES, 'task_timeout_s': 86400})
                                   for python in context.options.pythons]), lambda system: _run(context, system))


def _run(context, system):
    found = _fill(context, system)
    context.group.end_all()
    return dict(found, bytes_per_finished_task=_finish(context, system))


def _fill(context, system):
    """Fill the queue, without calculators, and measure the memory at each size."""
    sizes = [context.scaled(size, 100) for size in WAITING]
    running = system.start(context.group, workers=0)
    pid = running.broker.pid
    empty = machine.memory_bytes(pid)
    crowd = Crowd(context.group, 'clients', running.port, 1, '--keep', str(sizes[-1]))
    found = {}
    for size in sizes:
        accepted = crowd.wait_for('accepted', size)
        found['bytes_per_task_%d' % size] = (machine.memory_bytes(pid) - empty) / accepted
    return dict(found, peak_bytes=machine.memory_bytes(pid, peak=True))


def _finish(context, system):
    """The growth of the memory between two numbers of finished tasks, per task."""
    running = system.start(context.group)
    crowd = Crowd(context.group, 'clients', running.port, 1, '--keep', str(systems.IN_FLIGHT))
    tasks, before, more_tasks, after = [figure for finished in FINISHED for figure in (
        crowd.wait_for('answered', context.scaled(finished, 100)), machine.memory_bytes(running.broker.pid))]
    return max(0, after - before) / max(1, more_tasks - tasks)


def lines(section):
    rows = []
    for _, title, found in measured(section, even_disturbed=True):
        rows += [(title, '{:,} tasks waiting'.format(size), spread(found['bytes_per_task_%d' % size]))
                 for size in sizes(found)]
        rows += [(title, 'at the peak', '%s MB in all' % number(found['peak_bytes']['median'] / 1e6)),
                 (title, 'finished tasks', spread(found['bytes_per_finished_task']))]
    return table(('system', '', 'bytes each'), rows) + closing_lines(section)


def sizes(found):
    """The lengths of the queue, the smallest first."""
    return sorted(int(figure.rsplit('_', 1)[1]) for figure in found if figure.startswith('bytes_per_task_'))
