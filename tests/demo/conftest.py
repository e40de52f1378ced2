"""The fixture that starts demos and ends them on every path."""

from __future__ import absolute_import, division, print_function

import pytest

from tests.demo.running import Demo


@pytest.fixture
def demo(tmpdir):
    """A function that starts the demo of this test."""
    started = []

    def start(*options, **others):
        started.append(Demo(str(tmpdir), list(options), **others))
        return started[0]

    yield start
    for one in started:
        one.dispose()
