"""What a waiting task takes of the dispatcher's memory."""

from __future__ import absolute_import, division, print_function

from benchmarks import machine
from benchmarks.questions.comparison import closing_lines
from benchmarks.questions.crowds import Crowd
from benchmarks.rounds import figures
from benchmarks.tables import number, spread, table

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from benchmarks.context import Context  # noqa: F401
    from benchmarks.systems import Own  # noqa: F401

ABOUT = 'memory of the dispatcher for each waiting task'

WAITING = (1000, 10000, 100000, 1000000)


def take(context):
    # type: (Context) -> None
    """On each Python: fill the queue, with nobody to work on it, and look at the process on the way."""
    sizes = [max(100, int(size * context.options.size)) for size in WAITING]
    known = context.wanted([context.own(python, dispatcher={'pending_max': 2 * sizes[-1], 'task_timeout_s': 86400})
                            for python in context.pythons])
    context.rounds(known, lambda system: _fill(context, system, sizes))


def _fill(context, system, sizes):
    # type: (Context, Own, List[int]) -> Dict[str, Any]
    house = context.house
    try:
        dispatcher = system.start_dispatcher(house)
        port = system.listening_port(dispatcher)
        empty = machine.memory_bytes(dispatcher.pid)
        crowd = Crowd(house, 'clients', port, 1, '--keep', str(sizes[-1]))
        found = {'empty_bytes': empty}  # type: Dict[str, Any]
        for size in sizes:
            accepted = crowd.wait_for('accepted', size)
            taken = machine.memory_bytes(dispatcher.pid) - empty
            found['bytes_per_task_%d' % size] = taken / accepted
        dispatcher.must_be_well()
        return dict(found, peak_bytes=machine.peak_memory_bytes(dispatcher.pid))
    finally:
        house.end_all()


def lines(section):
    # type: (Dict[str, Any]) -> List[str]
    """One row a Python and a length of the queue."""
    rows = []
    for name in section['order']:
        found = figures(section['runs'], name, even_disturbed=True)
        sizes = sorted(int(figure.rsplit('_', 1)[1]) for figure in found if figure.startswith('bytes_per_task_'))
        for size in sizes:
            rows.append((section['systems'][name]['title'], '{:,}'.format(size),
                         spread(found['bytes_per_task_%d' % size])))
        if sizes:
            rows.append((section['systems'][name]['title'], 'at the most',
                         '%s MB in all' % number(found['peak_bytes']['median'] / 1e6)))
    return table(('system', 'tasks waiting', 'bytes each'), rows) + closing_lines(section)
