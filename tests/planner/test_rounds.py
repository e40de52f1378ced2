"""Rounds of replications in a pool."""

from __future__ import absolute_import, division, print_function

import pytest

from planner.rounds import TRIES_MAX, KilledTooOften, progress, replications
from planner.study import FIRST, TEST_FIRST, Find, Point, Vary
from planner.target import Target
from simulator import scenario
from tests.planner.rows import row

SETTINGS = scenario.SETTINGS.checked({'duration_s': 100})


class FakePool(object):
    """Makes each row when it is taken. ``killed`` are the seeds whose process is killed, once for each entry."""

    def __init__(self, killed=()):
        self.made = []
        self._killed = list(killed)

    def results(self, pieces, _):
        for seed, _ in pieces:
            self.made.append(seed)
            if seed in self._killed:
                self._killed.remove(seed)
                yield None
            else:
                yield row(seed, times=[1.0 + 0.001 * (seed % 2)] * 50)


def study(values=(30,)):
    return Vary([Point(dict(SETTINGS, calculators=value), [('calculators', value)]) for value in values], 0.02)


def test_each_replication_counts_as_soon_as_it_is_done():
    # So that Ctrl-C and --budget lose none, on 2.7 too, where ``zip`` is not lazy.
    pool = FakePool()
    for done in replications(study(), pool):
        assert len(pool.made) == done


def test_a_replication_whose_process_was_killed_is_repeated():
    question = study()
    assert list(replications(question, FakePool(killed=[2, 2])))
    assert sorted(question.points[0].rows)[:FIRST] == list(range(1, FIRST + 1))


def test_a_replication_that_is_always_killed_ends_the_study():
    with pytest.raises(KilledTooOften) as caught:
        list(replications(study(), FakePool(killed=[2] * TRIES_MAX)))
    assert 'seed 2 was killed %d times' % TRIES_MAX in str(caught.value)


def test_a_search_estimates_its_rest_after_two_different_verdicts():
    question = Find([Point(dict(SETTINGS, calculators=value), [('calculators', value)]) for value in range(11, 20)],
                    Target('mean <= 1'), 0.02)
    assert 'left' not in progress(question, 1, 9.0, None)
    for number, mean in ((0, 2.0), (8, 0.5)):
        for seed in range(TEST_FIRST):
            question.take(number, row(seed, times=[mean + 0.001 * seed] * 50))
        question.verdicts[number] = mean <= 1
    # Seven values are left: bisection needs three of them.
    assert question.left == 3 * TEST_FIRST
    assert progress(question, 2 * TEST_FIRST, 20.0, None).endswith(', about 30 s left')
    assert progress(question, 2 * TEST_FIRST, 20.0, 25.0).endswith(', about 5 s left')
