"""How long one task takes when nothing else is under way."""

from __future__ import absolute_import, division, print_function

from benchmarks import systems
from benchmarks.questions.comparison import closing_lines, rows
from benchmarks.rounds import figures
from benchmarks.tables import middle, spread, table

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from benchmarks.context import Context  # noqa: F401

ABOUT = 'time to an answer with one task out at a time, ours and others'


def take(context):
    # type: (Context) -> None
    """As ``throughput``, with one task out."""
    known = context.wanted([context.own(python) for python in context.pythons] + systems.peers(context.pythons))
    options = context.options
    context.rounds(known, lambda system: systems.run_once(
        context.house, system, 1, options.warm_up, options.duration))


def lines(section):
    # type: (Dict[str, Any]) -> List[str]
    """One row a system; the last column is the first of ours over it at p50, pair by pair."""
    runs, even = section['runs'], section.get('even_disturbed', False)
    found = {name: figures(runs, name, even) for name in section['order']}
    return table(
        ('system', 'p50, us', 'p95, us', 'p99, us', 'p99.9, us', 'max, us', 'ours is x times'),
        [(section['systems'][name]['title'], spread(found[name].get('p50_us')), middle(found[name].get('p95_us')),
          spread(found[name].get('p99_us')), middle(found[name].get('p999_us')), middle(found[name].get('max_us')),
          times)
         for name, times in rows(section, 'p50_us')]) + closing_lines(section)
