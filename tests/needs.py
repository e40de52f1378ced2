"""What a test needs that a machine may lack. Where CI=true it has to be there: a skip would look like a pass."""

from __future__ import absolute_import, division, print_function

import os

import pytest


def skip_unless_ci(reason):
    """Skip this test for a reason; with ``CI=true`` that is a failure."""
    assert os.environ.get('CI') != 'true', reason
    pytest.skip(reason)
