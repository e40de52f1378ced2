"""What the tables of several systems side by side have in common."""

from __future__ import absolute_import, division, print_function

from benchmarks.rounds import figures, good_runs, ratio
from benchmarks.tables import number, spread

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

#: Figures of which a small one is a good one; of all others it is a large one.
_SMALL_IS_GOOD = ('p50_us', 'broker_us', 'total_us')


def rows(section, figure):
    # type: (Dict[str, Any], str) -> List[Tuple[str, str]]
    """The systems that have runs to compare, best first, each with the ratio of the first of ours to it."""
    runs, even = section['runs'], section.get('even_disturbed', False)
    here = [name for name in section['order'] if good_runs(runs, name, even)]
    here.sort(key=lambda name: figures(runs, name, even)[figure]['median'], reverse=figure not in _SMALL_IS_GOOD)
    reference = first_of_ours(section)
    return [(name, '' if reference is None or name == reference else spread(ratio(runs, reference, name, figure, even)))
            for name in here]


def beside_plain(section, figure):
    # type: (Dict[str, Any], str) -> List[Tuple[str, str]]
    """The systems that have runs to compare, in their order; a variant with its ratio to the plain one."""
    runs, even = section['runs'], section.get('even_disturbed', False)
    here = [name for name in section['order'] if good_runs(runs, name, even)]
    return [(name, '' if plain_of(name) == name else spread(ratio(runs, name, plain_of(name), figure, even)))
            for name in here]


def plain_of(name):
    # type: (str) -> str
    """``ours-3.11`` for ``ours-3.11-journal``."""
    return '-'.join(name.split('-')[:2])


def first_of_ours(section):
    # type: (Dict[str, Any]) -> str | None
    """The system that all others are compared with, or None where it was not measured."""
    for name in section['order']:
        if name.startswith('ours-'):
            return name
    return None


def closing_lines(section):
    # type: (Dict[str, Any]) -> List[str]
    """What the table does not show: runs that do not count, systems that are not there."""
    lines = ['']
    runs = section['runs']
    disturbed = [run for run in runs if run['disturbed']]
    if disturbed:
        worst = max(run['others_share'] for run in disturbed)
        lines.append('%d of %d runs were disturbed: others took up to %s %% of the machine, the bound is %s %%. %s' % (
            len(disturbed), len(runs), number(100 * worst), number(100 * section['bound']),
            'They are counted, because --even-disturbed says so: these figures compare nothing.'
            if section.get('even_disturbed') else 'They are not counted.'))
    for run in runs:
        if 'failed' in run:
            lines.append('%s failed: %s' % (run['system'], run['failed']))
    for name, why in sorted(section.get('missing', {}).items()):
        lines.append('%s was not measured: %s' % (name, why))
    return lines if len(lines) > 1 else []
