"""The processes of a run: started, asked to end, killed, and never left behind.

Each is one of the project's own programs with a settings file in the run's folder. What it says goes to files there,
not through pipes: a process whose reader is slow, or stopped by Ctrl-Z, must not wait for it.
"""

from __future__ import absolute_import, division, print_function

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from demo.cast import CALCULATOR, DISPATCHER
from demo.event_reader import EventReader
from demo.page import Page
from runtime.process import CannotStart

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from demo.cast import Part  # noqa: F401

_HERE = os.path.dirname(os.path.abspath(__file__))
_PROGRAMS = os.path.dirname(_HERE)


class Process(object):
    """One running program. ``is_expected_to_end``: we asked it to end, or killed it (``was_killed``)."""

    def __init__(self, part, folder, join_group):
        # type: (Part, str, Any) -> None
        self.name = part.name
        self.role = part.role
        self.is_expected_to_end = False
        self.was_killed = False
        self._is_end_noted = False
        self._base = os.path.join(folder, part.name)
        self.events = EventReader(self._base + '.events', part.name, part.role)
        with open(self._base + '.json', 'w') as file:
            json.dump(part.settings, file, indent=2, sort_keys=True)
        command = [sys.executable, os.path.join(_PROGRAMS, 'run_%s.py' % part.role), '-s', self._base + '.json',
                   '--seed', str(part.seed), '--json', '--events', self._base + '.events']
        with open(os.devnull) as nothing, open(self._base + '.account', 'w') as account, \
                open(self._base + '.log', 'w') as log:
            self._popen = subprocess.Popen(command, stdin=nothing, stdout=account, stderr=log, close_fds=True,
                                           preexec_fn=join_group)

    @property
    def is_running(self):
        # type: () -> bool
        """Whether it still exists. One that has ended is taken off the system's list here."""
        return self._popen.poll() is None

    @property
    def has_been_killed(self):
        # type: () -> bool
        """Whether a signal has ended it, ours or anybody's."""
        return (self._popen.poll() or 0) < 0

    @property
    def how_it_ended(self):
        # type: () -> str
        """In words; only for one that has ended."""
        status = self._popen.poll()
        if not self.events.has_begun:
            return 'ended before it had begun'
        if status is not None and status < 0:
            return 'ended by signal %d' % -status
        return 'ended with status %s' % status

    def ask_to_end(self):
        # type: () -> None
        """Softly. One that has not begun does not know what softly is, and has nothing to tell."""
        if self.events.has_begun:
            self.is_expected_to_end = True
            self._signal(signal.SIGINT)
        else:
            self.kill()

    def ask_to_end_at_once(self):
        # type: () -> None
        """Once it was asked softly; it still writes its account. The signal is of another kind than the first, since
        two of one kind that come at the same time are one.
        """
        self._signal(signal.SIGTERM)

    def kill(self):
        # type: () -> None
        """SIGKILL, and wait until it has worked."""
        if self.is_running:
            self.is_expected_to_end = self.was_killed = True
            self._signal(signal.SIGKILL)
            self._popen.wait()

    def account(self):
        # type: () -> Dict[str, Any] | None
        """What it counted, which it writes at its end; None where it could not."""
        try:
            with open(self._base + '.account') as file:
                return json.load(file)
        except (IOError, OSError, ValueError):
            return None

    @property
    def trouble(self):
        # type: () -> str | None
        """A sentence where it has ended as it should not; a calculator may be killed by anybody."""
        status = self._popen.poll()
        if status is None or self.was_killed or (status < 0 and self.role == CALCULATOR):
            return None
        if status == 0 and (self.is_expected_to_end or self.role != DISPATCHER):
            return None
        with open(self._base + '.log') as file:
            last_line = (file.read().strip().splitlines() or ['nothing'])[-1]
        return '%s %s; the last line of its log: %s' % (self.name, self.how_it_ended, last_line)

    def take_end(self):
        # type: () -> bool
        """Whether it has ended and this was not asked before."""
        if self._is_end_noted or self.is_running:
            return False
        self._is_end_noted = True
        return True

    def _signal(self, number):
        # type: (int) -> None
        # Not taken off the list yet, its number is still its own.
        if self.is_running:
            self._popen.send_signal(number)


class Household(object):
    """All processes of a run, and the folder where they keep their things. Use as a context manager.

    ``folder`` is kept; None means one that is removed. At the end of the block nothing is left of either, and that
    also holds where this process does not live to see it: see ``demo/keeper.py``.
    """

    def __init__(self, folder):
        # type: (str | None) -> None
        self._is_folder_kept = folder is not None
        self.folder = tempfile.mkdtemp(prefix='demo-') if folder is None else _made(folder)
        self.processes = []  # type: List[Process]
        self._page = None  # type: Page | None

    def __enter__(self):
        # type: () -> Household
        with open(os.devnull, 'w') as nothing:
            self._keeper = subprocess.Popen(
                [sys.executable, os.path.join(_HERE, 'keeper.py'), '' if self._is_folder_kept else self.folder],
                stdin=subprocess.PIPE, stdout=nothing, stderr=nothing, close_fds=True, preexec_fn=os.setpgrp)
        return self

    def __exit__(self, *_):
        # type: (*Any) -> None
        for process in self.processes:
            process.kill()
        if self._page is not None:
            self._page.end()
        self._keeper.stdin.close()  # type: ignore[union-attr]
        self._keeper.wait()
        if not self._is_folder_kept:
            # Only where somebody has killed the keeper.
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, part):
        # type: (Part) -> Process
        """Start one more."""
        process = Process(part, self.folder, self._join_group)
        self.processes.append(process)
        return process

    def show_page(self, dispatcher_port, port):
        # type: (int, int) -> Page
        """Start the monitor of the run; it ends with the household."""
        self._page = Page(self.folder, dispatcher_port, port, self._join_group)
        return self._page

    def get(self, name):
        # type: (str) -> Process
        """The process of that name."""
        return next(process for process in self.processes if process.name == name)

    def running(self, role=None):
        # type: (str | None) -> List[Process]
        """Those that have not ended, of one role or of all."""
        return [process for process in self.processes if role in (None, process.role) and process.is_running]

    def take_ended(self):
        # type: () -> List[Process]
        """Those that have ended since last asked."""
        return [process for process in self.processes if process.take_end()]

    def has_lost(self, role):
        # type: (str) -> bool
        """Whether one of that role has ended that nobody asked to."""
        return any(process.role == role and not process.is_expected_to_end and not process.is_running
                   for process in self.processes)

    def _join_group(self):
        # type: () -> None
        """Runs in the child before the program: in the keeper's group it is out of reach of the terminal's Ctrl-C,
        which is for the demo to pass on. Where the keeper is gone this raises, and nothing is started.
        """
        os.setpgid(0, self._keeper.pid)
        # Ignored in the background of a script; but here it is how a child is asked to end.
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _made(folder):
    # type: (str) -> str
    """An empty folder, made if need be: files of another run would be taken for files of this one."""
    try:
        if not os.path.isdir(folder):
            os.makedirs(folder)
        if os.listdir(folder):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
    except OSError as error:
        raise CannotStart('cannot keep files in %s: %s' % (folder, error.strerror))
    return os.path.abspath(folder)
