"""One child process of a calculator: its start, its pipes, and its end."""

from __future__ import absolute_import, division, print_function

import ctypes
import errno
import fcntl
import json
import os
import pkgutil
import resource
import signal
import subprocess
import sys
import time

from calculator.calls import as_text
from net_protocol.causes import EXIT, SIGNAL
from net_protocol.codec import json_value
from runtime.descriptors import CLOSE_FDS, selectable
from runtime.paths import native

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterator, List, Tuple  # noqa: F401

    from calculator.calls import Call  # noqa: F401

# The states of a child.
LOADING = 'loading'
IDLE = 'idle'
BUSY = 'busy'
#: The child was asked to end.
ENDING = 'ending'
ENDED = 'ended'

#: Bytes read from one pipe at a time.
READ_BYTES = 65536

#: Kept bytes of the standard error of a child.
STDERR_BYTES_MAX = 2000

#: Bytes of one line. ``worker.py`` writes shorter lines; another program may write the largest result with blanks and
#: escapes.
LINE_BYTES_MAX = 400000

#: The wait for the exit status of a child that closed its output.
STATUS_WAIT_S = 0.02

#: From <sys/prctl.h>: the signal that a process gets when its parent dies.
PR_SET_PDEATHSIG = 1

_LATER = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR)
_SIGNAL_NAMES = {getattr(signal, name): name for name in sorted(dir(signal), reverse=True)
                 if name.startswith('SIG') and '_' not in name}
_HAS_DEATH_SIGNAL = sys.platform.startswith('linux')
_libc = ctypes.CDLL(None) if _HAS_DEATH_SIGNAL else None  # type: Any


class Program(object):
    """The program of the children. ``work`` is the setting of that name; ``memory_bytes`` limits the address space of
    each child, None for no limit. ``has_death_signal``: the system kills a child when its parent dies.
    """

    def __init__(self, work, memory_bytes, has_death_signal=_HAS_DEATH_SIGNAL):
        # type: (Any, int | None, bool) -> None
        self.memory_bytes = memory_bytes
        self.has_death_signal = has_death_signal
        # "file", "module" or "command", and its path, name or arguments.
        self._kind, target = list(work.items())[0] if isinstance(work, dict) else ('file', work)  # type: Tuple[str, Any]
        if self._kind == 'command':
            self.arguments = list(target)
            self._shown = target[0]
            return
        self._shown = target
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'worker.py')
        # If this program runs from a zip file, the source text is the argument.
        first = [path] if os.path.isfile(path) else [
            '-c', (pkgutil.get_data('calculator', 'worker.py') or b'').decode('ascii')]
        self.arguments = [sys.executable] + first + [self._kind, target] + ([] if has_death_signal else ['watch'])

    def __str__(self):
        # type: () -> str
        return str(self._shown)

    def problem(self):
        # type: () -> str | None
        """Why the program can't be started: its file is missing or not executable. Otherwise None."""
        path = native(self._shown)
        if self._kind == 'file' and not os.path.isfile(path):
            return '%s: no such file' % self._shown
        if self._kind == 'command':
            folders = [''] if os.sep in path else os.environ.get('PATH', os.defpath).split(os.pathsep)
            if not any(os.path.isfile(one) and os.access(one, os.X_OK)
                       for one in [os.path.join(folder, path) for folder in folders]):
                return '%s: no such program, or it is not executable' % self._shown
        return None

    def start(self):
        # type: () -> Any
        """Start a process in a new session. Raises ``EnvironmentError``."""
        parent = os.getpid()

        def prepare():
            # type: () -> None
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            if self.has_death_signal:
                _libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
                if os.getppid() != parent:
                    # The parent died before ``prctl``.
                    os._exit(1)
            if self.memory_bytes is not None and hasattr(resource, 'RLIMIT_AS'):
                hard = resource.getrlimit(resource.RLIMIT_AS)[1]
                limit = self.memory_bytes if hard == resource.RLIM_INFINITY else min(self.memory_bytes, hard)
                resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
        return subprocess.Popen(self.arguments, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, close_fds=CLOSE_FDS, preexec_fn=prepare)


