"""Tables in Markdown, aligned so that a terminal shows them too."""

from __future__ import absolute_import, division, print_function


def table(head, rows):
    """A table whose first column is aligned to the left, the others to the right."""
    everything = [list(head)] + [list(row) for row in rows]
    widths = [max(len(row[column]) for row in everything) for column in range(len(head))]
    lines = [_line(everything[0], widths)]
    lines.append('| ' + ' | '.join('-' * widths[0] if not column else '-' * (widths[column] - 1) + ':'
                                   for column in range(len(head))) + ' |')
    return lines + [_line(row, widths) for row in everything[1:]]


def _line(cells, widths):
    return '| ' + ' | '.join([cells[0].ljust(widths[0])] + [
        cell.rjust(width) for cell, width in zip(cells[1:], widths[1:])]) + ' |'


def number(value):
    """Three significant digits with thousands separators; '-' for None."""
    if value is None:
        return '-'
    if abs(value) >= 1000:
        digits = 10 ** (len(str(int(abs(value)))) - 3)
        return '{:,}'.format(int(round(value / digits)) * digits)
    if abs(value) >= 100:
        return '%.0f' % value
    if abs(value) >= 10:
        return '%.1f' % value
    return '%.1g' % value if 0 < abs(value) < 0.01 else '%.2f' % value


def spread(figure):
    """A median and, if it is that of several runs, the smallest and the largest."""
    if not figure or figure['median'] is None:
        return '-'
    if figure['runs'] < 2:
        return number(figure['median'])
    return '%s (%s to %s)' % (number(figure['median']), number(figure['min']), number(figure['max']))


def middle(figure):
    """The median alone."""
    return number(figure['median']) if figure else '-'
