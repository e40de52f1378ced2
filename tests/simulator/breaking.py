"""Breaking the product and mending it again: a variant is a patch that is applied while worlds run."""

from __future__ import absolute_import, division, print_function

from contextlib import contextmanager

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Iterator, List, Tuple  # noqa: F401

#: Name -> (the invariant it breaks, what is wrong with it, patches as (owner, attribute, function of the original)).
MUTANTS = {}  # type: Dict[str, Tuple[str, str, List[Any]]]


def mutant(name, rule, about, *patches):
    # type: (str, str, str, *Any) -> None
    MUTANTS[name] = (rule, about, list(patches))


@contextmanager
def applied(name):
    # type: (str) -> Iterator[None]
    """The product is broken inside this block."""
    kept = []
    for owner, attribute, make in MUTANTS[name][2]:
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
    # type: (Callable[..., Any]) -> Callable[[Any], Any]
    """A patch that ignores the original."""
    return lambda original: function


def nothing(*_, **__):
    # type: (*Any, **Any) -> None
    """Does nothing."""
