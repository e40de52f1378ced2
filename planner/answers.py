"""Answers as objects for programs and as lines for people."""

from __future__ import absolute_import, division, print_function

import math

from common.words import counted
from planner import statistics
from planner.measures import MEAN, QUANTILES, RATIOS, STATISTICS, TIMES
from planner.study import WANTED

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Sequence  # noqa: F401

    from planner.study import Find, Point, Vary  # noqa: F401

#: Measures of the table that compares points.
COLUMNS = (('mean', 'response_time_s', 'mean'), ('p50', 'response_time_s', 'p50'), ('p95', 'response_time_s', 'p95'),
           ('p99', 'response_time_s', 'p99'), ('busy', 'busy_share', None), ('answered', 'answered_share', None))

#: What the table of one scenario calls the ratios.
LABELS = {
    'attempts_per_task': 'attempts per task', 'wasted_share': 'wasted work', 'busy_share': 'calculators busy',
    'idle_share': 'calculators idle', 'out_of_order_share': 'out of order', 'answered_share': 'answered',
    'expired_share': 'expired', 'refused_share': 'refused', 'otherwise_ended_share': 'ended otherwise',
    'datagrams_per_task': 'datagrams per task',
    'false_suspicions_per_day': 'false suspicions per calculator and day'}
TIME_LABELS = {'response_time_s': 'response time, s', 'waiting_time_s': 'waiting time, s',
               'reassignment_time_s': 'from a death until the tasks run elsewhere, s'}


def point_dict(point, has_reached):
    # type: (Point, bool) -> Dict[str, Any]
    """A point as plain values."""
    reason, measures = point.findings()
    is_known = point.rows or reason is not None
    return {
        'measures': None if measures is None else measures.as_dict(), 'replications': point.number,
        'tasks': point.tasks if measures is None else measures.tasks, 'stable': reason is None if is_known else None,
        'precision_reached': has_reached, 'reason': reason,
        'warm_up_share': None if measures is None else measures.warm_up_share,
        'settled': None if measures is None else measures.has_settled,
        'errors': [error['error'] for error in point.errors]}


def differences(one, other):
    # type: (Point, Point) -> Dict[str, Any] | None
    """The statistics of the response time of ``other`` minus those of ``one``; the variance reduction of the mean."""
    seeds = sorted(set(one.rows) & set(other.rows))
    if len(seeds) < 2 or any(point.findings()[1] is None for point in (one, other)):
        return None
    # Of the common seeds only: more replications of one point would shift the difference.
    measures = [point.measures_of(seeds) for point in (one, other)]
    found = {'variance_reduction': None}  # type: Dict[str, Any]
    for statistic in STATISTICS:
        columns = [measure.values['response_time_s', statistic] for measure in measures]
        pairs = [pair for pair in zip(*columns) if None not in pair]
        if len(pairs) < 2:
            found[statistic] = None
            continue
        ones, others = zip(*pairs)
        difference = statistics.paired_difference(ones, others)
        if statistic in dict(QUANTILES):
            # As for the quantiles themselves, from all data together.
            values = [measure.find('response_time_s', statistic)['value'] for measure in measures]
            pooled = values[1] - values[0]
            difference = statistics.sectioned(pooled, [second - first for first, second in pairs])
        found[statistic] = difference
        if statistic == MEAN:
            found['variance_reduction'] = statistics.variance_reduction(ones, others)
    return found


def reference(study):
    # type: (Vary) -> Point | None
    """The point with which the others are compared: the first one with measures."""
    return next((point for point in study.points if point.findings()[1] is not None), None)


def measure_dict(study):
    # type: (Vary) -> Dict[str, Any]
    """What ``--measure --json`` prints."""
    return point_dict(study.points[0], study.has_reached(study.points[0]))


def vary_dict(study):
    # type: (Vary) -> Dict[str, Any]
    """What ``--vary --json`` prints; ``difference`` is that to the first point with measures."""
    points, first = [], reference(study)
    for point in study.points:
        found = dict(point_dict(point, study.has_reached(point)), settings=dict(point.changes))
        if first is not None and point is not first:
            found['difference'] = differences(first, point)
        points.append(found)
    return {'points': points}


def find_dict(study):
    # type: (Find) -> Dict[str, Any]
    """What ``--find --json`` prints."""
    sides = []  # type: List[Any]
    for number in study.boundary():
        if number is None:
            sides.append(None)
            continue
        point = study.points[number]
        reason, measures = point.findings()
        sides.append({'value': point.changes[0][1], 'measures': None if measures is None else measures.as_dict(),
                      'replications': point.number, 'stable': reason is None,
                      'certain': number not in study.uncertain})
    return {'key': study.points[0].changes[0][0], 'target': study.target.text, 'holds': sides[0], 'fails': sides[1],
            'decided': study.is_decided, 'replications': study.replications}


