"""The screen, where it is interrupted. What it looks like is tried on a terminal: tests/system/test_monitor.py."""

from __future__ import absolute_import, division, print_function

import os
import signal

from runtime.full_screen import FullScreen

LINE = 'a line'


class Interrupted(object):
    """A stream that is interrupted by Ctrl-Z while it writes a picture, and can't be written to within that."""

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


def test_a_pause_while_it_is_being_drawn_gives_the_terminal_back_all_the_same(monkeypatch):
    reader, writer = os.pipe()
    stopped = []
    kill = os.kill
    monkeypatch.setattr(os, 'kill', lambda pid, number: (
        stopped.append(number) if number == signal.SIGSTOP else kill(pid, number)))
    with FullScreen(Interrupted(writer), {}) as screen:
        screen.show([[('', LINE)]])
    os.close(writer)
    written = os.read(reader, 65536)
    os.close(reader)
    assert stopped == [signal.SIGSTOP]
    assert written
