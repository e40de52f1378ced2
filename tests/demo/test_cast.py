"""The settings, names and seeds of the demo's processes."""

from __future__ import absolute_import, division, print_function

import pytest

from calculator.settings import SETTINGS as CALCULATOR_SETTINGS
from client.settings import SETTINGS as CLIENT_SETTINGS
from demo.cast import CALCULATORS_MAX, CLIENTS_MAX, LOAD_SHARE, TASK_DURATION_S, Cast
from dispatcher.settings import SETTINGS as DISPATCHER_SETTINGS

NUMBERS = pytest.mark.parametrize('calculators, clients', [
    (1, 1), (4, 3), (CALCULATORS_MAX, 1), (1, CLIENTS_MAX), (CALCULATORS_MAX, CLIENTS_MAX)])


def all_parts(cast):
    return [cast.dispatcher()] + cast.calculators(5000) + [cast.newcomer(5000)] + cast.clients(5000)


@NUMBERS
def test_every_program_accepts_its_settings(calculators, clients):
    cast = Cast(calculators, clients, 7)
    DISPATCHER_SETTINGS.checked(cast.dispatcher().settings)
    for part in cast.calculators(5000) + [cast.newcomer(5000)]:
        CALCULATOR_SETTINGS.checked(part.settings)
    for part in cast.clients(5000):
        CLIENT_SETTINGS.checked(part.settings)


@NUMBERS
def test_all_names_and_seeds_differ(calculators, clients):
    parts = all_parts(Cast(calculators, clients, 7))
    for values in ([part.name for part in parts], [part.seed for part in parts]):
        assert len(set(values)) == len(values) == calculators + clients + 2


def test_the_seed_of_the_demo_decides_the_seeds_of_all_processes():
    seeds = [[part.seed for part in all_parts(Cast(3, 3, seed))] for seed in (7, 8, 7)]
    assert seeds[0] == seeds[2]
    assert not set(seeds[0]) & set(seeds[1])


@NUMBERS
def test_the_load_is_the_same_share_of_all_slots(calculators, clients):
    cast = Cast(calculators, clients, 7)
    slots = sum(part.settings['capacity'] for part in cast.calculators(5000))
    arrivals_per_s = sum(2 / sum(part.settings['task_interval_s']) for part in cast.clients(5000))
    assert arrivals_per_s * sum(TASK_DURATION_S) / 2 / slots == pytest.approx(LOAD_SHARE)
