"""Words that come from other processes are shown to people, and must not be able to do anything but be read."""

from __future__ import absolute_import, division, print_function

import io
import logging

import pytest

from net_protocol.core import Event
from runtime import logs


@pytest.mark.parametrize('words', [u'two\nlines', u'\x1b[2Jgone', u'back\rover', u'\x9b31mred', u'a\u2028b',
                                   u'\u202eright to left', u'\x07\x00'])
def test_what_a_peer_says_stays_in_its_line_of_the_log(words):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(u'%(message)s'))
    before, level = list(logs.log.handlers), logs.log.level
    logs.log.handlers[:] = [handler]
    logs.log.setLevel('INFO')
    try:
        events = logs.EventLog({'ended': ('info', u'task: %(reason)s')}, lambda: 0.0)
        events.event(Event('ended', 0.0, {'reason': words}))
        events.refusal('bad_field', words, ('127.0.0.1', 1))
    finally:
        logs.log.handlers[:] = before
        logs.log.setLevel(level)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert all(u' ' <= character < u'\x7f' or character > u'\u202e' for line in lines for character in line)