# For people.

def shown(value):
    # type: (float | None) -> str
    """A number with three significant digits."""
    if value is None:
        return '-'
    if value == 0:
        return '0'
    digits = max(0, 2 - int(math.floor(math.log10(abs(value)))))
    return '%.*f' % (min(digits, 6), value)


def shown_leaf(leaf):
    # type: (Dict[str, Any] | None) -> str
    """A value with its interval."""
    if leaf is None:
        return '-'
    if leaf['low'] is None or leaf['low'] == leaf['high']:
        return shown(leaf['value'])
    # The width of the interval determines the number of decimals.
    decimals = min(6, max(0, 1 - int(math.floor(math.log10(leaf['high'] - leaf['low'])))))
    return '%.*f (%.*f to %.*f)' % (decimals, leaf['value'], decimals, leaf['low'], decimals, leaf['high'])


def shown_share(leaf):
    # type: (Dict[str, Any] | None) -> str
    """A share in percent."""
    if leaf is None:
        return '-'
    return shown_leaf({key: None if value is None else 100 * value for key, value in leaf.items()}) + ' %'


def measure_lines(study):
    # type: (Vary) -> List[str]
    """What ``--measure`` prints."""
    point = study.points[0]
    lines = _errors(point)
    reason, measures = point.findings()
    if reason is not None:
        return lines + ['unstable: %s' % reason, 'No mean is reported: it would grow with the length of the run.']
    if measures is None:
        return lines + ['nothing was measured: no task ended']
    lines.append('%s of %g s, %d tasks; removed as warm-up: %.3g s of each (MSER-5)' % (
        counted(point.number, 'replications'), point.settings['duration_s'], measures.tasks,
        measures.warm_up_share * point.settings['duration_s']))
    if not measures.has_settled:
        lines.append('The response times have not settled %s: set a longer duration_s%s.' % (
            ('before the first event', ' and later events') if point.settings.get('events') else
            ('in the first half of a run', '')))
    lines.append('')
    for name, _ in TIMES:
        if any(measures.find(name, statistic) for statistic in STATISTICS):
            lines.append(TIME_LABELS[name])
            lines += ['  %-6s %s' % (statistic, shown_leaf(measures.find(name, statistic)))
                      for statistic in STATISTICS]
    width = max([len(LABELS[ratio[0]]) for ratio in RATIOS])
    for ratio in RATIOS:
        leaf = measures.find(ratio[0])
        if leaf is not None:
            text = shown_share(leaf) if ratio[0].endswith('_share') else shown_leaf(leaf)
            lines.append('%-*s %s' % (width + 1, LABELS[ratio[0]], text))
    return lines + ['', _precision(study, point), 'In parentheses: 95 % confidence intervals.']


def _precision(study, point):
    # type: (Vary, Point) -> str
    measures = point.measures()
    known = ['%s %s' % (name, '-' if precision is None else '%.1f %%' % (100 * precision)) for name, precision in
             [(name, measures.precision(name)) for name, _ in WANTED]]  # type: ignore[union-attr]
    return 'precision: +- %s: %s' % (', '.join(known), 'as precise as asked' if study.has_reached(point)
                                     else 'less precise than asked')


def _errors(point):
    # type: (Point) -> List[str]
    return ['seed %d broke a promise: %s' % (error['seed'], error['error']) for error in point.errors[:5]]


def vary_lines(study):
    # type: (Vary) -> List[str]
    """What ``--vary`` prints: a line for each point, then its difference to the first one."""
    keys = [key for key, _ in study.points[0].changes]
    rows = [keys + [column[0] for column in COLUMNS] + ['replications']]
    notes = []  # type: List[str]
    for point in study.points:
        notes += _errors(point)
        values = [_shown_value(value) for _, value in point.changes]
        reason, measures = point.findings()
        if measures is None:
            rows.append(values + ['unstable' if reason else '-'] + [''] * (len(COLUMNS) - 1) + ['%d' % point.number])
            continue
        rows.append(values + [
            shown_share(measures.find(name, statistic)) if statistic is None else
            shown_leaf(measures.find(name, statistic)) for _, name, statistic in COLUMNS] + [
                '%d%s' % (point.number, '' if study.has_reached(point) else ' *')])
    lines = _aligned(rows)
    if not all(study.has_reached(point) or point.why_unstable() for point in study.points):
        lines.append('* less precise than asked')
    return notes + lines + _difference_lines(study) + ['', 'In parentheses: 95 % confidence intervals.']


