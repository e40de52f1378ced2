"""The full screen during Ctrl-Z and in tmux. ``tests/system/test_monitor.py`` tests whole pictures."""

from __future__ import absolute_import, division, print_function

import os
import signal
import subprocess
import sys

import pytest

from runtime.full_screen import FullScreen
from tests.source_tree import ROOT
from tests.system.processes import eventually

LINE = 'a line'


class InterruptedStream(object):
    """A stream in which Ctrl-Z interrupts the write of a picture. It refuses another write during that one."""

    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._is_busy = False

    def fileno(self):
        return self._descriptor

    def write(self, text):
        if self._is_busy:
            raise RuntimeError('reentrant call')
        self._is_busy = True
        if LINE in text:
            os.kill(os.getpid(), signal.SIGTSTP)
        self._is_busy = False

    def flush(self):
        pass


def test_ctrl_z_during_a_write_restores_the_terminal(monkeypatch):
    reader, writer = os.pipe()
    stopped = []
    kill = os.kill
    monkeypatch.setattr(os, 'kill', lambda pid, number: (
        stopped.append(number) if number == signal.SIGSTOP else kill(pid, number)))
    with FullScreen(InterruptedStream(writer), {}) as screen:
        screen.show([[('', LINE)]])
    os.close(writer)
    written = os.read(reader, 65536)
    os.close(reader)
    assert stopped == [signal.SIGSTOP]
    assert written


# In a real terminal, tmux: the emulation in tests/system may share the mistakes of this code.

PROGRAM = '''
import sys, time
from runtime.full_screen import FullScreen
with FullScreen(sys.stdout, {'bold': '\\x1b[1m'}) as screen:
    columns, rows = screen.size
    for number in range(2):
        screen.show([[('', 'x' * columns)] for _ in range(rows)])
        screen.show([[('bold', 'a' * 9), ('', str(1000 + row).rjust(columns - 9))] for row in range(rows - number)])
        time.sleep(0.1)
    time.sleep(60)
'''


@pytest.fixture
def tmux(tmpdir):
    """A function that runs a tmux command on a separate server."""
    socket = str(tmpdir.join('tmux'))

    def run(*arguments):
        return subprocess.check_output(('tmux', '-S', socket, '-f', os.devnull) + arguments, universal_newlines=True,
                                       stderr=subprocess.STDOUT)
    try:
        run('-V')
    except OSError:
        pytest.skip('no tmux')
    yield run
    try:
        run('kill-server')
    except subprocess.CalledProcessError:
        # The server ended with its program.
        pass


@pytest.mark.parametrize('columns, rows', [(80, 24), (41, 10)])
def test_a_picture_fills_the_terminal_and_replaces_the_former_one(tmux, tmpdir, columns, rows):
    program = tmpdir.join('program.py')
    program.write(PROGRAM)
    tmux('new-session', '-d', '-x', str(columns), '-y', str(rows),
         'env PYTHONPATH=%s %s %s' % (ROOT, sys.executable, program))
    expected = ['a' * 9 + str(1000 + row).rjust(columns - 9) for row in range(rows - 1)]
    eventually(lambda: tmux('capture-pane', '-p').rstrip('\n').split('\n') == expected, 'the second picture')
