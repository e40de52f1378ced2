"""The live page of a run: the monitor as one more process, which takes no part in it."""

from __future__ import absolute_import, division, print_function

import os
import re
import signal
import subprocess
import sys

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

_PROGRAMS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_ADDRESS = re.compile(r'the page is at (http://\S+)')


class Page(object):
    """``run_monitor.py --http`` for the dispatcher on ``dispatcher_port``; its log lies in ``folder``."""

    def __init__(self, folder, dispatcher_port, port, join_group):
        # type: (str, int, int, Any) -> None
        self._log = os.path.join(folder, 'monitor.log')
        command = [sys.executable, os.path.join(_PROGRAMS, 'run_monitor.py'),
                   '--dispatcher', '127.0.0.1:%d' % dispatcher_port, '--http', '127.0.0.1:%d' % port]
        with open(os.devnull, 'r+') as nothing, open(self._log, 'w') as log:
            self._popen = subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=log, close_fds=True,
                                           preexec_fn=join_group)

    @property
    def is_running(self):
        # type: () -> bool
        """Whether it still exists."""
        return self._popen.poll() is None

    @property
    def address(self):
        # type: () -> str | None
        """Where it is, as soon as it says so."""
        found = _ADDRESS.search(self._said())
        return found.group(1) if found else None

    @property
    def last_words(self):
        # type: () -> str
        """The last line of its log."""
        return (self._said().strip().splitlines() or ['it said nothing'])[-1]

    def end(self):
        # type: () -> None
        """It keeps nothing that would have to be saved."""
        if self.is_running:
            self._popen.send_signal(signal.SIGKILL)
        self._popen.wait()

    def _said(self):
        # type: () -> str
        with open(self._log) as file:
            return file.read()
