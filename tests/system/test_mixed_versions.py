"""2.7 and 3.x in one system."""

from __future__ import absolute_import, division, print_function

import sys

import pytest


@pytest.mark.parametrize('has_other_dispatcher', [True, False], ids=['other dispatcher', 'other client'])
def test_two_major_versions_of_python_work_together(system, other, has_other_dispatcher):
    dispatcher = system.dispatcher(python=other if has_other_dispatcher else sys.executable)
    for letter, python in (('a', sys.executable), ('b', other)):
        system.calculator('calculator-%s' % letter, python=python, capacity=2)
    dispatcher.says('registered from', times=2)
    client = system.client(tasks=60, python=sys.executable if has_other_dispatcher else other)
    assert client.wait() == 0
    system.balance()
    assert all(calculator.account['ends']['reported'] >= 1 for calculator in system.of('calculator'))
