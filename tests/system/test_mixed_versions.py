"""2.7 and 3.x in one system, whoever is who."""

from __future__ import absolute_import, division, print_function

import sys

import pytest


@pytest.mark.parametrize('dispatcher_is_the_other', [True, False], ids=['its dispatcher', 'its client'])
def test_two_major_versions_of_python_work_together(system, other, dispatcher_is_the_other):
    mine, its = sys.executable, other
    dispatcher = system.dispatcher(python=its if dispatcher_is_the_other else mine)
    for letter, python in (('a', mine), ('b', its)):
        system.calculator('calculator-%s' % letter, python=python, capacity=2)
    dispatcher.says('registered from', times=2)
    client = system.client(tasks=60, python=mine if dispatcher_is_the_other else its)
    assert client.wait() == 0
    system.balance()
    assert client.account['answered'] == 60
    # Both calculators had a share.
    assert all(calculator.account['ends']['reported'] >= 1 for calculator in system.of('calculator'))
