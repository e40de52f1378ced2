"""The live line: on a terminal it is written over and over, elsewhere it does not exist."""

from __future__ import absolute_import, division, print_function

import io
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


class Terminal(object):
    """A terminal, or a pipe, of which a person sees everything that was written."""

    def __init__(self, is_terminal=True):
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
        """The lines that a person sees, if the terminal is wide."""
        lines = ['']
        for piece in self.written.replace('\n', '\0\n\0').replace(ERASE, '\0\r\0').split('\0'):
            if piece == '\n':
                lines.append('')
            elif piece == '\r':
                lines[-1] = ''
            else:
                lines[-1] += piece
        return lines

    def hang_up(self):
        """The window is closed, or the reader ends."""
        os.close(self._reader)
        self._reader = -1

    def close(self):
        for end in (self._reader, self._writer):
            if end >= 0:
                os.close(end)


@pytest.fixture
def terminal():
    made = Terminal()
    yield made
    made.close()


@pytest.fixture
def pipe():
    made = Terminal(is_terminal=False)
    yield made
    made.close()


def test_a_line_replaces_the_one_before(terminal):
    line = LiveLine(terminal)
    assert line.is_live
    # Nothing is left of a longer one.
    for text in ('sent 1', 'sent 2000', 'sent 3'):
        line.show(text)
        assert terminal.screen() == [text]


def test_a_line_of_the_log_stands_above_it(terminal):
    line = LiveLine(terminal)
    line.show('sent 1')
    line.write_above('registered')
    assert terminal.screen() == ['registered', 'sent 1']
    line.write_above('left')
    assert terminal.screen() == ['registered', 'left', 'sent 1']


def test_what_has_ended_does_not_come_back(terminal):
    line = LiveLine(terminal)
    line.end()
    assert terminal.written == ''
    line.show('sent 1')
    line.end()
    assert terminal.screen() == ['']
    line.write_above('left')
    assert terminal.screen() == ['left', '']


def test_a_line_never_wraps_because_then_it_could_not_be_replaced(terminal, monkeypatch):
    monkeypatch.setattr(console, 'columns', lambda: 20)
    LiveLine(terminal).show('x' * 100)
    assert terminal.screen() == ['x' * 19]


@pytest.mark.parametrize('reported, taken', [(132, 132), (0, 80)])
def test_the_width_is_the_one_that_the_terminal_reports_else_eighty(terminal, pipe, monkeypatch, reported, taken):
    monkeypatch.setattr(sys, 'stderr', pipe)
    assert console.columns() == 80
    monkeypatch.setattr(sys, 'stderr', terminal)
    # 2.7 has no such function, and takes 80 (until 2.7 goes).
    monkeypatch.setattr(os, 'get_terminal_size', lambda _: namedtuple('Size', 'columns')(reported), raising=False)
    assert console.columns() == taken


def test_on_anything_but_a_terminal_there_is_no_live_line(pipe):
    line = LiveLine(pipe)
    line.show('sent 1')
    line.write_above('left')
    line.end()
    assert not line.is_live
    assert pipe.written == 'left\n'


def test_what_can_not_be_encoded_is_written_as_its_number(pipe):
    pipe.encoding = 'ascii'
    LiveLine(pipe).write_above(u'caf\xe9 \u043a')
    assert pipe.written == 'caf\\xe9 \\u043a\n'


def test_in_memory_it_works_too(monkeypatch):
    stream = io.StringIO() if sys.version_info >= (3,) else io.BytesIO()
    LiveLine(stream).write_above('left')
    assert stream.getvalue() == 'left\n'


@pytest.mark.parametrize('kind', ['terminal', 'pipe'])
def test_a_terminal_that_goes_away_takes_the_live_line_with_it_and_nothing_else(request, kind):
    terminal = request.getfixturevalue(kind)
    line = LiveLine(terminal)
    line.show('sent 1')
    terminal.hang_up()
    line.show('sent 2')
    line.write_above('left')
    line.end()
    assert not line.is_live


def test_a_reader_that_stalls_is_waited_for_by_nobody_and_learns_how_much_it_missed(pipe):
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
    dropped = re.match(r'\(the reader of the log is too slow: (\d+) lines dropped\)\Z', lines[-2])
    assert dropped is not None
    assert lines[-1] == 'the last'
    # What there is, is whole and in order.
    numbers = [int(line[5:10]) for line in lines[:-2]]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) + int(dropped.group(1)) == 20000
    assert len(seen) < 2 * output.PENDING_BYTES_MAX


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
