"""A demo as a process: started, watched, and ended on every path."""

from __future__ import absolute_import, division, print_function

import glob
import io
import json
import os
import signal
import subprocess
import sys
import time

from runtime.clock import monotonic
from runtime.event_files import events_of
from tests.source_tree import ROOT

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List  # noqa: F401

    from runtime.event_files import Event  # noqa: F401

#: The bound of every wait; on an idle machine nothing here takes more than a few seconds.
BOUND_S = 90.0


def eventually(condition, what):
    # type: (Callable[[], Any], str) -> Any
    """Poll until ``condition()`` is true and return it; fail, naming ``what``, if it is not within the bound."""
    end_at = monotonic() + BOUND_S
    while True:
        found = condition()
        if found:
            return found
        assert monotonic() < end_at, 'not within %g s: %s' % (BOUND_S, what)
        time.sleep(0.02)


class Demo(object):
    """``run_demo.py`` with some options, output in files or to ``stdout``; what it keeps lies in ``folder``."""

    def __init__(self, directory, options, stdout=None, keep=True):
        # type: (str, List[str], Any, bool) -> None
        self.folder = os.path.join(directory, 'kept')
        self.temporary = os.path.join(directory, 'temporary')
        os.mkdir(self.temporary)
        self._out_path, self._err_path = os.path.join(directory, 'out'), os.path.join(directory, 'err')
        command = [sys.executable, os.path.join(ROOT, 'run_demo.py')] + options
        with open(self._out_path, 'wb') as out, open(self._err_path, 'wb') as err:
            self._popen = subprocess.Popen(
                command + (['--keep', self.folder] if keep else []), stdout=out if stdout is None else stdout,
                stderr=err, close_fds=True, env=dict(os.environ, TMPDIR=self.temporary, TERM='xterm'))

    @property
    def out(self):
        # type: () -> str
        """Its standard output so far."""
        return _text(self._out_path)

    @property
    def err(self):
        # type: () -> str
        """Its standard error so far."""
        return _text(self._err_path)

    def signal(self, number):
        # type: (int) -> None
        """Send it a signal."""
        os.kill(self._popen.pid, number)

    def wait(self):
        # type: () -> int
        """For its end; returns the exit status."""
        eventually(lambda: self._popen.poll() is not None, 'the demo ends')
        return self._popen.returncode

    def dispose(self):
        # type: () -> None
        """End it whatever state it is in; its processes see to themselves, which is tested elsewhere."""
        if self._popen.poll() is None:
            self._popen.kill()
            self._popen.wait()

    # What it keeps.

    def events(self, name):
        # type: (str) -> List[Event]
        """What a process wrote so far."""
        return events_of(os.path.join(self.folder, name + '.events'))

    def account(self, name):
        # type: (str) -> Dict[str, Any]
        """What a process counted."""
        return json.loads(_text(os.path.join(self.folder, name + '.account')))

    def process_ids(self):
        # type: () -> Dict[str, int]
        """Of those that have begun, by name."""
        names = [os.path.basename(path)[:-len('.events')] for path in glob.glob(os.path.join(self.folder, '*.events'))]
        return {name: self.events(name)[0].facts['process_id'] for name in names if self.events(name)}

    def has_begun(self, number):
        # type: (int) -> bool
        """Whether so many processes are in their loops."""
        return len(self.process_ids()) >= number


def is_alive(process_id):
    # type: (int) -> bool
    """Whether a process runs; one that has ended and waits to be taken off the list does not."""
    try:
        os.kill(process_id, 0)
    except OSError:
        return False
    try:
        with io.open('/proc/%d/stat' % process_id) as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except (IOError, OSError):
        # Ended just now, or a system without that folder.
        return not os.path.isdir('/proc/self')


def nobody_is_left(process_ids):
    # type: (Any) -> bool
    """Wait until all of them are gone."""
    return bool(eventually(lambda: not any(is_alive(process_id) for process_id in process_ids), 'all are gone'))


def keeper_of(process_id):
    # type: (int) -> int
    """The process that leads the group of that one."""
    return os.getpgid(process_id)


def _text(path):
    # type: (str) -> str
    if not os.path.exists(path):
        return ''
    with io.open(path, encoding='utf-8', newline='') as file:
        return str(file.read())


STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
