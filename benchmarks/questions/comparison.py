"""Common parts of the questions that compare several systems."""

from __future__ import absolute_import, division, print_function

from benchmarks import systems
from benchmarks.rounds import figures, ratio
from benchmarks.tables import middle, number, spread, table

#: Figures of which smaller values are better.
_SMALL_IS_BETTER = ('p50_us',)


def take_all(context, in_flight):
    """Run ours on each Python, and all peers, in each round, with that many tasks in flight."""
    options = context.options
    known = context.wanted([context.own(python) for python in options.pythons] + systems.all_peers(options.pythons))
    take_runs(context, known, in_flight)


def take_runs(context, known, in_flight=systems.IN_FLIGHT):
    options = context.options
    context.rounds(known, lambda system: systems.run_once(
        context.group, system, in_flight, options.warm_up, options.duration))


def compared(section, figure, columns):
    """The table of all systems, best first, and the closing lines. ``columns`` are (title, figure, how).

    The last column is the first of ours over the system, pair by pair.
    """
    reference = first_of_ours(section)
    rows = [[title] + [how(found.get(key)) if how else section['systems'][name][key] for _, key, how in columns]
            + [times(section, reference, name, figure)]
            for name, title, found in sorted(measured(section), key=lambda one: one[2][figure]['median'],
                                             reverse=figure not in _SMALL_IS_BETTER)]
    return table(['system'] + [title for title, _, _ in columns] + ['ours is x times'], rows) + closing_lines(section)


def beside_plain(section):
    """The table of ours and its variants, compared with the plain one."""
    rows = [[title, spread(found['tasks_per_s']), spread(found['broker_us'])]
            + [middle(found[figure]) for figure in ('workers_us', 'client_us', 'total_us')]
            + [times(section, name, '-'.join(name.split('-')[:2]), 'tasks_per_s')]
            for name, title, found in measured(section)]
    return table(('system', 'tasks/s', 'dispatcher, us/task', 'workers', 'client', 'sum', 'x times the plain one'),
                 rows)


def measured(section, even_disturbed=None):
    """(Name, title, figures) of each system with figures."""
    even = section['even_disturbed'] if even_disturbed is None else even_disturbed
    found = [(name, section['systems'][name]['title'], figures(section['runs'], name, even))
             for name in section['order']]
    return [one for one in found if one[2]]


def times(section, name, other, figure):
    """The figure of a system over that of another, pair by pair; empty if both are the same, or ``name`` is None."""
    return '' if name in (None, other) else spread(
        ratio(section['runs'], name, other, figure, section['even_disturbed']))


def first_of_ours(section):
    """The system that all others are compared with, None if it was not measured."""
    return next((name for name in section['order'] if name.startswith('ours-')), None)


def closing_lines(section):
    """Lines about disturbed and failed runs, and systems that were not measured."""
    lines = ['']
    runs = section['runs']
    disturbed = [run for run in runs if run['disturbed']]
    if disturbed:
        worst = max(run['others_share'] for run in disturbed)
        lines.append('%d of %d runs were disturbed: others took up to %s %% of the machine, the bound is %s %%. %s' % (
            len(disturbed), len(runs), number(100 * worst), number(100 * section['bound']),
            'They are counted because of --even-disturbed: these figures compare nothing.'
            if section['even_disturbed'] else 'They are not counted.'))
    lines += ['%s failed: %s' % (run['system'], run['failed']) for run in runs if 'failed' in run]
    lines += ['%s was not measured: %s' % pair for pair in sorted(section['missing'].items())]
    return lines if len(lines) > 1 else []