class Child(object):
    def __init__(self, program):
        # type: (Program) -> None
        process = program.start()
        self._process = process
        #: Our ends of the pipes; None when closed.
        self.input = process.stdin
        self.output = process.stdout
        self.errors = process.stderr
        self.state = LOADING
        self.call = None  # type: Any
        self.calls = 0
        #: Whether the program supports calls with "each", and arguments as JSON text.
        self.is_each_known = self.takes_texts = False
        # Without ``takes_texts``: [args, kwargs] of the present call, and the results so far.
        self._arguments = None  # type: Any
        self._results = []  # type: List[Any]
        #: The time-out of the present state, or None.
        self.due_at = None  # type: float | None
        #: The child closed its output.
        self.is_closed = False
        self.unwritten = b''
        self._unread = b''
        self._said = b''
        # The status from waitpid after the child ended or was stopped.
        self._status = None  # type: int | None
        try:
            for pipe in (self.input, self.output, self.errors):
                selectable(pipe)
                fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_NONBLOCK)
        except EnvironmentError:
            self.kill()
            process.wait()
            self._close()
            raise

    def readers(self):
        # type: () -> List[Any]
        return [pipe for pipe in (self.output, self.errors) if pipe is not None]

    # Lines.

    def take(self, ready):
        # type: (Any) -> bool
        """Read and write without waiting on the pipes in ``ready`` (None: all). Returns whether there is a line, or the
        end of the output.
        """
        if self.unwritten and (ready is None or self.input in ready):
            self._write()
        if self.errors is not None and (ready is None or self.errors in ready):
            data = self._read(self.errors)
            if data:
                self._said = (self._said + data)[-STDERR_BYTES_MAX:]
            elif data is not None:
                self.errors.close()
                self.errors = None
        if self.output is not None and (ready is None or self.output in ready):
            data = self._read(self.output)
            if data:
                self._unread += data
            elif data is not None:
                self.output.close()
                self.output = None
                self.is_closed = True
            return self.is_closed or self.lines_wait()
        return False

    @staticmethod
    def _read(pipe):
        # type: (Any) -> Any
        """New bytes; empty at the end, None if there are none yet."""
        try:
            return os.read(pipe.fileno(), READ_BYTES)
        except OSError as error:
            return None if error.errno in _LATER else b''

    def lines_wait(self):
        # type: () -> bool
        return b'\n' in self._unread or len(self._unread) > LINE_BYTES_MAX

    def take_lines(self):
        # type: () -> Iterator[Any]
        """The value of each complete line; None for a line that is not JSON or too long."""
        while self.lines_wait():
            line, _, rest = self._unread.partition(b'\n')
            self._unread = rest
            try:
                yield None if len(line) > LINE_BYTES_MAX else json.loads(line.decode('utf-8'))
            except (ValueError, RuntimeError):
                yield None

    def begin(self, call):
        # type: (Call) -> None
        """Send a call. Raises ``ValueError`` for invalid arguments."""
        self.state = BUSY
        self.call = call
        self.calls += 1
        self._said = b''
        if not self.takes_texts:
            self._arguments, self._results = arguments_of(call), []
        self._ask()

    def _ask(self):
        # type: () -> None
        """Send the present call, or its next part if the program does not support "each"."""
        call = self.call
        asked = {'call': call.number, 'task': call.task_id, 'attempt': call.attempt,
                 'function': call.function}  # type: Dict[str, Any]
        if self.takes_texts:
            asked['arguments'] = call.arguments
        else:
            asked['args'], asked['kwargs'] = self._arguments
        if call.is_each and self.is_each_known:
            asked['each'] = True
        elif call.is_each:
            asked['args'] = asked['args'][len(self._results)]
        self.unwritten += json.dumps(asked).encode('ascii') + b'\n'
        self._write()

    def take_result(self, value):
        # type: (Any) -> Any
        """The result of the call as JSON text, or None if the next part was sent. Raises ``ValueError``."""
        if self.takes_texts:
            return value
        if self.call.is_each and not self.is_each_known:
            self._results.append(value)
            if len(self._results) < len(self._arguments[0]):
                self._ask()
                return None
            value = self._results
        return as_text(json.dumps(value))

    def _write(self):
        # type: () -> None
        try:
            written = os.write(self.input.fileno(), self.unwritten)
        except OSError as error:
            if error.errno in _LATER:
                return
            # The child closed its input; ``look`` handles its end.
            written = len(self.unwritten)
        self.unwritten = self.unwritten[written:]

    def last_lines(self):
        # type: () -> Any
        """The end of its standard error."""
        said = self._said.decode('utf-8', 'replace')
        return said.partition(u'\n')[2] or said if len(self._said) == STDERR_BYTES_MAX else said

    # The end.

    def look(self):
        # type: () -> bool
        """Whether the child has ended or was stopped."""
        if self._status is None or os.WIFSTOPPED(self._status):
            try:
                pid, status = os.waitpid(self._process.pid, os.WNOHANG | os.WUNTRACED)
            except OSError:
                # Other code has reaped the child.
                pid, status = self._process.pid, 0
            if pid:
                self._status = status
                if not os.WIFSTOPPED(status):
                    # Prevent a second wait by ``subprocess``.
                    self._process.returncode = status
        return self._status is not None

    def has_ended(self):
        # type: () -> bool
        """Whether the child has ended; then kill its process group and close its pipes."""
        if not self.look() or os.WIFSTOPPED(self._status):  # type: ignore[arg-type]
            return False
        self.kill()
        self._close()
        self.state = ENDED
        return True

    def wait_a_little(self):
        # type: () -> None
        end_at = time.time() + STATUS_WAIT_S
        while not self.look() and -STATUS_WAIT_S < end_at - time.time() < STATUS_WAIT_S and time.time() < end_at:
            time.sleep(0.001)

    def cause(self):
        # type: () -> Tuple[str, str]
        """The cause and description of its end, after ``look``."""
        status = self._status  # type: Any
        if os.WIFEXITED(status):
            return EXIT, 'the process ended with status %d' % os.WEXITSTATUS(status)
        is_stopped = os.WIFSTOPPED(status)
        number = os.WSTOPSIG(status) if is_stopped else os.WTERMSIG(status)
        return SIGNAL, 'the process was %s by %s' % (
            'stopped' if is_stopped else 'killed', _SIGNAL_NAMES.get(number, 'signal %d' % number))

    def begin_to_end(self, kill_at):
        # type: (float) -> None
        """Ask the child and its process group to end, also if they are stopped."""
        self.state = ENDING
        self.due_at = kill_at
        self.unwritten = b''
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)

    def kill(self):
        # type: () -> None
        self.due_at = None
        self._signal(signal.SIGKILL)

    def _signal(self, number):
        # type: (int) -> None
        try:
            os.killpg(self._process.pid, number)
        except OSError:
            # The group has ended, or the child has not called ``setsid`` yet.
            if self._process.returncode is None and self._status is None:
                try:
                    os.kill(self._process.pid, number)
                except OSError:
                    pass

    def _close(self):
        # type: () -> None
        for pipe in (self.input, self.output, self.errors):
            if pipe is not None:
                pipe.close()
        self.input = self.output = self.errors = None


def arguments_of(call):
    # type: (Call) -> Any
    """[args, kwargs] of a call. Raises ``ValueError``, also for an empty chunk."""
    found = json_value(call.arguments)
    if not isinstance(found, list) or [type(part) for part in found] != [list, dict] or (call.is_each and not found[0]):
        raise ValueError('expected [args, kwargs]')
    return found
