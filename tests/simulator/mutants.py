"""Deliberately broken variants of the product: a check that catches none of them is worth nothing.

Each is a patch that is applied while worlds run and taken back afterwards; nothing of it is in the product. Run it::

    python -m tests.simulator.mutants              how many seeds each of them survives
    python -m tests.simulator.mutants NAME         what catches this one, with its story
"""

from __future__ import absolute_import, division, print_function

import sys

from simulator.run import CLEAN, CRASH, draw_settings, run_world
from tests.simulator import (  # noqa: F401  they fill it
    broken_calls, broken_channel, broken_client, broken_dispatcher, broken_journal)
from tests.simulator.breaking import MUTANTS, applied

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

#: Seeds within which every mutant has to be caught.
SEEDS_MAX = 40

#: Some show in few worlds only; the search for them begins close to one of those, to be quick.
FIRST_SEEDS = {
    'heartbeats_ignored': 20, 'number_far_ahead': 40, 'unreachable_get_work': 40, 'unreachable_never': 40,
}  # type: Dict[str, int]

# The first world with calls.
FIRST_SEEDS.update((name, 11) for name, (rule, _, _) in MUTANTS.items() if rule in ('S21', 'S22', 'S23', 'S25'))

#: What is wrong with these is that they raise. An error in any other says that the variant itself does not work any
#: more.
RAISING = ('poison_stops_a_process', 'forgets_outcomes_on_restart')


def catches(name, result):
    # type: (str, Dict[str, Any]) -> bool
    """Whether this world, run with the mutant of that name, has caught it."""
    if result['verdict'] == CRASH and name not in RAISING:
        raise AssertionError('%s: seed %d: %s: %s' % (name, result['seed'], result['rule'], result['sentence']))
    return bool(result['verdict'] != CLEAN)


def seeds_survived(name, seeds_max=SEEDS_MAX):
    # type: (str, int) -> Tuple[int, Dict[str, Any] | None]
    """How many seeds it took to catch a mutant, and the result that did; None if none did."""
    first = FIRST_SEEDS.get(name, 1)
    with applied(name):
        for seed in range(first, first + seeds_max):
            result = run_world(seed, draw_settings(seed))
            if catches(name, result):
                return seed - first + 1, result
    return seeds_max, None


def main(names):
    # type: (List[str]) -> int
    survivors = 0
    print('| mutant | breaks | what is wrong with it | seeds | caught as |\n| --- | --- | --- | --- | --- |')
    for name in names or sorted(MUTANTS, key=lambda name: (MUTANTS[name][0][0] == 'L', int(MUTANTS[name][0][1:]))):
        rule, about, _ = MUTANTS[name]
        seeds, result = seeds_survived(name)
        survivors += result is None
        caught = 'NOT CAUGHT' if result is None else '%s %s' % (result['verdict'], result['rule'])
        print('| `%s` | %s | %s | %d | %s |' % (name, rule, about, seeds, caught))
        sys.stdout.flush()
        if names and result is not None:
            print(result['sentence'], *result['lines'], sep='\n')
    return survivors


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
