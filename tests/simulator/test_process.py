"""The simulated process does as the real one does: the numbers that it may not import are the same."""

from __future__ import absolute_import, division, print_function

import pytest

from runtime import loop, names
from simulator import process


@pytest.mark.parametrize('name, module', [
    ('READS_MAX', loop), ('QUIET_S', names), ('ASK_FIRST_S', names), ('ASK_LAST_S', names)])
def test_a_number_that_is_copied_is_that_of_the_original(name, module):
    assert getattr(process, name) == getattr(module, name)
