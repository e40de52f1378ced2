"""Plots of the result file.

One set is committed for each release, so they are small: text stays text, coordinates are rounded.
"""

from __future__ import absolute_import, division, print_function

import os
import re

from benchmarks.figures import SHARES, median
from benchmarks.rounds import figures, good_runs

#: Start of a system's name -> its colour. (figure, title, colour) of each party of a task.
COLOURS = {'ours': '#c8442c', 'relay': '#b9b9b9', '': '#46719c'}
PARTIES = (('broker_us', 'broker', '#46719c'), ('workers_us', 'workers', '#8fb0cf'), ('client_us', 'client', '#cfdbe8'))

SETTINGS = {'svg.fonttype': 'none', 'svg.hashsalt': 'benchmarks', 'font.size': 9, 'font.family': 'sans-serif',
            'axes.spines.top': False, 'axes.spines.right': False, 'path.simplify_threshold': 1.0}


#: Inverts the lightness of a plot, and keeps its hues.
DARK = '<style>@media (prefers-color-scheme: dark) { svg { filter: invert(1) hue-rotate(180deg); } }</style>'


def draw(results, folder):
    """Draw all plots that have figures. Returns question -> name of the file in ``folder``."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot

    # The same figures give the same file: no date, no random identifiers.
    matplotlib.rcParams.update(SETTINGS)
    if not os.path.isdir(folder):
        os.makedirs(folder)
    drawn = {}
    for question, title, drawer in DRAWERS:
        section = results['questions'].get(question)
        figure = None if section is None or 'failed' in section else drawer(pyplot, section)
        if figure is not None:
            drawn[question] = question + '.svg'
            path = os.path.join(folder, drawn[question])
            figure.savefig(path, metadata={'Date': None, 'Creator': None, 'Title': title}, bbox_inches='tight')
            pyplot.close(figure)
            shrink(path)
    return drawn


def shrink(path):
    """Round the coordinates of a picture to hundredths of a point, write one element on a line, and add ``DARK``."""
    with open(path) as file:
        text = file.read()
    text = re.sub(r'-?\d+\.\d{3,}', lambda match: ('%.2f' % float(match.group())).rstrip('0').rstrip('.'), text)
    text = re.sub(r'\s*\n\s*', ' ', text).replace('> <', '>\n<').replace('</title>', '</title>\n' + DARK)
    with open(path, 'w') as file:
        file.write(text.strip() + '\n')


def _measured(section, figure):
    """(Name, figures) of all systems that have ``figure``, the largest last."""
    found = [(name, figures(section['runs'], name, section['even_disturbed'])) for name in section['order']]
    return sorted([pair for pair in found if figure in pair[1]], key=lambda pair: pair[1][figure]['median'])


def _colour(name):
    return next(colour for start, colour in COLOURS.items() if name.startswith(start))


def throughput(pyplot, section):
    """Tasks per second with their spread, and the cost of a task for each party."""
    systems = _measured(section, 'tasks_per_s')
    if not systems:
        return None
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 0.34 * len(systems) + 1))
    places = range(len(systems))
    rates = [found['tasks_per_s'] for _, found in systems]
    left.barh(places, [rate['median'] for rate in rates], color=[_colour(name) for name, _ in systems],
              xerr=[[rate['median'] - rate['min'] for rate in rates], [rate['max'] - rate['median'] for rate in rates]],
              error_kw={'lw': 1, 'ecolor': '#333333'})
    left.set_yticks(places, [section['systems'][name]['title'] for name, _ in systems])
    left.set_xlabel('tasks/s, 100 out')
    base = [0.0] * len(systems)
    for key, title, colour in PARTIES:
        widths = [found[key]['median'] for _, found in systems]
        right.barh(places, widths, left=base, color=colour, label=title)
        base = [one + width for one, width in zip(base, widths)]
    right.set_yticks(places, [''] * len(systems))
    # The slowest costs a hundred times the quickest: its bar is cut off.
    right.set_xlim(0, min(max(base), 8 * median(base)))
    right.set_xlabel('processor time, us/task')
    right.legend(frameon=False)
    return figure


def latency(pyplot, section):
    """The distribution of each system."""
    systems = _measured(section, 'p50_us')
    if not systems:
        return None
    figure, axis = pyplot.subplots(figsize=(8, 4.5))
    for name, _ in systems:
        runs = good_runs(section['runs'], name, section['even_disturbed'])
        quantiles = [median(run['quantiles_us'][place] for run in runs) for place in range(len(SHARES))]
        axis.plot(quantiles, [100 * share for share in SHARES], label=section['systems'][name]['title'],
                  lw=2.2 if name.startswith('ours') else 1, ls='--' if name.startswith('relay') else '-',
                  color=COLOURS['ours'] if name.startswith('ours-3') else None)
    axis.set_xscale('log')
    axis.set_xlabel('response time with one task out, us')
    axis.set_ylabel('% of tasks')
    axis.legend(frameon=False, fontsize=7, loc='lower right')
    return figure


DRAWERS = (('throughput', 'Tasks per second and processor time per task', throughput),
           ('latency', 'Distribution of the response time', latency))
