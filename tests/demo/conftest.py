"""The fixture that starts a demo and ends it after the test."""

from __future__ import absolute_import, division, print_function

import pytest

from tests.demo.running import Demo


@pytest.fixture
def demo(tmpdir):
    """A function that starts a demo with some options."""
    started = []

    def start(*options, **others):
        started.append(Demo(str(tmpdir), list(options), **others))
        return started[0]

    yield start
    for one in started:
        one.dispose()
