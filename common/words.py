"""Numbers and facts in words."""

from __future__ import absolute_import, division, print_function

from common.bounds import REASON_CHARS_MAX

MYPY = False
if MYPY:
    from typing import Any, Dict  # noqa: F401


def counted(number, plural):
    # type: (int, str) -> str
    """``number`` with its noun; ``plural`` is a word that ends in s."""
    return '%d %s' % (number, plural[:-1] if number == 1 else plural)


class Facts(object):
    """The facts of an event, for the placeholders of its sentence: ``%(held)d`` is a number, ``%(held tasks)s`` a
    number with its noun.
    """

    def __init__(self, facts):
        # type: (Dict[str, Any]) -> None
        self._facts = facts

    def __getitem__(self, place):
        # type: (str) -> Any
        name, _, plural = place.partition(' ')
        value = self.shown(name, self._facts[name])
        return counted(value, plural) if plural else value

    def shown(self, name, value):
        # type: (str, Any) -> Any
        """A fact in the form for a sentence."""
        return value


def reason_text(reason):
    # type: (Any) -> Any
    """A reason, or the failure of a call, as one line for a person."""
    if type(reason) is not dict:
        return reason
    kind = reason.get(u'type')
    return (u'%s: %s' % (kind, reason[u'message']) if kind else reason[u'message'])[:REASON_CHARS_MAX]
