"""Processes that are killed many times, each time at another system call."""

from __future__ import absolute_import, division, print_function

import os
import re
import signal
import sys
import time

from runtime.clock import monotonic
from runtime.event_files import events_of
from runtime.launcher import POLL_S, Child, command, own_session, text_of
from tests.attacks import tracing
from tests.system.interpreters import version_of
from tests.system.processes import (
    DISPATCHER, QUICK, a_port_where_nobody_listens, environment, eventually, the_one_object)

#: A run in which the call does not occur often enough is ended after this time.
RUN_S = 4.0


class Victim(object):
    """Successive incarnations of one process, with the same settings, port and event file."""

    def __init__(self, directory, role, name, dispatcher=None, python=sys.executable, **settings):
        self.role = role
        self.name = name
        self.starts = 0
        self.events = os.path.join(directory, name + '.events')
        self._path = os.path.join(directory, name)
        self.python = python
        #: The version of Python that runs it.
        self.version = '%d.%d' % version_of(python)
        complete = dict(QUICK[role], name=name, **settings)
        #: The path of its journal, or None.
        self.journal = settings.get('journal')
        self.address = dispatcher
        if role == DISPATCHER:
            self.address = ('127.0.0.1', a_port_where_nobody_listens())
            complete['listen'] = {'host': self.address[0], 'port': self.address[1]}
        else:
            complete['dispatcher'] = {'host': dispatcher[0], 'port': dispatcher[1]}
        self._command = command(role, self._path + '.json', complete, python) + ['--json', '--events', self.events]
        self._child = None
        # The number of incarnations in the event file at the last start.
        self._begun_before = 0

    # Start.

    def start(self, wrapper=()):
        """Start an incarnation in its own session, which also has the processes of a wrapper."""
        self.starts += 1
        self._begun_before = len(self._began())
        self._child = Child(list(wrapper) + self._command, self._path, environment=environment(), before=own_session)

    def start_failing(self, errors):
        """Start an incarnation some of whose calls fail, and wait until it has begun."""
        self.start(tracing.failing(errors, self._path + '.trace'))
        self._until_begun()

    # Run to a violent end.

    def run_until_killed_at(self, call, when, meanwhile=None, only=None):
        """Run until SIGKILL at its ``when``-th ``call``, counting only calls on the file ``only``.

        Returns the trace, empty if the call did not occur in time. ``meanwhile`` is called repeatedly.
        """
        self.start(tracing.signalled_at('SIGKILL', call, when, self._path + '.trace',
                                        has_journal=self.journal is not None, only=only))
        if not self._ends_by_itself(meanwhile):
            return []
        assert self._child.exit_status == -signal.SIGKILL, self.log  # type: ignore[union-attr]
        trace = tracing.read(self._path + '.trace')
        assert trace and not trace[-1].is_done, 'it was not killed at a call: %r' % trace[-3:]
        return trace

    def run_until(self, condition, what):
        """Run until the condition is true, then kill it."""
        self.start()
        try:
            eventually(condition, what)
        finally:
            self.dispose()

    def run_until_says(self, pattern):
        """Run until the log of this incarnation matches the pattern, then kill it."""
        former = len(self.log) if self.starts else 0
        self.run_until(lambda: re.search(pattern, self.log[former:]), '%s says %r' % (self.name, pattern))

    # Run to a regular end.

    def run_until_terminated_at(self, call, when, times=1):
        """Run until SIGTERM at its ``when``-th ``call``, ``times`` times at successive calls. Returns the account, or
        None if the call did not occur, or occurred before the process had begun.
        """
        begun = len(self._began())
        self.start(tracing.signalled_at('SIGTERM', call, when, self._path + '.trace', times))
        if not self._ends_by_itself():
            return None
        if len(self._began()) == begun:
            # The interpreter has no handler while it starts, and none while it ends.
            assert self._child.exit_status in (0, -signal.SIGTERM), (self._child.exit_status, self.log)  # type: ignore[union-attr]
            return None
        return self._account()

    def end(self):
        """Send SIGTERM to an incarnation that is not to be killed, and wait; returns the account."""
        self._until_begun()
        # Not to the wrapper.
        os.kill(int(self._began()[-1].facts['process_id']), signal.SIGTERM)
        eventually(lambda: not self._child.is_running, '%s ends' % self.name)  # type: ignore[union-attr]
        return self._account()

    def dispose(self):
        """Kill the present incarnation, if any."""
        if self._child is not None:
            self._child.dispose_session()

    @property
    def log(self):
        """The log of all incarnations."""
        return text_of(self._path + '.log')

    def _until_begun(self):
        eventually(lambda: len(self._began()) > self._begun_before, '%s begins' % self.name)

    def _ends_by_itself(self, meanwhile=None):
        end_at = monotonic() + RUN_S
        try:
            while self._child.is_running and monotonic() <= end_at:  # type: ignore[union-attr]
                if meanwhile is None:
                    time.sleep(POLL_S)
                else:
                    meanwhile()
            return not self._child.is_running  # type: ignore[union-attr]
        finally:
            self.dispose()

    def _account(self):
        assert self._child.exit_status == 0, self.log  # type: ignore[union-attr]
        return the_one_object(text_of(self._path + '.out'))

    def _began(self):
        """The first event of each incarnation so far."""
        return [event for event in events_of(self.events) if event.kind == 'began']
