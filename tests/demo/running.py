"""A demo as a child process."""

from __future__ import absolute_import, division, print_function

import glob
import json
import os
import sys

from runtime.event_files import events_of
from runtime.launcher import ROOT, Child, is_alive, text_of
from tests.system.processes import eventually

#: The limit of a whole run. On an idle machine a run takes some seconds.
BOUND_S = 90.0


class Demo(Child):
    """``run_demo.py`` with some options. Its files are kept in ``folder``; its output goes to a file or ``stdout``."""

    def __init__(self, directory, options, stdout=None, keep=True):
        self.folder = os.path.join(directory, 'kept')
        self.temporary = os.path.join(directory, 'temporary')
        os.mkdir(self.temporary)
        command = [sys.executable, os.path.join(ROOT, 'run_demo.py')] + options
        super(Demo, self).__init__(
            command + (['--keep', self.folder] if keep else []), os.path.join(directory, 'demo'), stdout=stdout,
            environment=dict(os.environ, TMPDIR=self.temporary, TERM='xterm'))

    def wait(self):
        """Wait for its end; returns the exit status."""
        eventually(lambda: not self.is_running, 'the demo ends', BOUND_S)
        return self.exit_status

    # Its files.

    def events(self, name):
        """The events of a process until now."""
        return events_of(os.path.join(self.folder, name + '.events'))

    def account(self, name):
        """The account of a process that has ended; None if it left none."""
        text = text_of(os.path.join(self.folder, name + '.account'))
        return json.loads(text) if text else None

    def process_ids(self):
        """Name -> process id, of the processes that wrote their first event."""
        names = [os.path.basename(path)[:-len('.events')] for path in glob.glob(os.path.join(self.folder, '*.events'))]
        return {name: self.events(name)[0].facts['process_id'] for name in names if self.events(name)}

    def wait_for_processes(self, number):
        """Wait until so many processes wrote their first event; returns their ids by name."""
        eventually(lambda: len(self.process_ids()) >= number, '%d processes run' % number)
        return self.process_ids()


def wait_until_gone(process_ids):
    eventually(lambda: not any(is_alive(process_id) for process_id in process_ids), 'all processes are gone')
