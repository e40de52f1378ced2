"""Deliberately broken variants of the product: a check that catches none of them is worth nothing.

Each is a patch that is applied while worlds run and taken back afterwards; nothing of it is in the product. Run it::

    python -m tests.simulator.mutants              how many seeds each of them survives
    python -m tests.simulator.mutants NAME         what catches this one, with its story
"""

from __future__ import absolute_import, division, print_function

import sys

from simulator import scenario
from simulator.run import CLEAN, CRASH, draw_settings, run_world
from tests.simulator import (  # noqa: F401  they fill it
    broken_calls, broken_channel, broken_client, broken_dispatcher, broken_journal)
from tests.simulator.breaking import MUTANTS, applied
from tests.simulator.test_scripted import WORLDS

#: Seeds within which every mutant has to be caught.
SEEDS_MAX = 15

#: Some show in few worlds only; the search for them begins close to one of those, to be quick.
FIRST_SEEDS = {
    'another_outcome_after_a_restart': 35, 'attempts_unbounded': 24, 'draining_get_work': 36, 'heartbeats_ignored': 20,
    'nobody_dies': 25, 'number_far_ahead': 20, 'pause_without_end': 56, 'pings_fill_the_window': 40448,
    'stop_drops_the_queue': 265,
    'works_while_frozen': 11,
}

# The first world with calls.
FIRST_SEEDS.update((name, 11) for name, (rules, _, _) in MUTANTS.items() if rules[0] in ('S21', 'S22', 'S23', 'S25'))

#: And some only in a scripted world.
WORLDS_OF = {
    'dropped_as_delivered': 'everybody_is_silent_longer_than_a_channel_is_awake',
    'lost_assigns_starve': 'nothing_reaches_one_calculator_after_the_other',
    'memory_unbounded': 'memory_is_short',
    'memory_of_calculators_unbounded': 'memory_is_short_for_calculators',
    'never_unanswered': 'nothing_reaches_one_calculator_after_the_other',
    'overtime': 'nothing_reaches_one_calculator_after_the_other',
    'unreachable_get_work': 'nothing_reaches_one_calculator_after_the_other',
    'unreachable_never': 'nothing_reaches_one_calculator_after_the_other',
    'unreachable_keep_tasks': 'nothing_reaches_one_calculator_after_the_other',
}

#: What is wrong with these is that they raise. An error in any other says that the variant itself does not work any
#: more.
RAISING = ('poison_stops_a_process',)


def one_of_each_rule():
    """The first variant of each rule, by name."""
    names = {}
    for name in sorted(MUTANTS):
        names.setdefault(MUTANTS[name][0][0], name)
    return sorted(names.values())


def catches(name, result):
    """Whether this world, run with the mutant of that name, has caught it, by one of the rules that it breaks."""
    if result['verdict'] == CRASH and name not in RAISING:
        raise AssertionError('%s: seed %d: %s: %s' % (name, result['seed'], result['rule'], result['sentence']))
    return result['rule'] in MUTANTS[name][0]


def seeds_survived(name, seeds_max=SEEDS_MAX):
    """How many seeds it took to catch a mutant, and the result that did; None if none did."""
    first = FIRST_SEEDS.get(name, 1)
    scripted = scenario.SETTINGS.checked(WORLDS[WORLDS_OF[name]][0]) if name in WORLDS_OF else None
    with applied(name):
        for seed in range(first, first + seeds_max):
            result = run_world(seed, scripted or draw_settings(seed))
            if catches(name, result):
                return seed - first + 1, result
            if result['verdict'] != CLEAN:
                print('%s: seed %d: %s: %s' % (name, seed, result['rule'], result['sentence']))
    return seeds_max, None


def _order(name):
    rule = MUTANTS[name][0][0]
    return rule[0] == 'L', int(rule[1:]), name


def main(names):
    unknown = [name for name in names if name not in MUTANTS]
    if unknown:
        sys.exit('no such variant: %s' % ', '.join(unknown))
    survivors = 0
    print('| mutant | breaks | what is wrong with it | seeds | caught as |\n| --- | --- | --- | --- | --- |')
    for name in names or sorted(MUTANTS, key=_order):
        rules, about, _ = MUTANTS[name]
        seeds, result = seeds_survived(name)
        survivors += result is None
        caught = 'NOT CAUGHT' if result is None else '%s %s' % (result['verdict'], result['rule'])
        print('| `%s` | %s | %s | %d | %s |' % (name, rules[0], about, seeds, caught))
        sys.stdout.flush()
        if names and result is not None:
            print(result['sentence'], *result['lines'], sep='\n')
    return survivors


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
