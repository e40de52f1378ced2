"""The dispatcher that most tests begin with. Each test holds when every row is handled two times, too."""

from __future__ import absolute_import, division, print_function

import pytest

from tests.dispatcher.driver import Driver, running


@pytest.fixture
def driver(twice):
    return Driver(twice)


@pytest.fixture
def busy(twice):
    """Calculator ONE runs a task."""
    return running(twice)