def _difference_lines(study):
    # type: (Vary) -> List[str]
    first = reference(study)
    lines = []
    for point in study.points:
        found = None if first is None or point is first else differences(first, point)
        if found is None:
            continue
        parts = ['%s %s' % (statistic, _shown_difference(found[statistic]))
                 for statistic in ('mean', 'p95', 'p99') if found[statistic] is not None]
        reduction = found['variance_reduction']
        if reduction is not None:
            parts.append('variance reduction %s' % ('above 1000' if reduction > 1000 else '%.1f' % reduction))
        lines.append('  %s: %s' % (_changes_of(point), '; '.join(parts)))
    if lines:
        return ['', 'Response times compared with %s, in s:' % _changes_of(first)] + lines + [
            'Variance reduction: common random numbers save so many times the replications for a difference of means.']
    return lines


def _changes_of(point):
    # type: (Any) -> str
    return ', '.join('%s %s' % (key, _shown_value(value)) for key, value in point.changes)


def _shown_difference(leaf):
    # type: (Dict[str, Any]) -> str
    """As "0.31 less (0.24 to 0.38)"."""
    if leaf['low'] is not None and leaf['low'] <= 0 <= leaf['high']:
        return 'no difference shown (%s to %s)' % (shown(leaf['low']), shown(leaf['high']))
    less = leaf['value'] < 0
    ends = sorted([abs(leaf['low']), abs(leaf['high'])])
    return '%s %s (%s to %s)' % (shown(abs(leaf['value'])), 'less' if less else 'more', shown(ends[0]),
                                 shown(ends[1]))


def find_lines(study):
    # type: (Find) -> List[str]
    """What ``--find`` prints."""
    key = study.points[0].changes[0][0]
    lines = []  # type: List[str]
    for point in study.points:
        lines += _errors(point)
    holds, fails = study.boundary()
    parts = []
    for number, words in ((holds, 'meets'), (fails, 'does not meet')):
        if number is not None:
            parts.append('%s=%s %s %s (%s)%s' % (
                key, _shown_value(study.points[number].changes[0][1]), words, study.target.text,
                _found(study, number), _by_value(study, number) if number in study.uncertain else ''))
    if holds is None and study.is_decided:
        parts.insert(0, 'no value of %s meets %s' % (key, study.target.text))
    elif holds is not None and fails is None and study.is_decided:
        parts.append('all tried values meet it')
    lines.append('; '.join(parts) or 'nothing is known yet')
    if not study.is_decided:
        lines.append('The search is not complete.%s' % ''.join([
            ' %s is not decided: %s.' % (_shown_value(study.points[number].changes[0][1]), _found(study, number))
            for number in study.undecided]))
    tried = ['%s %s' % (_shown_value(study.points[number].changes[0][1]), 'meets' if verdict else 'fails')
             for number, verdict in sorted(study.verdicts.items()) if study.points[number].number]
    idle = [_shown_value(study.points[number].changes[0][1]) for number in sorted(study.verdicts)
            if not study.points[number].number]
    if idle:
        lines.append('cannot do the work (not tried): %s' % (idle[0] if len(idle) == 1 else
                                                             '%s to %s' % (idle[0], idle[-1])))
    return lines + ['tried: %s; %s' % (', '.join(tried) or 'none', counted(study.replications, 'replications'))]


def _found(study, number):
    # type: (Find, int) -> str
    point = study.points[number]
    reason, measures = point.findings()
    if reason is not None:
        return 'unstable: %s' % reason
    leaf = None if measures is None else measures.find(*study.target.key)
    if leaf is None:
        return 'unknown'
    return shown(leaf['value']) if leaf['low'] is None else '%s to %s' % (shown(leaf['low']), shown(leaf['high']))


def _by_value(study, number):
    # type: (Find, int) -> str
    precision = statistics.precision(study.points[number].measures().find(*study.target.key))  # type: ignore
    return ', by its value: the interval contains the bound, and is +- %.1f %%' % (100 * (precision or 0.0))


def _shown_value(value):
    # type: (Any) -> str
    return '%g' % value if type(value) is float else str(value).replace("u'", "'")


def _aligned(rows):
    # type: (Sequence[Sequence[str]]) -> List[str]
    widths = [max([len(row[column]) for row in rows]) for column in range(len(rows[0]))]
    return ['  '.join('%-*s' % (width, cell) for width, cell in zip(widths, row)).rstrip() for row in rows]
