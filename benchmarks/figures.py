"""Medians, spreads and ratios: what many runs say together."""

from __future__ import absolute_import, division, print_function

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterable, List, Sequence  # noqa: F401


def median(values):
    # type: (Iterable[float]) -> float
    """The middle value, or the mean of the two in the middle. Raises ``ValueError`` where there is none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError('no value has no median')
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2


def summary(values):
    # type: (Iterable[float]) -> Dict[str, Any]
    """Median, smallest, largest and number of values; None where there is no value."""
    ordered = sorted(values)
    if not ordered:
        return {'median': None, 'min': None, 'max': None, 'runs': 0}
    return {'median': median(ordered), 'min': ordered[0], 'max': ordered[-1], 'runs': len(ordered)}


def paired_ratios(ours, theirs):
    # type: (Dict[int, float], Dict[int, float]) -> List[float]
    """Ours over theirs, round by round: two runs of one round were close in time, so that what slowed the machine for
    a while slowed both. The keys are the numbers of the rounds; a round that one of the two lacks says nothing.
    """
    return [ours[number] / theirs[number] for number in sorted(ours) if theirs.get(number)]


def quantile(ordered, share):
    # type: (Sequence[float], float) -> float
    """The value that ``share`` (0 to 1) of all do not exceed, by nearest rank. ``ordered`` is sorted, not empty."""
    rank = int(share * len(ordered))
    if rank < share * len(ordered):
        rank += 1
    return ordered[max(0, min(len(ordered), rank) - 1)]


#: The shares at which a distribution is kept: every percent, and more of the tail.
SHARES = tuple(number / 100 for number in range(100)) + (0.995, 0.999, 1.0)
