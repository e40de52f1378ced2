"""The functions that calculators offer: lists by digest, shared by all calculators that offer the same."""

from __future__ import absolute_import, division, print_function

from net_protocol.limits import REASON_CHARS_MAX

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

#: The largest number of lists. Above, a new list replaces those that no calculator offers.
LISTS_MAX = 1000

_NONE = frozenset()  # type: Any


class Catalogue(object):
    """``note`` and ``drop`` count the calculators of each digest."""

    def __init__(self):
        # type: () -> None
        # Digest -> rows [name, signature, first line of the docstring], and the names in them.
        self._functions = {}  # type: Dict[str, List[List[str]]]
        self._names = {}  # type: Dict[str, Any]
        # Digest -> number of calculators.
        self._numbers = {}  # type: Dict[str, int]

    def note(self, digest):
        # type: (str) -> None
        self._numbers[digest] = self._numbers.get(digest, 0) + 1

    def drop(self, digest):
        # type: (str) -> None
        self._numbers[digest] -= 1
        if not self._numbers[digest]:
            del self._numbers[digest]

    def has(self, digest):
        # type: (str) -> bool
        """Whether a calculator offers the functions with that digest."""
        return digest in self._numbers

    def knows(self, digest):
        # type: (str) -> bool
        return digest in self._functions

    def add(self, digest, functions):
        # type: (str, List[List[str]]) -> bool
        """Add a list, unless its digest is known. Returns whether it was added."""
        if digest in self._functions:
            return False
        if len(self._functions) >= LISTS_MAX:
            for other in sorted(self._functions):
                if other not in self._numbers:
                    del self._functions[other], self._names[other]
        if len(self._functions) >= LISTS_MAX:
            return False
        self._functions[digest] = functions
        self._names[digest] = frozenset(entry[0] for entry in functions)
        return True

    def functions_of(self, digest):
        # type: (Any) -> Any
        """The names of the functions with that digest."""
        return self._names.get(digest, _NONE)

    def is_offered(self, function):
        # type: (str) -> bool
        return any(function in self._names.get(digest, _NONE) for digest in self._numbers)

    def names(self):
        # type: () -> List[str]
        return sorted(set().union(*[self._names.get(digest, _NONE) for digest in self._numbers]))

    def differing(self):
        # type: () -> List[str]
        """The functions that some calculators offer and others do not."""
        offers = [self._names[digest] for digest in self._numbers if self._names.get(digest)]
        return sorted(set().union(*offers).difference(set.intersection(*map(set, offers)))) if offers else []

    def offers(self):
        # type: () -> List[List[Any]]
        """[name, signature, first line, number of calculators that offer it] of each function, for people."""
        found = {}  # type: Dict[Any, int]
        for digest, number in self._numbers.items():
            for entry in self._functions.get(digest, ()):
                found[tuple(entry)] = found.get(tuple(entry), 0) + number
        return [list(entry) + [found[entry]] for entry in sorted(found)]

    def why_not(self, function):
        # type: (str) -> str
        known = self.names()
        listed = u', '.join(u"'%s'" % name for name in known) or u'none'
        return (u"no calculator has '%s'; known: %s" % (function, listed))[:REASON_CHARS_MAX]
