"""Starts other programs as child processes, for the demo, the benchmarks and the tests.

Their output goes to files: a process that writes to a full pipe would wait.
"""

from __future__ import absolute_import, division, print_function

import io
import json
import os
import signal
import subprocess
import sys
import time

from runtime.clock import monotonic

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Sequence, Tuple  # noqa: F401

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
POLL_S = 0.01


def wait_until(condition, bound_s, poll_s=POLL_S):
    # type: (Callable[[], Any], float, float) -> Any
    """Poll until ``condition()`` is true, or ``bound_s`` is over; returns the last value of ``condition()``."""
    end_at = monotonic() + bound_s
    while True:
        found = condition()
        if found or monotonic() > end_at:
            return found
        time.sleep(poll_s)


def command(program, path, settings, python=sys.executable):
    # type: (str, str, Dict[str, Any], str) -> List[str]
    """Write the settings to ``path``; returns the command that runs ``program``, a role or a file below the root."""
    with io.open(path, 'wb') as file:
        file.write(json.dumps(settings, indent=2, sort_keys=True).encode('ascii'))
    name = program if program.endswith('.py') else 'run_%s.py' % program
    return [python, os.path.join(ROOT, name), '-s', path]


def default_signals():
    # type: () -> None
    """Run in a child before its program: background jobs of a shell ignore SIGINT, and children inherit that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def own_session():
    # type: () -> None
    """Run in a child before its program: the new session does not get Ctrl-C from the terminal."""
    default_signals()
    os.setsid()


class Child(object):
    """A child process. Raises ``OSError`` if the program can't be started.

    Standard output goes to the file ``base`` + ``out``, standard error is appended to ``base.log``; the descriptors
    ``stdout`` and ``stderr`` replace these files. ``before`` runs in the child before the program.
    """

    def __init__(self, command, base, out='.out', cwd=ROOT, environment=None, before=default_signals, stdout=None,
                 stderr=None):
        # type: (List[str], str, str, str | None, Any, Callable[[], Any], int | None, int | None) -> None
        self.command = command
        self.out_path = base + out
        self.log_path = base + '.log'
        with open(os.devnull, 'rb') as nothing, open(self.out_path, 'wb') as out_file, \
                open(self.log_path, 'ab') as log_file:
            self._popen = subprocess.Popen(
                command, stdin=nothing, stdout=out_file if stdout is None else stdout,
                stderr=log_file if stderr is None else stderr, cwd=cwd, env=environment, close_fds=True,
                preexec_fn=before)
        self.pid = self._popen.pid

    @property
    def output(self):
        # type: () -> str
        return text_of(self.out_path)

    @property
    def log(self):
        # type: () -> str
        return text_of(self.log_path)

    @property
    def last_line(self):
        # type: () -> str
        """The last line of its log, or of its output if the log is empty."""
        return ([''] + (self.output + '\n' + self.log).strip().splitlines())[-1]

    @property
    def exit_status(self):
        # type: () -> int | None
        """None while it runs; the negative number of a signal that ended it. Reaps the process."""
        return self._popen.poll()

    @property
    def is_running(self):
        # type: () -> bool
        return self.exit_status is None

    def signal(self, number):
        # type: (int) -> None
        """Send a signal if the process runs: the system reuses a process id only after ``exit_status`` reaped it."""
        if self.is_running:
            os.kill(self.pid, number)

    def dispose(self):
        # type: () -> None
        """Kill the process if it runs, and reap it."""
        self.signal(signal.SIGKILL)
        self._popen.wait()

    def dispose_session(self):
        # type: () -> None
        """The same for all processes of its session; for a child with ``before=own_session``."""
        if self.is_running:
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()


def run(command, text='', cwd=ROOT, environment=None, before=default_signals, out=subprocess.PIPE):
    # type: (Sequence[str], str, str | None, Dict[str, str] | None, Callable[[], Any], Any) -> Tuple[int, str, str]
    """Run a command with ``text`` as its input; returns exit status, standard output and standard error."""
    child = subprocess.Popen(list(command), stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE, cwd=cwd,
                             env=environment, close_fds=True, preexec_fn=before)
    said = [(part or b'').decode('utf-8', 'replace') for part in child.communicate(text.encode('utf-8'))]
    return child.returncode, said[0], said[1]


def is_alive(pid):
    # type: (int) -> bool
    """Whether a process runs. On systems with /proc, a process that waits to be reaped does not run."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    state = text_of('/proc/%d/stat' % pid).rpartition(')')[2].split()[:1]
    return state != ['Z'] and (bool(state) or not os.path.isdir('/proc/self'))


def text_of(path):
    # type: (str) -> str
    """The text of a file; empty if there is no file."""
    try:
        with io.open(path, 'rb') as file:
            return file.read().decode('utf-8', 'replace')
    except IOError:
        return ''
