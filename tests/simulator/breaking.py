"""Breaking the product and mending it again: a variant is a patch that is applied while worlds run."""

from __future__ import absolute_import, division, print_function

from contextlib import contextmanager

from calculator.core import CalculatorCore
from client.core import ClientCore
from dispatcher.core import DispatcherCore

#: Name -> (the rules that it breaks, what is wrong with it, patches as (owner, attribute, function of the original)).
#: What catches it has to be one of these rules.
MUTANTS = {}


def mutant(name, rules, about, *patches):
    MUTANTS[name] = (rules.split(), about, list(patches))


def around(function):
    """A patch: ``function(original, *arguments)`` takes the place of a method."""
    return lambda original: lambda *arguments, **facts: function(original, *arguments, **facts)


def breaks(name, rules, about, owner, attribute):
    """A decorator: with this function around that method, the product is the variant of that name."""
    def register(function):
        mutant(name, rules, about, (owner, attribute, around(function)))
        return function
    return register


def drops(kind):
    """A patch of ``refresh``: lost rows of that kind do not go again."""
    return around(lambda original, self, now, channel, name, row: None if name == kind else original(
        self, now, channel, name, row))


CORES = (CalculatorCore, ClientCore, DispatcherCore)


@contextmanager
def applied(name):
    """The product is broken inside this block, and its own invariants are not looked at: the auditors are on trial."""
    kept = []
    for owner, attribute, make in MUTANTS[name][2] + [(core, 'check_invariants', instead(nothing)) for core in CORES]:
        # From the dict of the class that has it, because that is where a property or a static method still is one.
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


def nothing(*_, **__):
    """Does nothing."""
