"""What a simulation can find, told apart: something that must never happen, and something that finally had to."""

from __future__ import absolute_import, division, print_function

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401


class Violation(Exception):
    """A promise is broken. ``rule`` is its number in the list of invariants; ``about`` are the ids and names whose
    story matters.
    """

    def __init__(self, rule, sentence, *about):
        # type: (str, str, *str) -> None
        super(Violation, self).__init__('%s: %s' % (rule, sentence))
        self.rule = rule
        self.sentence = sentence
        self.about = about


class SafetyViolation(Violation):
    """It must never happen."""


class LivenessViolation(Violation):
    """It had to happen by now."""


def broken(rule, about, sentence, *values):
    # type: (str, Any, str, *Any) -> SafetyViolation
    """The violation to raise, its sentence filled in with values. Made only where something is wrong: the conditions
    are looked at in every step.
    """
    about = about if type(about) is tuple else (about,)
    return SafetyViolation(rule, sentence % values if values else sentence, *about)


def overdue(rule, about, sentence, *values):
    # type: (str, Any, str, *Any) -> LivenessViolation
    """The same for what had to happen."""
    about = about if type(about) is tuple else (about,)
    return LivenessViolation(rule, sentence % values if values else sentence, *about)
