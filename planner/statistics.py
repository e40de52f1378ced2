"""The statistics of simulation output: warm-up, intervals, the number of replications, paired differences.

An interval is a dict ``{"value", "low", "high"}``; ``low`` and ``high`` are None if there is only one number.

Sources: Law, "Simulation Modeling and Analysis", 5th edition, chapters 9 to 11; White, Cobb and Spratt, "A comparison
of five steady-state truncation heuristics for simulation", WSC 2000 (MSER-5); Hoad, Robinson and Davies, "Automated
selection of the number of replications for a discrete-event simulation", JORS 61 (2010); Nakayama, "Confidence
intervals for quantiles using sectioning when applying variance-reduction techniques", TOMACS 24 (2014).
"""

from __future__ import absolute_import, division, print_function

from math import exp, log, sqrt

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Sequence  # noqa: F401

CONFIDENCE = 0.95

#: Observations in a batch of MSER-5.
BATCH = 5

#: The smallest number of replications that the rule of Hoad, Robinson and Davies judges, and how many more must agree;
#: from a hundred replications on, that share of them.
REPLICATIONS_MIN = 3
LOOK_AHEAD = 5

# Beyond this number of terms a continued fraction does not converge any more. Lentz's method needs far fewer.
_TERMS_MAX = 500

# The coefficients of Lanczos, g = 7, n = 9: the logarithm of the gamma function to 15 digits. (2.7 and 3.x agree.)
_LANCZOS = (0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
            12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7)

# (share, degrees of freedom) -> quantile.
_quantiles = {}  # type: Dict[Any, float]


def mean(values):
    # type: (Sequence[float]) -> float
    """The arithmetic mean of at least one value."""
    return sum(values) / len(values)


def variance(values):
    # type: (Sequence[float]) -> float
    """The unbiased sample variance of at least two values."""
    centre = mean(values)
    return sum([(value - centre) ** 2 for value in values]) / (len(values) - 1)


# Student's t.

def _log_gamma(value):
    # type: (float) -> float
    """For ``value`` >= 0.5."""
    value -= 1
    total = _LANCZOS[0] + sum([_LANCZOS[index] / (value + index) for index in range(1, len(_LANCZOS))])
    base = value + 7.5
    return 0.91893853320467274 + (value + 0.5) * log(base) - base + log(total)


def _incomplete_beta(x, a, b):
    # type: (float, float, float) -> float
    """The regularised incomplete beta function, by its continued fraction (Lentz's method)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(1 - x, b, a)
    front = exp(_log_gamma(a + b) - _log_gamma(a) - _log_gamma(b) + a * log(x) + b * log(1 - x)) / a
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    total = d
    for m in range(1, _TERMS_MAX):
        for numerator in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                          -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):
            d = 1 + numerator * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + numerator / c
            c = c if abs(c) > tiny else tiny
            total *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * total


def student_t_quantile(share, degrees):
    # type: (float, int) -> float
    """The value that a Student t variable with so many ``degrees`` of freedom does not exceed with probability
    ``share``, 0 < share < 1.
    """
    if share < 0.5:
        return -student_t_quantile(1 - share, degrees)
    key = (share, degrees)
    if key not in _quantiles:
        _quantiles[key] = _student_t_quantile(share, degrees)
    return _quantiles[key]


def _student_t_quantile(share, degrees):
    # type: (float, int) -> float
    tail = 2 * (1 - share)
    low, high = 0.0, 1.0
    # P(|T| > t) = I(degrees / (degrees + t^2); degrees / 2, 1 / 2)
    while _incomplete_beta(degrees / (degrees + high * high), degrees / 2, 0.5) > tail:
        low, high = high, 2 * high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if _incomplete_beta(degrees / (degrees + middle * middle), degrees / 2, 0.5) > tail:
            low = middle
        else:
            high = middle
    return (low + high) / 2


# Intervals.

def interval(value, half=None):
    # type: (float, float | None) -> Dict[str, Any]
    """``value`` with ``half`` of the width of its interval."""
    return {'value': value, 'low': None if half is None else value - half,
            'high': None if half is None else value + half}


def replication_interval(values, confidence=CONFIDENCE):
    # type: (Sequence[float], float) -> Any
    """The interval of a mean from independent replications; None if there are no values."""
    if not values:
        return None
    return sectioned(mean(values), values, confidence)


def sectioned(pooled, values, confidence=CONFIDENCE):
    # type: (float, Sequence[float], float) -> Dict[str, Any]
    """The interval of ``pooled``, an estimate from all data. ``values`` are the same estimate from each replication.

    A quantile of few data is biased. ``pooled`` has less bias, and a bias of the ``values`` makes the interval wider.
    """
    number = len(values)
    if number < 2:
        return interval(pooled)
    spread = sqrt(sum([(value - pooled) ** 2 for value in values]) / (number - 1))
    return interval(pooled, student_t_quantile((1 + confidence) / 2, number - 1) * spread / sqrt(number))


def paired_difference(ones, others, confidence=CONFIDENCE):
    # type: (Sequence[float], Sequence[float], float) -> Any
    """The interval of the mean of ``others`` minus ``ones``: replications with the same random numbers."""
    return replication_interval([other - one for one, other in zip(ones, others)], confidence)


def variance_reduction(ones, others):
    # type: (Sequence[float], Sequence[float]) -> Any
    """How many times more replications a difference needs without common random numbers; None if it is not known."""
    if len(ones) < 2 or len(ones) != len(others):
        return None
    together = variance([other - one for one, other in zip(ones, others)])
    return None if together <= 0 else (variance(ones) + variance(others)) / together


def precision(found):
    # type: (Dict[str, Any] | None) -> float | None
    """Half of the width of an interval as a share of its value; None if it is not known."""
    if found is None or found['low'] is None:
        return None
    half = (found['high'] - found['low']) / 2
    if half == 0:
        return 0.0
    return half / abs(found['value']) if found['value'] else None


def coverage(intervals, truth):
    # type: (Sequence[Dict[str, Any]], float) -> float
    """The share of intervals that contain the true value."""
    return mean([float(found['low'] <= truth <= found['high']) for found in intervals])


# Warm-up.

def warm_up(series, batch=BATCH):
    # type: (Sequence[float], int) -> Any
    """The number of observations at the beginning that MSER removes; None if the series is too short or not settled.

    Of all truncations in the first half of the series, MSER selects the one with the smallest squared standard error of
    the mean of the rest. If that is at the end of this half, the series has not settled.
    """
    means = [mean(series[first:first + batch]) for first in range(0, len(series) - batch + 1, batch)]
    number = len(means)
    if number < 4:
        return None
    total = squares = 0.0
    best, best_error = 0, float('inf')
    # Numbers near their mean lose no digits in the sums.
    origin = mean(means)
    for first in range(number - 1, -1, -1):
        value = means[first] - origin
        total += value
        squares += value * value
        kept = number - first
        if first <= number // 2:
            error = max(0.0, squares - total * total / kept) / (kept * kept)
            # The earliest of equal ones.
            if error <= best_error:
                best, best_error = first, error
    return None if best == number // 2 else best * batch


# The number of replications.

def look_ahead(number):
    # type: (int) -> int
    """How many further replications must confirm the precision of ``number`` replications."""
    return LOOK_AHEAD if number <= 100 else LOOK_AHEAD * number // 100
