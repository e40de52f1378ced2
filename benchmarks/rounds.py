"""Runs of several systems, interleaved, so that a change of the machine affects all of them.

A round runs each system once, and each round begins with another system. A run that other processes disturbed is
repeated at once, a limited number of times. If the machine stays disturbed, the run is marked and not compared.
"""

from __future__ import absolute_import, division, print_function

from benchmarks.children import RunFailed
from benchmarks.figures import paired_ratios, summary
from benchmarks.machine import OTHERS_SHARE_MAX

#: How often a disturbed run is tried.
TRIES = 3


def take_rounds(names, rounds, run, progress, runs, bound=OTHERS_SHARE_MAX, tries=TRIES):
    """Append every run to ``runs``: a dict with ``system``, ``round``, ``disturbed`` and what ``run(name)`` returned;
    if that raised ``RunFailed``, ``failed`` says why, and later rounds leave the system out.
    """
    failed = set()
    for number in range(rounds):
        shift = number % len(names) if names else 0
        for name in names[shift:] + names[:shift]:
            if name in failed:
                continue
            for attempt in range(tries):
                progress('round %d of %d: %s%s' % (number + 1, rounds, name, ', once more' if attempt else ''))
                try:
                    taken = run(name)
                except RunFailed as error:
                    failed.add(name)
                    runs.append({'system': name, 'round': number, 'failed': str(error), 'disturbed': False})
                    break
                disturbed = taken.get('others_share', 0.0) > bound
                if not disturbed or attempt == tries - 1:
                    runs.append(dict(taken, system=name, round=number, disturbed=disturbed))
                    break


def good_runs(runs, system, even_disturbed=False):
    """The runs of a system that may be compared."""
    return [run for run in runs if run['system'] == system and 'failed' not in run
            and (even_disturbed or not run['disturbed'])]


def figures(runs, system, even_disturbed=False):
    """Median and spread of all figures of one system."""
    good = good_runs(runs, system, even_disturbed)
    names = sorted({name for run in good for name in run
                    if isinstance(run[name], (int, float)) and name not in ('round', 'disturbed')})
    return {name: summary(run[name] for run in good if run.get(name) is not None) for name in names}


def ratio(runs, ours, theirs, figure, even_disturbed=False):
    """A figure of ours over theirs, pair by pair."""
    sides = [{run['round']: run[figure] for run in good_runs(runs, system, even_disturbed)}
             for system in (ours, theirs)]
    return summary(paired_ratios(*sides))
