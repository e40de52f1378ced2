"""Runs a program in a pseudo-terminal and knows the text of its screen."""

from __future__ import absolute_import, division, print_function

import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from itertools import groupby
from operator import itemgetter

from runtime.launcher import ROOT, own_session
from tests.system.processes import environment, eventually

_SEQUENCE = re.compile(r'\x1b\[(\??)([0-9;]*)([A-Za-z])')


class Screen(object):
    """The escape sequences that our programs use. Any other sequence fails the test."""

    def __init__(self):
        self.columns = 80
        #: Whether the alternate screen is shown.
        self.other = False
        self.cursor_is_shown = True
        self.wraps = True
        self.lines = {False: [], True: []}
        self.row = self.column = 0
        # (row, column) -> style.
        self._styles = {}
        self._style = ''
        self._rest = ''

    @property
    def text(self):
        return '\n'.join(''.join(line).rstrip() for line in self.lines[self.other])

    @property
    def styled(self):
        """All lines, each as (style, text) pairs; a style has the numbers of its sequence."""
        found = []
        for row, line in enumerate(self.lines[self.other]):
            styles = [(self._styles.get((row, column), ''), character) for column, character in enumerate(line)]
            found.append([(style, ''.join(character for _, character in same))
                          for style, same in groupby(styles, key=itemgetter(0))])
        return found

    def feed(self, text):
        text = self._rest + text
        self._rest = ''
        position = 0
        while position < len(text):
            if text[position] == '\x1b':
                match = _SEQUENCE.match(text, position)
                if match is None:
                    assert len(text) - position < 20, 'unknown sequence: %r' % text[position:position + 20]
                    self._rest = text[position:]
                    return
                self._obey(*match.groups())
                position = match.end()
                continue
            self._put(text[position])
            position += 1

    def _put(self, character):
        if character == '\r':
            self.column = 0
        elif character == '\n':
            self.row += 1
        else:
            assert character >= ' ', 'a control character: %r' % character
            # After the last column the line wraps only when another character is written.
            if self.column == self.columns and self.wraps:
                self.row, self.column = self.row + 1, 0
            self.column = min(self.column, self.columns - 1)
            line = self._line()
            line.extend(' ' * (self.column + 1 - len(line)))
            line[self.column] = character
            self._styles[self.row, self.column] = self._style
            self.column += 1

    def _line(self):
        lines = self.lines[self.other]
        while len(lines) <= self.row:
            lines.append([])
        return lines[self.row]

    def _obey(self, private, numbers, letter):
        if private:
            state = letter == 'h'
            if numbers == '1049':
                self.other = state
                self.lines[True] = []
            elif numbers == '25':
                self.cursor_is_shown = state
            elif numbers == '7':
                self.wraps = state
            else:
                raise AssertionError('mode %s' % numbers)
        elif letter == 'H':
            assert not numbers
            self.row = self.column = 0
        elif letter == 'K':
            del self._line()[min(self.column, self.columns - 1):]
        elif letter == 'J':
            del self._line()[min(self.column, self.columns - 1):]
            del self.lines[self.other][self.row + 1:]
        else:
            assert letter == 'm', letter
            self._style = '' if numbers in ('', '0') else numbers


class Terminal(object):
    """A program in a window of a given size."""

    def __init__(self, arguments, columns=80, rows=24, python=sys.executable, **changes):
        self.master, slave = pty.openpty()
        self.screen = Screen()
        self.resize(columns, rows)
        self.modes_before = termios.tcgetattr(slave)
        self._slave = slave
        self._popen = subprocess.Popen(
            [python] + list(arguments), stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, close_fds=True,
            preexec_fn=own_session, env=dict(environment(), TERM='xterm', **changes))

    @property
    def modes(self):
        return termios.tcgetattr(self._slave)

    def resize(self, columns, rows):
        self.screen.columns = columns
        for lines in self.screen.lines.values():
            del lines[rows:]
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def read(self):
        """Put new output on the screen."""
        while select.select([self.master], [], [], 0)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                return
            if not data:
                return
            self.screen.feed(data.decode('utf-8'))

    def shows(self, pattern):
        """Wait until the screen matches; returns the match."""
        def found():
            self.read()
            return re.search(pattern, self.screen.text)
        try:
            return eventually(found, 'the screen shows %r' % pattern)
        except AssertionError:
            raise AssertionError('%r is not in:\n%s' % (pattern, self.screen.text))

    def signal(self, number):
        os.kill(self._popen.pid, number)

    def wait(self):
        """Read to the end; returns the exit status."""
        def ended():
            self.read()
            return self._popen.poll() is not None
        eventually(ended, 'the program ends')
        self.read()
        return self._popen.returncode

    def dispose(self):
        if self._popen.poll() is None:
            self.signal(signal.SIGKILL)
            self._popen.wait()
        os.close(self.master)
        os.close(self._slave)
