"""Real processes, for the comparison with simulated ones."""

from __future__ import absolute_import, division, print_function

from tests.system.conftest import pytest_runtest_makereport, system, told_to_end  # noqa: F401
