"""A program in a pseudo-terminal, and what stands on its screen."""

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

from runtime.launcher import ROOT, own_session
from tests.system.processes import environment, eventually

_SEQUENCE = re.compile(r'\x1b\[(\??)([0-9;]*)([A-Za-z])')


class Screen(object):
    """As much of a terminal as the view needs. What it does not know is an error, so that a test notices."""

    def __init__(self):
        self.columns = 80
        self.other = False
        self.cursor_is_shown = True
        self.wraps = True
        self.lines = {False: [], True: []}
        self.row = self.column = 0
        # Row -> the style of each of its characters, as far as it has one.
        self._styles = {}
        self._style = ''
        self._rest = ''

    @property
    def text(self):
        """All lines of the screen that is shown."""
        return '\n'.join(''.join(line).rstrip() for line in self.lines[self.other])

    @property
    def styled(self):
        """All lines of the screen, each as (style, text) pairs; a style is the numbers of its sequence."""
        found = []
        for row, line in enumerate(self.lines[self.other]):
            parts = []
            for column, character in enumerate(line):
                style = self._styles.get((row, column), '')
                if parts and parts[-1][0] == style:
                    parts[-1][1] += character
                else:
                    parts.append([style, character])
            found.append([(style, text) for style, text in parts])
        return found

    def feed(self, text):
        text = self._rest + text
        self._rest = ''
        position = 0
        while position < len(text):
            if text[position] == '\x1b':
                match = _SEQUENCE.match(text, position)
                if match is None:
                    assert len(text) - position < 20, 'not known: %r' % text[position:position + 20]
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
            # After the last column the cursor still stands on it, until another character comes.
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
    """A program of ours in a window of so many columns and rows."""

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
        """What has come since last time, onto the screen."""
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
        """Wait until the screen matches."""
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
        """Its exit status, everything read."""
        def ended():
            self.read()
            return self._popen.poll() is not None
        eventually(ended, 'it ends')
        self.read()
        return self._popen.returncode

    def dispose(self):
        if self._popen.poll() is None:
            self.signal(signal.SIGKILL)
            self._popen.wait()
        os.close(self.master)
        os.close(self._slave)
