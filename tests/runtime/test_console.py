"""Standard error: lines of the log, and a live line that exists only on a terminal."""

from __future__ import absolute_import, division, print_function

import os
import pty
import re
import select
import sys
import tty
from collections import namedtuple

import pytest

from runtime import console, logs, output
from runtime.console import LiveLine

ERASE = '\r\x1b[K'


class Stream(object):
    """The stream of a terminal or a pipe, and everything that was written to it."""

    def __init__(self, is_terminal):
        self._reader, self._writer = pty.openpty() if is_terminal else os.pipe()
        self._is_terminal = is_terminal
        if is_terminal:
            tty.setraw(self._reader)
        self._seen = ''

    def isatty(self):
        return self._is_terminal

    def fileno(self):
        return self._writer

    @property
    def written(self):
        while select.select([self._reader], [], [], 0)[0]:
            self._seen += os.read(self._reader, 65536).decode('utf-8')
        return self._seen

    def screen(self):
        """The lines on the screen of a wide terminal."""
        return [line.split(ERASE)[-1] for line in self.written.split('\n')]

    def hang_up(self):
        """Close the window of the terminal, or the reader of the pipe."""
        os.close(self._reader)
        self._reader = -1

    def close(self):
        for end in (self._reader, self._writer):
            if end >= 0:
                os.close(end)


@pytest.fixture
def terminal(closing):
    return closing(Stream(is_terminal=True))


@pytest.fixture
def pipe(closing):
    return closing(Stream(is_terminal=False))


def test_a_new_text_replaces_the_live_line(terminal):
    line = LiveLine(terminal)
    assert line.is_live
    for text in ('sent 1', 'sent 2000', 'sent 3'):
        line.show(text)
        assert terminal.screen() == [text]


def test_a_line_of_the_log_stands_above_the_live_line(terminal):
    line = LiveLine(terminal)
    line.show('sent 1')
    line.write_above('registered')
    assert terminal.screen() == ['registered', 'sent 1']
    line.write_above('left')
    assert terminal.screen() == ['registered', 'left', 'sent 1']


def test_end_removes_the_live_line(terminal):
    line = LiveLine(terminal)
    line.end()
    assert terminal.written == ''
    line.show('sent 1')
    line.end()
    assert terminal.screen() == ['']
    line.write_above('left')
    assert terminal.screen() == ['left', '']


def test_a_long_line_is_cut_because_a_wrapped_line_cannot_be_replaced(terminal, monkeypatch):
    monkeypatch.setattr(console, 'columns', lambda: 20)
    LiveLine(terminal).show('x' * 100)
    assert terminal.screen() == ['x' * 19]


@pytest.mark.parametrize('reported, width', [(132, 132), (0, 80)])
def test_the_width_is_the_reported_one_or_80(terminal, pipe, monkeypatch, reported, width):
    monkeypatch.setattr(sys, 'stderr', pipe)
    assert console.columns() == 80
    monkeypatch.setattr(sys, 'stderr', terminal)
    # 2.7 has no such function, and uses 80 (until 2.7 goes).
    monkeypatch.setattr(os, 'get_terminal_size', lambda _: namedtuple('Size', 'columns')(reported), raising=False)
    assert console.columns() == width


def test_a_pipe_has_no_live_line(pipe):
    line = LiveLine(pipe)
    line.show('sent 1')
    line.write_above('left')
    line.end()
    assert not line.is_live
    assert pipe.written == 'left\n'


def test_a_character_that_cannot_be_encoded_is_written_as_its_number(pipe):
    pipe.encoding = 'ascii'
    LiveLine(pipe).write_above(u'caf\xe9 \u043a')
    assert pipe.written == 'caf\\xe9 \\u043a\n'


@pytest.mark.parametrize('kind', ['terminal', 'pipe'])
def test_a_closed_terminal_or_pipe_raises_no_error(request, kind):
    stream = request.getfixturevalue(kind)
    line = LiveLine(stream)
    line.show('sent 1')
    stream.hang_up()
    line.show('sent 2')
    line.write_above('left')
    line.end()
    assert not line.is_live


def test_a_slow_reader_delays_nothing_and_gets_the_number_of_dropped_lines(pipe):
    line = LiveLine(pipe)
    for number in range(20000):
        line.write_above('line %05d' % number + ' ' * 50)
    assert line.writers() != []
    seen = ''
    while line.writers():
        seen = pipe.written
        line.flush()
    line.write_above('the last')
    seen = pipe.written
    lines = seen.splitlines()
    dropped = 20000 - len(lines[:-2])
    assert lines[-2:] == ['(the reader of the log is too slow: %d lines dropped)' % dropped, 'the last']
    assert len(seen) < 2 * output.PENDING_BYTES_MAX


def test_the_log_is_written_once_and_above_the_live_line(terminal, monkeypatch):
    monkeypatch.setattr(sys, 'stderr', terminal)
    line = LiveLine()
    logs.set_up('client-a', 'info', line)
    line.show('sent 1')
    logs.log.info('calculator %s registered', 'a')
    above, live = terminal.screen()
    assert re.match(r'\d\d:\d\d:\d\d\.\d{3} INFO    client-a: calculator a registered\Z', above)
    assert live == 'sent 1'
    # A second set-up replaces the first.
    logs.set_up('client-b', 'warning', line)
    logs.log.info('not this')
    logs.log.warning('but this')
    assert len(terminal.screen()) == 3
    assert not logs.log.propagate
