"""Violations of rules. Safety: what must never happen, happened. Liveness: what must happen, did not happen in time."""

from __future__ import absolute_import, division, print_function

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401


class Violation(Exception):
    """A rule is broken. ``rule`` is its number in docs/reliability.md. ``about`` are the ids of tasks and the names of
    processes that are concerned.
    """

    def __init__(self, rule, sentence, *about):
        # type: (str, str, *str) -> None
        super(Violation, self).__init__('%s: %s' % (rule, sentence))
        self.rule = rule
        self.sentence = sentence
        self.about = about


class SafetyViolation(Violation):
    """Something happened that must never happen."""


class LivenessViolation(Violation):
    """Something did not happen within its bound."""


def broken(rule, about, sentence, *values):
    # type: (str, Any, str, *Any) -> SafetyViolation
    """Return the safety violation to raise, with ``sentence % values``. Call it only after a check has failed: the
    checks run in every step, so they must be cheap.
    """
    about = about if type(about) is tuple else (about,)
    return SafetyViolation(rule, sentence % values if values else sentence, *about)


def overdue(rule, about, sentence, *values):
    # type: (str, Any, str, *Any) -> LivenessViolation
    """Like ``broken``, for a liveness violation."""
    about = about if type(about) is tuple else (about,)
    return LivenessViolation(rule, sentence % values if values else sentence, *about)
