"""Fixtures for the tests of the dispatcher. Each test also runs with every row handled two times (``twice``)."""

from __future__ import absolute_import, division, print_function

import pytest

from tests.dispatcher.driver import TWO, Driver, running


@pytest.fixture
def driver(twice):
    return Driver(twice)


@pytest.fixture
def busy(twice):
    """Calculator ONE runs task 1."""
    return running(twice)


@pytest.fixture
def busy_and_free(busy):
    """Calculator ONE runs task 1, and calculator TWO is free."""
    busy.beat(busy.calculator(TWO))
    return busy
