"""Pictures of what was measured, from the result file alone."""

from __future__ import absolute_import, division, print_function

import os

from benchmarks.figures import SHARES, median
from benchmarks.questions import scale
from benchmarks.rounds import figures, good_runs

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List  # noqa: F401

#: Ours, the limits, everybody else; the three parties of a task.
COLOURS = {'ours': '#c8442c', 'relay': '#b9b9b9', '': '#46719c'}
PARTIES = (('broker_us', 'broker', '#46719c'), ('workers_us', 'workers', '#8fb0cf'), ('client_us', 'client', '#cfdbe8'))


def draw(results, folder):
    # type: (Dict[str, Any], str) -> Dict[str, str]
    """Draw everything there are figures for; returns question -> name of the file in ``folder``."""
    import matplotlib
    matplotlib.use('Agg')
    # The same figures are the same file: no date in it, no random ids.
    matplotlib.rcParams.update({'svg.hashsalt': 'benchmarks', 'font.size': 9, 'axes.spines.top': False,
                                'axes.spines.right': False})
    if not os.path.isdir(folder):
        os.makedirs(folder)
    drawn = {}
    for question, drawer in DRAWERS:
        section = results['questions'].get(question)
        if section is None or 'failed' in section:
            continue
        figure = drawer(section)
        if figure is not None:
            drawn[question] = question + '.svg'
            figure.savefig(os.path.join(folder, drawn[question]), metadata={'Date': None}, bbox_inches='tight')
            matplotlib.pyplot.close(figure)
    return drawn


def _axes(rows, columns, size):
    # type: (int, int, Any) -> Any
    from matplotlib import pyplot
    return pyplot.subplots(rows, columns, figsize=size, squeeze=False)


def _even(section):
    # type: (Any) -> bool
    return bool(section.get('even_disturbed'))


def _measured(section, figure):
    # type: (Any, str) -> List[Any]
    """(Name, figures) of all systems that have that one, the largest last."""
    found = [(name, figures(section['runs'], name, _even(section))) for name in section['order']]
    return sorted([pair for pair in found if figure in pair[1]], key=lambda pair: pair[1][figure]['median'])


def _colour(name):
    # type: (str) -> str
    return next(colour for start, colour in COLOURS.items() if name.startswith(start))


def throughput(section):
    # type: (Any) -> Any
    """Tasks a second with their spread, and what one costs each party."""
    systems = _measured(section, 'tasks_per_s')
    if not systems:
        return None
    figure, axes = _axes(1, 2, (11, 0.34 * len(systems) + 1))
    left, right = axes[0]
    places = range(len(systems))
    titles = [section['systems'][name]['title'] for name, _ in systems]
    rates = [found['tasks_per_s'] for _, found in systems]
    left.barh(places, [rate['median'] for rate in rates], color=[_colour(name) for name, _ in systems],
              xerr=[[rate['median'] - rate['min'] for rate in rates], [rate['max'] - rate['median'] for rate in rates]],
              error_kw={'lw': 1, 'ecolor': '#333333'})
    left.set_yticks(places, titles)
    left.set_xlabel('tasks/s, 100 out')
    base = [0.0] * len(systems)
    for key, title, colour in PARTIES:
        widths = [found[key]['median'] for _, found in systems]
        right.barh(places, widths, left=base, color=colour, label=title)
        base = [one + width for one, width in zip(base, widths)]
    right.set_yticks(places, [''] * len(systems))
    # The slowest cost a hundred times the quickest; what matters here is the quick end.
    right.set_xlim(0, min(max(base), 8 * median(base)))
    right.set_xlabel('processor time, us/task')
    right.legend(frameon=False)
    return figure


def latency(section):
    # type: (Any) -> Any
    """The whole distribution of each system."""
    systems = _measured(section, 'p50_us')
    if not systems:
        return None
    figure, axes = _axes(1, 1, (8, 4.5))
    axis = axes[0][0]
    for name, _ in systems:
        runs = good_runs(section['runs'], name, _even(section))
        quantiles = [median(run['quantiles_us'][place] for run in runs) for place in range(len(SHARES))]
        axis.plot(quantiles, [100 * share for share in SHARES], label=section['systems'][name]['title'],
                  lw=2.2 if name.startswith('ours') else 1, ls='--' if name.startswith('relay') else '-',
                  color=COLOURS['ours'] if name.startswith('ours-3') else None)
    axis.set_xscale('log')
    axis.set_xlabel('time to the answer with one task out, us')
    axis.set_ylabel('% of tasks')
    axis.legend(frameon=False, fontsize=7, loc='lower right')
    return figure


def scale_curves(section):
    # type: (Any) -> Any
    """Processor time a task over the size of the crowd."""
    kinds = (('bystanders', 'calculators registered'), ('waiting', 'tasks waiting'), ('clients', 'clients'))
    figure, axes = _axes(1, len(kinds), (11, 3))
    drawn = False
    for axis, (kind, title) in zip(axes[0], kinds):
        points = [(scale.size_of(name), found['broker_us']) for name, found in _measured(section, 'broker_us')
                  if '-%s-' % kind in name]
        if not points:
            continue
        drawn = True
        points.sort(key=lambda point: point[0])
        sizes = [size for size, _ in points]
        axis.errorbar(sizes, [one['median'] for _, one in points], marker='o', color=COLOURS['ours'], yerr=[
            [one['median'] - one['min'] for _, one in points], [one['max'] - one['median'] for _, one in points]])
        axis.set_xscale('log')
        axis.set_ylim(0)
        axis.set_xlabel(title)
    axes[0][0].set_ylabel('dispatcher, us/task')
    return figure if drawn else None


def recovery(section):
    # type: (Any) -> Any
    """One death as a time line."""
    if not section.get('time_lines'):
        return None
    line = section['time_lines'][0]
    figure, axes = _axes(2, 1, (8, 4))
    upper, lower = axes[0][0], axes[1][0]
    upper.step(line['seconds'], line['held'], where='post', color=COLOURS['ours'])
    upper.set_ylabel('tasks with\nthe victim')
    lower.bar(line['seconds'][:-1], line['done'], width=0.1, align='edge', color=COLOURS[''])
    lower.set_ylabel('tasks done\nin 0.1 s')
    lower.set_xlabel('seconds since the SIGKILL of one of ten calculators')
    for axis in (upper, lower):
        axis.axvline(0, color='#333333', lw=1)
        axis.axvline(section['bound_s'], color='#333333', lw=1, ls=':')
        axis.set_xlim(line['seconds'][0], line['seconds'][-1])
    upper.annotate('as --check says', (section['bound_s'], upper.get_ylim()[1]), fontsize=7, ha='left', va='top')
    return figure


def overload(section):
    # type: (Any) -> Any
    """What another client sees before, during and after."""
    lines = section.get('time_lines') or {}
    if not lines:
        return None
    figure, axes = _axes(len(lines), 1, (8, 2.4 * len(lines)))
    for axis, name in zip(axes[:, 0], sorted(lines)):
        points = lines[name][0]
        axis.plot([at for at, _ in points], [seconds for _, seconds in points], '.', ms=2, color=COLOURS['ours'])
        axis.axvline(0, color='#333333', lw=1)
        axis.set_ylabel('time to the answer, s')
        axis.set_title(section['systems'][name]['title'], fontsize=9, loc='left')
    axes[-1][0].set_xlabel('seconds since twice the sustainable rate began')
    figure.tight_layout()
    return figure


DRAWERS = (('throughput', throughput), ('latency', latency), ('scale', scale_curves), ('recovery', recovery),
           ('overload', overload))  # type: Any
