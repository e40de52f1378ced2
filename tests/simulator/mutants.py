"""Broken variants of the product, which the auditors of the simulator must detect.

    python -m tests.simulator.mutants              the number of worlds that each variant needs
    python -m tests.simulator.mutants NAME         the rule that detects this variant, and the history
"""

from __future__ import absolute_import, division, print_function

import sys

from simulator import scenario
from simulator.run import CLEAN, CRASH, draw_settings, run_world
from tests.simulator import (  # noqa: F401  they fill MUTANTS
    broken_calls, broken_channel, broken_client, broken_dispatcher, broken_journal)
from tests.simulator.breaking import MUTANTS, applied
from tests.simulator.test_scripted import WORLDS

#: The number of worlds within which every variant must be detected.
SEEDS_MAX = 15

#: The first seed for variants that few worlds detect.
FIRST_SEEDS = {
    'another_outcome_after_a_restart': 35, 'attempts_unbounded': 24, 'draining_get_work': 36, 'heartbeats_ignored': 20,
    'no_calculator_dies': 25, 'number_far_ahead': 20, 'pause_without_end': 56, 'pings_fill_the_window': 40448,
    'stop_drops_the_queue': 265, 'works_while_frozen': 11,
}
# The first world with calls.
FIRST_SEEDS.update((name, 11) for name, (rules, _, _) in MUTANTS.items() if rules[0] in ('S21', 'S22', 'S23', 'S25'))

#: Variants that only a scripted world detects.
WORLDS_OF = {
    'dropped_as_delivered': 'partitions_are_longer_than_a_channel_is_awake',
    'lost_assigns_starve': 'calculators_are_cut_off_in_one_direction',
    'memory_unbounded': 'memory_is_short',
    'memory_of_calculators_unbounded': 'memory_is_short_for_calculators',
    'never_unanswered': 'calculators_are_cut_off_in_one_direction',
    'overtime': 'calculators_are_cut_off_in_one_direction',
    'unreachable_get_work': 'calculators_are_cut_off_in_one_direction',
    'unreachable_never': 'calculators_are_cut_off_in_one_direction',
    'unreachable_keep_tasks': 'calculators_are_cut_off_in_one_direction',
}

#: Variants that raise an error. An error in another variant is a mistake in its patch.
RAISING = ('poison_stops_a_process',)


def one_of_each_rule():
    """The first variant of each rule, by name."""
    names = {}
    for name in sorted(MUTANTS):
        names.setdefault(MUTANTS[name][0][0], name)
    return sorted(names.values())


def detects(name, result):
    """Whether the result of a world with this variant is one of the rules that it breaks."""
    if result['verdict'] == CRASH and name not in RAISING:
        raise AssertionError('%s: seed %d: %s: %s' % (name, result['seed'], result['rule'], result['sentence']))
    return result['rule'] in MUTANTS[name][0]


def worlds_needed(name, seeds_max=SEEDS_MAX):
    """The number of worlds until the variant was detected, and the result of the last one; None if it was not."""
    first = FIRST_SEEDS.get(name, 1)
    scripted = scenario.SETTINGS.checked(WORLDS[WORLDS_OF[name]][0]) if name in WORLDS_OF else None
    with applied(name):
        for seed in range(first, first + seeds_max):
            result = run_world(seed, scripted or draw_settings(seed))
            if detects(name, result):
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
        sys.exit('unknown variant: %s' % ', '.join(unknown))
    survivors = 0
    print('| variant | breaks | what is wrong | worlds | detected by |\n| --- | --- | --- | --- | --- |')
    for name in names or sorted(MUTANTS, key=_order):
        rules, about, _ = MUTANTS[name]
        seeds, result = worlds_needed(name)
        survivors += result is None
        found = 'NOT DETECTED' if result is None else '%s %s' % (result['verdict'], result['rule'])
        print('| `%s` | %s | %s | %d | %s |' % (name, rules[0], about, seeds, found))
        sys.stdout.flush()
        if names and result is not None:
            print(result['sentence'], *result['lines'], sep='\n')
    return survivors


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
