"""Fixtures of several files of this folder."""

from __future__ import absolute_import, division, print_function

import pytest


@pytest.fixture
def closing():
    """A function that takes a socket or endpoint, returns it, and closes it after the test."""
    opened = []

    def register(closable):
        opened.append(closable)
        return closable

    yield register
    for closable in opened:
        closable.close()


@pytest.fixture
def journal_path(tmpdir):
    return tmpdir.join('the.journal')
