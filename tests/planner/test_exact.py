"""The planner compared with exact formulas.

Four cases always run, with a tolerance of 5 %. With NIGHTLY=1 all fourteen run, with more replications and a tolerance
of 2 %. Service takes 20 ms and the network almost no time, so that the protocol adds far less than the tolerance.

Formulas: Gross, Shortle, Thompson and Harris, "Fundamentals of Queueing Theory": M/M/c (Erlang C), M/M/c/K, M/G/1
(Pollaczek and Khinchine). Availability is the mean time in order over the mean length of a cycle (renewal theory).
"""

from __future__ import absolute_import, division, print_function

import os
from math import exp, factorial

import pytest

from planner import statistics
from planner.measures import Measures
from planner.replication import row_of
from simulator import scenario

NIGHTLY = bool(os.environ.get('NIGHTLY'))
TOLERANCE = 0.02 if NIGHTLY else 0.05

SERVICE_S = 0.02


def queue(servers, load, length, duration_s=100, **changes):
    """Poisson arrivals, and ``servers`` calculators without outages."""
    made = {
        'duration_s': duration_s, 'clients': 1, 'calculators': servers,
        'client': {'task_interval_s': {'exponential': SERVICE_S / (servers * load)}, 'payload_bytes': 0,
                   'in_flight_max': 100000},
        'calculator': {'task_duration_s': length, 'outage': {'probability': 0}, 'heartbeat_interval_s': 3600},
        'dispatcher': {'answer_timeout_s': 1000, 'task_timeout_s': 1000},
        'network': {'delay_s': {'constant': 0.000001}}, 'turn_cost_s': {'turn': 0}}
    for block in changes:
        made[block] = dict(made.get(block, {}), **changes[block])
    return made


def erlang_c(servers, load):
    """The probability that a task waits in M/M/c."""
    offered = servers * load
    last = offered ** servers / factorial(servers) / (1 - load)
    return last / (sum(offered ** number / factorial(number) for number in range(servers)) + last)


def wait_in_m_m_c(servers, load):
    return erlang_c(servers, load) * SERVICE_S / (servers * (1 - load))


def wait_in_m_g_1(load, squares):
    """``squares``: the second moment of the service time over the square of its mean."""
    return load * squares * SERVICE_S / (2 * (1 - load))


def refused_in_m_m_c_k(servers, load, places):
    offered = servers * load
    weights = [offered ** number / factorial(number) if number <= servers else
               offered ** number / (factorial(servers) * servers ** (number - servers)) for number in range(places + 1)]
    return weights[-1] / sum(weights)


EXPONENTIAL = {'exponential': SERVICE_S}
# A mean of SERVICE_S: median = mean / exp(sigma^2 / 2).
LOGNORMAL = {'lognormal': {'median': SERVICE_S / exp(0.125), 'sigma': 0.5}}
LOSS = {'client': {'on_refused': 'give_up'}}
WAIT = ('waiting_time_s', 'mean')


def machines(up, down, probability=1):
    return queue(4, 0.0001, EXPONENTIAL, 100000, calculator={
        'outage': {'check_interval_s': up, 'probability': probability, 'duration_s': down},
        'heartbeat_interval_s': 3600})


def machines_that_beat(interval_s, loss):
    # The delay is so long that lost rows are sent again only after the verdict.
    return queue(10, 0.00001, EXPONENTIAL, 2000, network={'loss': loss, 'delay_s': {'constant': 5 * interval_s}},
                 calculator={'outage': {'probability': 0}, 'heartbeat_interval_s': interval_s})


