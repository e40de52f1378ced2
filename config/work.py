"""A sample of functions for calculators: ``run_calculator.py --work config/work.py``."""


def square(x):
    """The square of a number."""
    return x * x


def score(text, scale=1):
    """Score a text."""
    return scale * len(text)
