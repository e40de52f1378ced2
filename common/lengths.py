"""Random lengths of time: values of settings, and draws from them.

    [a, b]                                     uniform between a and b
    {"constant": x}                            always x
    {"exponential": mean}                      memoryless, like the arrivals of many independent users
    {"lognormal": {"median": m, "sigma": s}}   a heavy tail: sigma is the standard deviation of the logarithm
    {"values": "FILE"}                         one of the numbers in a file, one per line

The settings in a recording contain the numbers of a file in place of its path.

Every draw takes one number from ``random()`` and is monotone in it (inverse transform sampling). So all versions of
Python draw the same, and two simulations with the same seed have common random numbers. The quantiles of the normal
distribution are those of Wichura, algorithm AS 241, Applied Statistics 37 (1988).
"""

from __future__ import absolute_import, division, print_function

from math import exp, log, sqrt

from common.bounds import SECONDS_MAX
from common.compat import INTEGER_TYPES

MYPY = False
if MYPY:
    from typing import Any, Callable, List, Sequence  # noqa: F401

OR_DISTRIBUTION = 'or a distribution such as {"exponential": seconds}'
EXPECTED = '[shortest, longest] in seconds, 0 <= shortest <= longest <= %d, %s' % (SECONDS_MAX, OR_DISTRIBUTION)

#: The largest sigma of a lognormal distribution: above it, half of the mean comes from one draw in a thousand.
SIGMA_MAX = 4.0

#: The largest number that ``random()`` returns.
_LAST = 1 - 2.0 ** -53

_NEAR = ((3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
          4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
         (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
          3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3))
_FAR = ((1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
         1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
        (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
         1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9))
_TAIL = ((6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
          2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
         (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
          7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15))


class FromFile(dict):
    """``{"values": "FILE"}`` and the ``numbers`` in the file. Made by the reader of a settings file."""

    def __init__(self, path, numbers):
        # type: (str, Sequence[float]) -> None
        super(FromFile, self).__init__(values=path)
        #: Sorted, so that a draw is monotone.
        self.numbers = sorted(numbers)

    def __reduce__(self):
        # type: () -> Any
        return FromFile, (self['values'], self.numbers)


def plain(settings):
    # type: (Any) -> Any
    """Settings with the numbers of each ``FromFile`` in place of its path."""
    if isinstance(settings, dict):
        if type(settings) is FromFile:
            return {'values': settings.numbers}
        return {key: plain(value) for key, value in settings.items()}
    return [plain(value) for value in settings] if type(settings) is list else settings


def from_plain(settings):
    # type: (Any) -> Any
    """The inverse of ``plain``. The path of a file of values is lost."""
    if isinstance(settings, dict):
        if list(settings) == ['values'] and type(settings['values']) is list:
            return FromFile('recorded', settings['values'])
        return {key: from_plain(value) for key, value in settings.items()}
    return [from_plain(value) for value in settings] if type(settings) is list else settings


def is_range(value):
    # type: (Any) -> bool
    """Whether a value is ``[shortest, longest]``."""
    return type(value) in (list, tuple) and len(value) == 2 and all(map(_is_length, value)) and value[0] <= value[1]


def is_length(value):
    # type: (Any) -> bool
    """Whether a value is a random length of time."""
    if is_range(value):
        return True
    if not isinstance(value, dict) or len(value) != 1:
        return False
    kind, number = list(value.items())[0]
    if kind == 'lognormal':
        return (type(number) is dict and sorted(number) == ['median', 'sigma'] and _is_length(number['median'])
                and number['median'] > 0 and is_number(number['sigma']) and 0 <= number['sigma'] <= SIGMA_MAX)
    if kind == 'values':
        return type(value) is FromFile
    return kind in ('constant', 'exponential') and _is_length(number)


def numbers_of(text):
    # type: (str) -> List[float]
    """The numbers in a file of values, one per line, without empty lines and lines that begin with #. Raises
    ``ValueError``, which names the wrong line.
    """
    numbers = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith('#'):
            continue
        try:
            value = float(line)
        except ValueError:
            value = -1.0
        if not 0 <= value <= SECONDS_MAX:
            raise ValueError('line %d is not a number of seconds from 0 to %d' % (number, SECONDS_MAX))
        numbers.append(value)
    if not numbers:
        raise ValueError('it contains no number')
    return numbers


def draw(random, length):
    # type: (Callable[[], float], Any) -> float
    """Draw a length; ``random`` is the method of a generator."""
    if type(length) is list:
        return length[0] + (length[1] - length[0]) * random()
    return at_share(length, random())


def at_share(length, share):
    # type: (Any, float) -> float
    """The quantile of a length at ``share``, 0 <= share < 1. At most a year."""
    if type(length) in (list, tuple):
        return length[0] + (length[1] - length[0]) * share
    kind, number = list(length.items())[0]
    if kind == 'constant':
        return number
    if kind == 'exponential':
        return min(-number * log(1 - share), float(SECONDS_MAX))
    if kind == 'values':
        return length.numbers[int(share * len(length.numbers))]
    return min(number['median'] * exp(number['sigma'] * normal_quantile(share)), float(SECONDS_MAX))


def shortest(length):
    # type: (Any) -> float
    """The lower bound of all draws."""
    return at_share(length, 0.0)


def longest(length):
    # type: (Any) -> float
    """The upper bound of all draws, of which 2^53 are different."""
    return length[1] if type(length) in (list, tuple) else at_share(length, _LAST)


def mean(length):
    # type: (Any) -> float
    """The expected length."""
    if type(length) in (list, tuple):
        return (length[0] + length[1]) / 2
    kind, number = list(length.items())[0]
    if kind == 'lognormal':
        return min(number['median'] * exp(number['sigma'] ** 2 / 2), float(SECONDS_MAX))
    if kind == 'values':
        return sum(length.numbers) / len(length.numbers)
    return number


def normal_quantile(share):
    # type: (float) -> float
    """The quantile of the standard normal distribution, to 16 digits; finite for 0."""
    distance = share - 0.5
    if abs(distance) <= 0.425:
        return distance * _ratio(_NEAR, 0.180625 - distance * distance)
    tail = sqrt(-log(max(1e-300, min(share, 1 - share))))
    value = _ratio(_FAR, tail - 1.6) if tail <= 5 else _ratio(_TAIL, tail - 5)
    return value if distance > 0 else -value


def _ratio(polynomials, x):
    # type: (Any, float) -> float
    above = below = 0.0
    for upper, lower in zip(reversed(polynomials[0]), reversed(polynomials[1])):
        above, below = above * x + upper, below * x + lower
    return above / below


def is_number(value):
    # type: (Any) -> bool
    return type(value) is float or type(value) in INTEGER_TYPES


def _is_length(value):
    # type: (Any) -> bool
    return is_number(value) and 0 <= value <= SECONDS_MAX
