"""The live line: on a terminal it is written over and over, elsewhere it does not exist."""

from __future__ import absolute_import, division, print_function

import io
import os
import re
import sys

import pytest

from runtime import console, logs
from runtime.console import LiveLine

MYPY = False
if MYPY:
    from typing import Any, List  # noqa: F401

ERASE = '\r\x1b[K'


class Terminal(object):
    """A stream that says it is a terminal, and keeps what was written to it."""

    def __init__(self, is_terminal=True):
        # type: (bool) -> None
        self._is_terminal = is_terminal
        self.written = ''
        self.flushed = ''

    def isatty(self):
        # type: () -> bool
        return self._is_terminal

    def write(self, text):
        # type: (str) -> None
        self.written += text

    def flush(self):
        # type: () -> None
        self.flushed = self.written

    def fileno(self):
        # type: () -> int
        raise io.UnsupportedOperation('no file behind it')

    def screen(self):
        # type: () -> List[str]
        """The lines that a person sees, if the terminal is wide."""
        lines = ['']
        for piece in self.flushed.replace('\n', '\0\n\0').replace(ERASE, '\0\r\0').split('\0'):
            if piece == '\n':
                lines.append('')
            elif piece == '\r':
                lines[-1] = ''
            else:
                lines[-1] += piece
        return lines


class Size(object):
    """What a terminal says of itself."""

    def __init__(self, columns):
        # type: (int) -> None
        self.columns = columns


@pytest.fixture
def terminal():
    # type: () -> Terminal
    return Terminal()


def test_a_line_replaces_the_one_before(terminal):
    line = LiveLine(terminal)
    assert line.is_live
    for number in (1, 2, 3):
        line.show('sent %d' % number)
        assert terminal.screen() == ['sent %d' % number]


def test_a_shorter_line_leaves_nothing_of_a_longer_one(terminal):
    line = LiveLine(terminal)
    line.show('a long line')
    line.show('short')
    assert terminal.screen() == ['short']


def test_what_is_cleared_comes_back_when_redrawn(terminal):
    line = LiveLine(terminal)
    line.show('sent 1')
    line.clear()
    assert terminal.screen() == ['']
    line.redraw()
    assert terminal.screen() == ['sent 1']


def test_what_has_ended_does_not_come_back(terminal):
    line = LiveLine(terminal)
    line.show('sent 1')
    line.end()
    line.redraw()
    assert terminal.screen() == ['']


def test_an_empty_line_writes_nothing(terminal):
    line = LiveLine(terminal)
    line.clear()
    line.redraw()
    line.end()
    assert terminal.written == ''


def test_a_line_never_wraps_because_then_it_could_not_be_replaced(terminal, monkeypatch):
    monkeypatch.setattr(console, 'columns', lambda: 20)
    LiveLine(terminal).show('x' * 100)
    assert terminal.screen() == ['x' * 19]


def test_where_the_terminal_does_not_tell_its_width_it_is_taken_for_eighty(terminal, monkeypatch):
    monkeypatch.setattr(sys, 'stderr', terminal)
    assert console.columns() == 80


@pytest.mark.parametrize('told, taken', [(132, 132), (0, 80)])
def test_the_width_is_the_one_that_the_terminal_tells(terminal, monkeypatch, told, taken):
    monkeypatch.setattr(terminal, 'fileno', lambda: 2)
    monkeypatch.setattr(sys, 'stderr', terminal)
    # 2.7 has no such function, and takes 80 (until 2.7 goes).
    monkeypatch.setattr(os, 'get_terminal_size', lambda _: Size(told), raising=False)
    assert console.columns() == taken


def test_on_anything_but_a_terminal_there_is_no_live_line():
    pipe = Terminal(is_terminal=False)
    line = LiveLine(pipe)
    line.show('sent 1')
    line.redraw()
    line.end()
    assert not line.is_live
    assert pipe.written == ''


def test_a_stream_that_does_not_know_what_a_terminal_is_is_none():
    assert not LiveLine(object()).is_live


def test_the_log_is_written_above_the_live_line(terminal, monkeypatch):
    monkeypatch.setattr(sys, 'stderr', terminal)
    former = list(logs.log.handlers), logs.log.level, logs.log.propagate
    try:
        line = LiveLine()
        logs.set_up('client-a', 'info', line)
        line.show('sent 1')
        logs.log.info('calculator %s registered', 'a')
        above, live = terminal.screen()
        assert re.match(r'\d\d:\d\d:\d\d\.\d{3} INFO    client-a: calculator a registered\Z', above)
        assert live == 'sent 1'
        line.show('sent 2')
        assert terminal.screen() == [above, 'sent 2']
        # Set up once more, it still says everything once, and nobody else says it again.
        logs.set_up('client-b', 'warning', line)
        logs.log.info('not this')
        logs.log.warning('but this')
        assert len(terminal.screen()) == 3
        assert not logs.log.propagate
    finally:
        logs.log.handlers[:], logs.log.propagate = former[0], former[2]
        logs.log.setLevel(former[1])
