"""Tests that need something that a machine may lack. With CI=true it must be there: a skip looks like a pass."""

from __future__ import absolute_import, division, print_function

import os

import pytest


def skip_unless_ci(reason):
    """Skip the test; with ``CI=true``, fail."""
    assert os.environ.get('CI') != 'true', reason
    pytest.skip(reason)