# (name, scenario, measure, exact value, replications, whether it always runs).
CASES = [
    ('wait in M/M/2 at 0.5', queue(2, 0.5, EXPONENTIAL), WAIT, wait_in_m_m_c(2, 0.5), 10, True),
    ('wait in M/G/1 at 0.5', queue(1, 0.5, LOGNORMAL), WAIT, wait_in_m_g_1(0.5, exp(0.25)), 10, True),
    ('refusals in M/M/2/3 at 0.5', queue(2, 0.5, EXPONENTIAL, dispatcher={'pending_max': 1}, **LOSS),
     ('refused_share', None), refused_in_m_m_c_k(2, 0.5, 3), 5, True),
    ('availability', machines({'exponential': 400}, {'exponential': 100}), ('out_of_order_share', None), 0.2, 3, True),
    ('wait in M/M/1 at 0.7', queue(1, 0.7, EXPONENTIAL), WAIT, wait_in_m_m_c(1, 0.7), 20, False),
    ('wait in M/M/5 at 0.8', queue(5, 0.8, EXPONENTIAL), WAIT, wait_in_m_m_c(5, 0.8), 6, False),
    ('wait in M/D/1 at 0.7', queue(1, 0.7, {'constant': SERVICE_S}), WAIT, wait_in_m_g_1(0.7, 1), 20, False),
    ('wait in M/U/1 at 0.5', queue(1, 0.5, [0, 2 * SERVICE_S]), WAIT, wait_in_m_g_1(0.5, 4 / 3), 20, False),
    ('refusals in M/M/1/4 at 1.5', queue(1, 1.5, EXPONENTIAL, dispatcher={'pending_max': 3}, **LOSS),
     ('refused_share', None), refused_in_m_m_c_k(1, 1.5, 4), 5, False),
    ('expired tasks', queue(20, 0.1, EXPONENTIAL, client={'task_timeout_s': 0.1}),
     ('expired_share', None), exp(-5), 10, False),
    ('availability with a fixed interval', machines(100, [50, 150], 0.25), ('out_of_order_share', None),
     100 / (100 + 350), 5, False),
    ('availability after lognormal repairs',
     machines({'exponential': 300}, {'lognormal': {'median': 50, 'sigma': 1}}), ('out_of_order_share', None),
     50 * exp(0.5) / (50 * exp(0.5) + 300), 10, False),
    # An attempt of 0.05 s succeeds with probability exp(-0.05 / 0.1), and the calculator returns at once.
    ('attempts of a lost task', queue(3, 1 / 15, {'constant': 0.05}, calculator={
        'outage': {'check_interval_s': {'exponential': 0.1}, 'probability': 1, 'duration_s': {'constant': 0.00001}}},
        dispatcher={'flap_events_max': 0}),
     ('attempts_per_task', None), exp(0.5), 2, False),
    # A heartbeat arrives and the next three are lost. The fourth is half an interval too late.
    ('time between false suspicions', machines_that_beat(0.2, 0.2), ('false_suspicions_per_day', None),
     86400 / 0.2 * 0.8 * 0.2 ** 3, 2, False),
]


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize('name, made, measure, exact, replications, always', CASES, ids=[case[0] for case in CASES])
def test_a_measure_is_that_of_an_exact_formula(name, made, measure, exact, replications, always):
    if not (always or NIGHTLY):
        pytest.skip('only with NIGHTLY=1')
    settings = scenario.SETTINGS.checked(made)
    # Each case has its own seeds.
    first = 1000 * [case[0] for case in CASES].index(name) + 1001
    rows = [row_of(first + number, settings) for number in range(replications * (10 if NIGHTLY else 1))]
    assert [row['error'] for row in rows] == [None] * len(rows)
    found = Measures(rows).find(*measure)
    assert found['value'] == pytest.approx(exact, rel=TOLERANCE), found


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_intervals_contain_the_true_mean_with_their_confidence():
    # No task waits, so the mean response time is that of the service.
    repetitions, low, high = (1000, 0.93, 0.97) if NIGHTLY else (200, 0.90, 0.99)
    settings = scenario.SETTINGS.checked(queue(10, 0.05, EXPONENTIAL, 1))
    intervals = []
    for first in range(repetitions):
        rows = [row_of(10 * first + number, settings) for number in range(10)]
        intervals.append(Measures(rows).find('response_time_s', 'mean'))
    # The added time is that of the network and two turns, measured with work of almost no duration.
    assert low <= statistics.coverage(intervals, SERVICE_S + 0.000002) <= high
