"""Broken variants of the product: patches that are applied while worlds run."""

from __future__ import absolute_import, division, print_function

from contextlib import contextmanager

from calculator.core import CalculatorCore
from client.core import ClientCore
from dispatcher.core import DispatcherCore

#: Name -> (rules that the variant breaks, what is wrong, patches). A patch is (owner, attribute, function of the
#: original). One of these rules must detect the variant.
MUTANTS = {}


def mutant(name, rules, about, *patches):
    MUTANTS[name] = (rules.split(), about, list(patches))


def around(function):
    """A patch that replaces a method by ``function(original, *arguments)``."""
    return lambda original: lambda *arguments, **facts: function(original, *arguments, **facts)


def breaks(name, rules, about, owner, attribute):
    """A decorator: the variant has this function around that method."""
    def register(function):
        mutant(name, rules, about, (owner, attribute, around(function)))
        return function
    return register


def drops(kind):
    """A patch of ``refresh``: lost rows of this kind are not sent again."""
    return around(lambda original, self, now, channel, name, row: None if name == kind else original(
        self, now, channel, name, row))


CORES = (CalculatorCore, ClientCore, DispatcherCore)


@contextmanager
def applied(name):
    """Applies a variant while a ``with`` block runs. The product does not check its invariants, so that the auditors
    must detect the variant.
    """
    kept = []
    for owner, attribute, make in MUTANTS[name][2] + [(core, 'check_invariants', instead(nothing)) for core in CORES]:
        # From the ``__dict__`` of its class, where a property is a property.
        owner = [one for one in getattr(owner, '__mro__', [owner]) if attribute in vars(one)][0]
        original = vars(owner)[attribute]
        kept.append((owner, attribute, original))
        setattr(owner, attribute, make(original))
    try:
        yield
    finally:
        for owner, attribute, original in kept:
            setattr(owner, attribute, original)


def instead(function):
    """A patch that ignores the original."""
    return lambda original: function


def returns(value):
    """A patch that replaces a function by a constant result."""
    return instead(lambda *_, **__: value)


def nothing(*_, **__):
    pass
