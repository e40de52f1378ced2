"""How many tasks a second, and what one of them costs the processors."""

from __future__ import absolute_import, division, print_function

from benchmarks import systems
from benchmarks.questions.comparison import closing_lines, rows
from benchmarks.rounds import figures
from benchmarks.tables import middle, spread, table

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from benchmarks.context import Context  # noqa: F401

ABOUT = 'tasks a second and processor time a task with 100 tasks out, ours and others'


def take(context):
    # type: (Context) -> None
    """Ours on each Python, then everybody else, round after round."""
    known = context.wanted([context.own(python) for python in context.pythons] + systems.peers(context.pythons))
    options = context.options
    context.rounds(known, lambda system: systems.run_once(
        context.house, system, systems.IN_FLIGHT, options.warm_up, options.duration))


def lines(section):
    # type: (Dict[str, Any]) -> List[str]
    """One row a system, the quickest first; the last column is the first of ours over it, pair by pair."""
    runs, even = section['runs'], section.get('even_disturbed', False)
    found = {name: figures(runs, name, even) for name in section['order']}
    return table(
        ('system', 'tasks/s', 'broker, us/task', 'workers', 'client', 'sum', 'p50, us', 'p99, us', 'ours is x times'),
        [(section['systems'][name]['title'], spread(found[name].get('tasks_per_s')),
          spread(found[name].get('broker_us')), middle(found[name].get('workers_us')),
          middle(found[name].get('client_us')), middle(found[name].get('total_us')),
          middle(found[name].get('p50_us')), middle(found[name].get('p99_us')), times)
         for name, times in rows(section, 'tasks_per_s')]) + closing_lines(section)
