"""Rows of replications, made without a simulation."""

from __future__ import absolute_import, division, print_function

from planner.replication import CUTS, SLOTS, _count, _counted, _segment


def row(seed, times, error=None, backlog=(0, 0), ends=None):
    """A row whose tasks have these response times, evenly over the measured time. All other measures are empty."""
    if error is not None:
        return {'seed': seed, 'error': error}
    segments = [_segment() for _ in CUTS]
    series = [[0, 0.0] for _ in range(SLOTS)]
    for number, seconds in enumerate(times):
        share = number / len(times)
        segment = segments[len([cut for cut in CUTS if cut <= share]) - 1]
        segment['tasks'] += 1
        segment['ends']['done'] = segment['ends'].get('done', 0) + 1
        _count(segment['response'], seconds)
        slot = series[int(share * SLOTS)]
        slot[0] += 1
        slot[1] += seconds
    if ends:
        segments[-1]['ends'] = ends
    for segment in segments:
        for name in ('response', 'waiting', 'reassignment'):
            segment[name]['buckets'] = sorted([index, count] for index, count in segment[name]['buckets'].items())
    assert segments[0]['waiting'] == dict(_counted(), buckets=[])
    return {'seed': seed, 'error': None, 'tasks': len(times), 'segments': segments, 'series': series,
            'backlog': list(backlog)}
