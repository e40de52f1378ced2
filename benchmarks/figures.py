"""Medians, spreads and ratios of several runs."""

from __future__ import absolute_import, division, print_function


def median(values):
    """The middle value, or the mean of the two in the middle. Raises ``ValueError`` if there is no value."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError('no value has no median')
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2


def summary(values):
    """Median, smallest, largest and number of values; None if there is no value."""
    ordered = sorted(values)
    if not ordered:
        return {'median': None, 'min': None, 'max': None, 'runs': 0}
    return {'median': median(ordered), 'min': ordered[0], 'max': ordered[-1], 'runs': len(ordered)}


def paired_ratios(ours, theirs):
    """Ours over theirs in each round: a slow phase of the machine affects both runs of a round. The keys are numbers of
    rounds; a round that only one of the two has is left out.
    """
    return [ours[number] / theirs[number] for number in sorted(ours) if theirs.get(number)]


def quantile(ordered, share):
    """The value that ``share`` (0 to 1) of all do not exceed, by nearest rank. ``ordered`` is sorted, not empty."""
    rank = int(share * len(ordered))
    if rank < share * len(ordered):
        rank += 1
    return ordered[max(0, min(len(ordered), rank) - 1)]


#: The shares of the stored quantiles.
SHARES = tuple(number / 20 for number in range(20)) + (0.98, 0.99, 0.995, 0.999, 1.0)
