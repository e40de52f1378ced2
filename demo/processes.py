"""The processes of a run: how they start and end. None is left behind.

Each is one of the project's programs with a settings file in the run's folder. Its output goes to files there, not
through pipes, whose reader could be slow, or stopped by Ctrl-Z.
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
from runtime.event_files import EventReader
from runtime.launcher import Child, command, default_signals
from runtime.process import CannotStart

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from demo.cast import Part  # noqa: F401

_HERE = os.path.dirname(os.path.abspath(__file__))


class Process(Child):
    """One program. ``is_expected_to_end``: the demo asked it to end, or killed it (``was_killed``)."""

    def __init__(self, part, folder, join_group):
        # type: (Part, str, Any) -> None
        self.name = part.name
        self.role = part.role
        self.is_expected_to_end = False
        self.was_killed = False
        self._is_end_noted = False
        base = os.path.join(folder, part.name)
        self.events = EventReader(base + '.events', part.name, part.role)
        super(Process, self).__init__(
            command(part.role, base + '.json', part.settings) + [
                '--seed', str(part.seed), '--json', '--events', self.events.path],
            base, '.account', cwd=None, before=join_group)

    @property
    def has_begun(self):
        # type: () -> bool
        """Whether it is in its loop and handles signals."""
        return self.events.header is not None

    @property
    def how_it_ended(self):
        # type: () -> str
        """How an ended process ended, in words."""
        status = self.exit_status
        if not self.has_begun:
            return 'ended before it started'
        if status is not None and status < 0:
            return 'ended by signal %d' % -status
        return 'ended with status %s' % status

    def ask_to_end(self):
        # type: () -> None
        """Send SIGINT. A process that has not started yet handles no signals and is killed."""
        if self.has_begun:
            self.is_expected_to_end = True
            self.signal(signal.SIGINT)
        else:
            self.kill()

    def ask_to_end_at_once(self):
        # type: () -> None
        """Ask again; it still writes its account. SIGTERM, because two SIGINT at the same time count as one."""
        self.signal(signal.SIGTERM)

    def kill(self):
        # type: () -> None
        """Send SIGKILL, and wait for the end."""
        if self.is_running:
            self.is_expected_to_end = self.was_killed = True
            self.dispose()

    def account(self):
        # type: () -> Dict[str, Any] | None
        """The account that it wrote at its end, or None."""
        try:
            return json.loads(self.output)
        except ValueError:
            return None

    @property
    def trouble(self):
        # type: () -> str | None
        """A sentence if it ended unexpectedly, else None. Users may kill calculators."""
        status = self.exit_status
        if status is None or self.was_killed or (status < 0 and self.role == CALCULATOR):
            return None
        if status == 0 and (self.is_expected_to_end or self.role != DISPATCHER):
            return None
        return '%s %s; the last line of its log: %s' % (self.name, self.how_it_ended, self.last_line or 'nothing')

    def take_end(self):
        # type: () -> bool
        """Whether it has ended since the last call."""
        if self._is_end_noted or self.is_running:
            return False
        self._is_end_noted = True
        return True


class Household(object):
    """All processes of a run, and the folder with their files. Use as a context manager.

    ``folder`` is kept; None stands for a temporary one. After the block no process is left, even if this process is
    killed: see ``demo/keeper.py``.
    """

    def __init__(self, folder):
        # type: (str | None) -> None
        self._is_folder_kept = folder is not None
        self.folder = tempfile.mkdtemp(prefix='demo-') if folder is None else _made(folder)
        self.processes = []  # type: List[Process]

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
        self._keeper.stdin.close()  # type: ignore[union-attr]
        self._keeper.wait()
        if not self._is_folder_kept:
            # Needed only if the keeper was killed.
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, part):
        # type: (Part) -> Process
        process = Process(part, self.folder, self._join_group)
        self.processes.append(process)
        return process

    def get(self, name):
        # type: (str) -> Process
        return next(process for process in self.processes if process.name == name)

    def running(self, role=None):
        # type: (str | None) -> List[Process]
        """The processes that have not ended, of one role or of all."""
        return [process for process in self.processes if role in (None, process.role) and process.is_running]

    def take_ended(self):
        # type: () -> List[Process]
        """The processes that ended since the last call."""
        return [process for process in self.processes if process.take_end()]

    def has_lost(self, role):
        # type: (str) -> bool
        """Whether a process of that role ended without being asked to."""
        return any(process.role == role and not process.is_expected_to_end and not process.is_running
                   for process in self.processes)

    def _join_group(self):
        # type: () -> None
        """Runs in the child before the program. In the keeper's group it gets no Ctrl-C of the terminal; the demo
        forwards it. If the keeper has ended, this raises, and the program does not start.
        """
        os.setpgid(0, self._keeper.pid)
        default_signals()


def _made(folder):
    # type: (str) -> str
    """Create the folder, or check that it is empty: files of another run would be mistaken for files of this one."""
    try:
        if not os.path.isdir(folder):
            os.makedirs(folder)
        if os.listdir(folder):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
    except OSError as error:
        raise CannotStart('cannot keep files in %s: %s' % (folder, error.strerror))
    return os.path.abspath(folder)
