"""The simulated process does as the real one does: the numbers that it may not import are the same."""

from __future__ import absolute_import, division, print_function

import pytest

from runtime import names
from simulator import upstream


@pytest.mark.parametrize('name', ['ASK_FIRST_S', 'ASK_LAST_S'])
def test_a_number_that_is_copied_is_that_of_the_original(name):
    assert getattr(upstream, name) == getattr(names, name)
