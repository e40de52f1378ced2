"""A demo as a process: started, watched, and ended on every path."""

from __future__ import absolute_import, division, print_function

import glob
import json
import os
import signal
import sys

from runtime.event_files import events_of
from runtime.launcher import ROOT, Child, is_alive, text_of
from tests.system.processes import eventually

#: The bound of a whole run; on an idle machine nothing here takes more than a few seconds.
BOUND_S = 90.0


class Demo(Child):
    """``run_demo.py`` with some options, output in files or to ``stdout``; what it keeps lies in ``folder``."""

    def __init__(self, directory, options, stdout=None, keep=True):
        self.folder = os.path.join(directory, 'kept')
        self.temporary = os.path.join(directory, 'temporary')
        os.mkdir(self.temporary)
        command = [sys.executable, os.path.join(ROOT, 'run_demo.py')] + options
        super(Demo, self).__init__(
            command + (['--keep', self.folder] if keep else []), os.path.join(directory, 'demo'), stdout=stdout,
            environment=dict(os.environ, TMPDIR=self.temporary, TERM='xterm'))

    def wait(self):
        """For its end; returns the exit status."""
        eventually(lambda: not self.is_running, 'the demo ends', BOUND_S)
        return self.exit_status

    # What it keeps.

    def events(self, name):
        """What a process wrote so far."""
        return events_of(os.path.join(self.folder, name + '.events'))

    def account(self, name):
        """What a process counted."""
        return json.loads(text_of(os.path.join(self.folder, name + '.account')))

    def process_ids(self):
        """Of those that have begun, by name."""
        names = [os.path.basename(path)[:-len('.events')] for path in glob.glob(os.path.join(self.folder, '*.events'))]
        return {name: self.events(name)[0].facts['process_id'] for name in names if self.events(name)}

    def has_begun(self, number):
        """Whether so many processes are in their loops."""
        return len(self.process_ids()) >= number


def nobody_is_left(process_ids):
    """Wait until all of them are gone."""
    return bool(eventually(lambda: not any(is_alive(process_id) for process_id in process_ids), 'all are gone'))


def keeper_of(process_id):
    """The process that leads the group of that one."""
    return os.getpgid(process_id)


STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
