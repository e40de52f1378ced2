"""Tables as text that is Markdown too: read in a terminal, pasted into a page."""

from __future__ import absolute_import, division, print_function

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterable, List, Sequence  # noqa: F401


def table(head, rows):
    # type: (Sequence[str], Iterable[Sequence[str]]) -> List[str]
    """A Markdown table whose columns stand below each other; the first one to the left, the others to the right."""
    everything = [list(head)] + [list(row) for row in rows]
    widths = [max(len(row[column]) for row in everything) for column in range(len(head))]
    lines = [_line(everything[0], widths)]
    lines.append('| ' + ' | '.join('-' * widths[0] if not column else '-' * (widths[column] - 1) + ':'
                                   for column in range(len(head))) + ' |')
    return lines + [_line(row, widths) for row in everything[1:]]


def _line(cells, widths):
    # type: (Sequence[str], Sequence[int]) -> str
    return '| ' + ' | '.join([cells[0].ljust(widths[0])] + [
        cell.rjust(width) for cell, width in zip(cells[1:], widths[1:])]) + ' |'


def number(value):
    # type: (float | None) -> str
    """Three digits that mean something, thousands apart; '-' for None."""
    if value is None:
        return '-'
    if abs(value) >= 1000:
        digits = 10 ** (len(str(int(abs(value)))) - 3)
        return '{:,}'.format(int(round(value / digits)) * digits)
    if abs(value) >= 100:
        return '%.0f' % value
    if abs(value) >= 10:
        return '%.1f' % value
    return '%.2f' % value


def spread(figure):
    # type: (Dict[str, Any] | None) -> str
    """A median and, where it is of several runs, the smallest and the largest."""
    if not figure or figure['median'] is None:
        return '-'
    if figure['runs'] < 2:
        return number(figure['median'])
    return '%s (%s to %s)' % (number(figure['median']), number(figure['min']), number(figure['max']))


def middle(figure):
    # type: (Dict[str, Any] | None) -> str
    """The median alone."""
    return number(figure['median']) if figure else '-'
