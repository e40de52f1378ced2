"""The library: call your functions on the calculators of a farm.

    from client import Executor
    with Executor('127.0.0.1:5555') as farm:
        print(farm.submit('score', 'abc', scale=2).result())
        for n in farm.map('square', range(1000)):
            print(n)

A background thread runs the core of a client in a ``runtime.loop.Loop``, like ``run_client.py``. Other threads send
commands to it through a queue. The background thread sets the results of the futures.
"""

from __future__ import absolute_import, division, print_function

import json
import os
import threading
from collections import deque
from functools import partial
from itertools import islice

from client import futures
from client.calls import TASK_TIMEOUT_S, CallingClientCore
from client.requests import GIVEN_UP, REFUSED
from client.settings import SETTINGS
from common.compat import TEXT_TYPES
from common.sentences import SENTENCES
from common.words import reason_text
from net_protocol import columns
from net_protocol.causes import DEATHS, EXCEPTION
from net_protocol.codec import json_text, json_value
from net_protocol.limits import SECONDS_MAX
from net_protocol.rows import CANCELLED, CLIENT, DONE, EXPIRED
from runtime import logs, process
from runtime.clock import monotonic
from runtime.console import LiveLine
from runtime.keys import seal_of
from runtime.loop import Loop
from runtime.names import Peer, host_and_port
from runtime.upstream import Upstream
from runtime.wakeup import Wakeup

MYPY = False
if MYPY:
    from typing import Any, Callable, Deque, Dict, Iterator  # noqa: F401

#: After ``shutdown(cancel_futures=True)``: the longest wait for the outcomes of the cancelled calls.
CLOSE_WAIT_S = 2.0

#: The default of ``in_flight_max``, the largest number of open calls of one ``map``.
IN_FLIGHT_MAX = 1000


class TaskError(Exception):
    """A call ended without a result. ``attempts`` is the number of its attempts."""

    attempts = 0


class TaskFailed(TaskError):
    """The function raised an exception, or its result can't be sent.

    ``type`` is the name of the exception's class. ``traceback`` is the remote traceback as text. ``stderr`` is the end
    of the standard error of the child process.
    """

    type = traceback = stderr = ''
    cause = EXCEPTION

    def __str__(self):
        # type: () -> str
        text = super(TaskFailed, self).__str__()
        return '%s\n\n%s' % (text, self.traceback) if self.traceback else text


class WorkerDied(TaskFailed):
    """The process that ran the function died in the last attempt that counted (docs/work.md explains which count).
    ``cause`` is ``signal``, ``exit``, ``memory``, ``time`` or ``protocol``.
    """


class TaskExpired(TaskError):
    """The task had no result within its time-out."""


class TaskRefused(TaskError):
    """The dispatcher did not accept the task."""


class CallFuture(futures.Future):
    """A future whose ``cancel`` also stops a call that is queued or running on a calculator."""

    def __init__(self, cancel):
        # type: (Callable[[Any], None]) -> None
        super(CallFuture, self).__init__()
        self._cancel_call = cancel
        #: The number of the task; 0 before the background thread has submitted the call.
        self.number = 0

    def cancel(self):
        # type: () -> bool
        """Cancel the call. Returns False if the call has already ended."""
        was_cancelled = self.cancelled()
        if not super(CallFuture, self).cancel():
            return False
        if not was_cancelled:
            self.set_running_or_notify_cancel()
            self._cancel_call(self)
        return True


class _Link(object):
    """The background thread that runs the core, and the queue of commands to it. The loop of that thread calls
    ``next_timer`` and ``handle`` (see ``Loop.attach``).
    """

    def __init__(self, settings, name):
        # type: (Dict[str, Any], str) -> None
        self._settings = settings
        self._name = name
        self._seal = seal_of(settings)
        self._wakeup = Wakeup()
        self._commands = deque()  # type: Deque[Any]
        self._is_woken = False
        self._lock = threading.Lock()
        self.is_closed = False
        #: The exception that ended the thread, or None.
        self.error = None  # type: Any
        self.core = CallingClientCore(settings, name, process.new_incarnation(), process.generator(None))
        self.thread = threading.Thread(target=self._run, name=name)
        self.thread.daemon = True
        self.thread.start()

    def tell(self, *command):
        # type: (*Any) -> None
        """Make the thread call ``command[0](now, *command[1:])``. Raises ``RuntimeError`` after ``close``, or when the
        thread has ended.
        """
        with self._lock:
            if self.is_closed:
                raise RuntimeError('this executor was shut down')
            self._commands.append(command)
            is_woken, self._is_woken = self._is_woken, True
        if not is_woken:
            self._wakeup.wake()

    def close(self, is_soft):
        # type: (bool) -> None
        """End the thread when all calls have ended. Unless ``is_soft``, cancel them, and wait no longer than
        ``CLOSE_WAIT_S``.
        """
        with self._lock:
            if self.is_closed:
                return
            self._commands.append((self._stop, is_soft))
            self.is_closed = True
        self._wakeup.wake()

    # In the thread.

    def _run(self):
        # type: () -> None
        settings = self._settings
        peer = Peer(settings['dispatcher']['host'], settings['dispatcher']['port'])
        try:
            if process.find(peer, self._wakeup):
                endpoint = process.endpoint_towards(peer)
                log = logs.EventLog(SENTENCES[CLIENT], monotonic, None, LiveLine())
                loop = Loop(self.core, endpoint, self._wakeup, monotonic, log, self._seal)
                loop.attach(self)
                loop.attach(Upstream(loop, peer, process.any_port_towards))
                try:
                    loop.run()
                finally:
                    endpoint.close()
        except Exception as error:
            self.error = error
            raise
        finally:
            with self._lock:
                self.is_closed = True
            peer.close()
            self._take_commands(monotonic())
            self.core.close(monotonic())
            self._wakeup.close()

    @staticmethod
    def readers():
        # type: () -> Any
        return []

    writers = readers

    def next_timer(self):
        # type: () -> float | None
        return 0.0 if self._commands else None

    def handle(self, readable, writable, now):
        # type: (Any, Any, float) -> None
        if self._commands:
            with self._lock:
                self._is_woken = False
            self._take_commands(now)

    def _take_commands(self, now):
        # type: (float) -> None
        commands = self._commands
        while commands:
            command = commands.popleft()
            command[0](now, *command[1:])

    def _stop(self, now, is_soft):
        # type: (float, bool) -> None
        if not is_soft:
            self.core.cancel_all(now)
        self.core.end_when_over(now, None if is_soft else CLOSE_WAIT_S)

    def start(self, now, future, function, arguments, options, timeout_s):
        # type: (float, CallFuture, str, Any, Dict[str, Any], float) -> None
        if future.cancelled():
            return
        future.number = self.core.call(now, function, arguments, options, timeout_s, partial(_end, future))

    def ask_functions(self, now, future):
        # type: (float, Any) -> None
        self.core.ask_functions(now, future.set_result)

    def cancel(self, now, future):
        # type: (float, CallFuture) -> None
        if future.number:
            self.core.cancel(now, future.number)


def _end(future, outcome, value, attempts):
    # type: (CallFuture, str, Any, int) -> None
    """Set the result or the exception of a future whose call has ended."""
    if future.cancelled():
        return
    try:
        if outcome == DONE:
            try:
                result = json_value(value)
            except ValueError as error:
                future.set_exception(TaskFailed('the result is not JSON: %s' % error))
            else:
                future.set_result(result)
        elif outcome == CANCELLED:
            # Cancelled by an operator, or because the executor was shut down.
            if futures.Future.cancel(future):
                future.set_running_or_notify_cancel()
        else:
            future.set_exception(error_of(outcome, value, attempts))
    except Exception:
        # Another thread may have cancelled the future in the meantime.
        if not future.cancelled():
            raise


def error_of(outcome, value, attempts):
    # type: (str, Any, int) -> TaskError
    """The exception for a call that ended without a result. ``value`` is the reason (see ``reason_text``)."""
    text = reason_text(value) or outcome
    if outcome in (EXPIRED, GIVEN_UP):
        error = TaskExpired(text)  # type: Any
    elif outcome == REFUSED:
        error = TaskRefused(text)
    elif isinstance(value, dict):
        error = (WorkerDied if value['cause'] in DEATHS else TaskFailed)(text)
        error.cause = value['cause']
        error.type, error.traceback, error.stderr = [value.get(key, '') for key in ('type', 'traceback', 'stderr')]
    else:
        error = TaskFailed(text)
    error.attempts = attempts
    return error


def name_of(function):
    # type: (Any) -> Any
    """The name of ``function``, which is a function or already the name. Raises ``TypeError`` if it has no name or is a
    lambda, and ``ValueError`` if the name can't be the name of a function.
    """
    name = function if isinstance(function, TEXT_TYPES) else callable(function) and getattr(function, '__name__', None)
    if not isinstance(name, TEXT_TYPES) or name == '<lambda>':
        raise TypeError('found %r, expected the name of a function that calculators offer, or a function with such a '
                        'name: the function itself is not sent' % (function,))
    if columns.FUNCTION.match(name) is None:
        raise ValueError('found %s, expected the name of a function' % json.dumps(name))
    return name


class Executor(futures.Executor):
    """Calls functions by name on the calculators of the dispatcher at ``address``, "HOST:PORT".

    ``name`` is the name of this client; with None, a name is generated. ``key_file`` is the path of the file with the
    key. All threads of a program may share one executor.
    """

    def __init__(self, address='127.0.0.1:5555', name=None, key_file=None):
        # type: (str, str | None, str | None) -> None
        host, port = host_and_port(address)
        settings = SETTINGS.checked({'dispatcher': {'host': host, 'port': port}, 'name': name, 'key_file': key_file})
        self._link = _Link(settings, name or process.default_name('client', os.getpid(), is_random=True))
        self._options = {}  # type: Dict[str, Any]
        self._timeout_s = TASK_TIMEOUT_S

    def options(self, **options):
        # type: (**Any) -> Executor
        """Return an executor that shares this connection and uses these options for its calls: ``answer_timeout_s``,
        ``task_timeout_s``, ``priority``, ``attempts_max``, ``retry_on_error``.
        """
        view = object.__new__(type(self))
        view._link = self._link
        view._timeout_s = options.pop('task_timeout_s', self._timeout_s)
        if isinstance(view._timeout_s, bool) or not 0 < view._timeout_s <= SECONDS_MAX:
            raise ValueError('task_timeout_s: found %r, expected a number of seconds' % (view._timeout_s,))
        view._options = dict(self._options)
        for key, value in options.items():
            if key not in columns.OPTIONS or key == 'each':
                raise TypeError('%s is not an option of a call' % key)
            if not columns.OPTIONS[key](value):
                raise ValueError('%s: found %r' % (key, value))
            view._options[key] = value
        return view

    def submit(*args, **kwargs):
        # type: (*Any, **Any) -> Any
        """submit(function, *args, **kwargs): call the function with this name and return a future."""
        # ``self`` and ``function`` are not parameters here, so that ``kwargs`` may contain these two names.
        self, function = args[:2]
        return self.call(function, list(args[2:]), kwargs)

    def call(self, function, arguments, keywords):
        # type: (str, Any, Dict[str, Any]) -> CallFuture
        """Like ``submit``, with the positional arguments as a list and the keyword arguments as a dict."""
        return self._submit(function, arguments, keywords, self._options)

    def _submit(self, function, arguments, keywords, options):
        # type: (str, Any, Dict[str, Any], Dict[str, Any]) -> CallFuture
        function = name_of(function)
        payload = json_text('the arguments', [arguments, keywords])
        future = CallFuture(self._cancel)
        self._link.tell(self._link.start, future, function, payload, options, self._timeout_s)
        return future

    def _cancel(self, future):
        # type: (CallFuture) -> None
        try:
            self._link.tell(self._link.cancel, future)
        except RuntimeError:
            # After a shutdown the thread accepts no commands, so an open call is not stopped.
            pass

    def map(self, function, *iterables, **options):  # type: ignore[override]
        """map(function, *iterables, timeout=None, chunksize=1, in_flight_max=1000): iterate over the results.

        The results have the order of the inputs. At most ``in_flight_max`` calls are open at a time. ``map`` reads more
        inputs when the caller takes a result. ``chunksize`` is the number of calls that are sent as one task.
        ``timeout`` limits the time for all results, in seconds.
        """
        timeout, chunksize = options.pop('timeout', None), options.pop('chunksize', 1)
        in_flight_max = options.pop('in_flight_max', IN_FLIGHT_MAX)
        if options:
            raise TypeError('%s is not an option of map' % ', '.join(sorted(options)))
        if chunksize < 1 or in_flight_max < 1:
            raise ValueError('chunksize and in_flight_max must be at least 1')
        end_at = None if timeout is None else monotonic() + timeout
        rows = futures.zip_lazily(*iterables)
        call_options = self._options
        if chunksize == 1:
            pieces = iter(rows)  # type: Iterator[Any]
        else:
            call_options = dict(self._options, each=True)
            pieces = iter(lambda: list(islice(rows, chunksize)), [])
        waiting = deque()  # type: Deque[CallFuture]

        def fill():
            # type: () -> None
            while len(waiting) < max(1, in_flight_max // chunksize):
                piece = next(pieces, None)
                if piece is None:
                    return
                waiting.append(self._submit(function, piece, {}, call_options))

        def results():
            # type: () -> Iterator[Any]
            try:
                while waiting:
                    result = waiting[0].result(None if end_at is None else max(0.0, end_at - monotonic()))
                    waiting.popleft()
                    fill()
                    if chunksize == 1:
                        yield result
                    else:
                        for one in result:
                            yield one
            finally:
                for future in waiting:
                    future.cancel()
        fill()
        return results()

    def functions(self, timeout=None):
        # type: (float | None) -> Any
        """[name, signature, first line of the docstring] of each function that a calculator offers. Raises
        ``TimeoutError`` if the dispatcher does not answer within ``timeout`` seconds.
        """
        future = futures.Future()  # type: Any
        self._link.tell(self._link.ask_functions, future)
        return future.result(timeout)

    def statistics_lines(self):
        # type: () -> Any
        """The statistics of all calls so far, as lines of text."""
        return self._link.core.statistics.as_lines(monotonic())

    def shutdown(self, wait=True, cancel_futures=False):
        # type: (bool, bool) -> None
        """Accept no more calls. With ``cancel_futures``, cancel open calls. With ``wait``, return when all calls have
        ended.
        """
        self._link.close(not cancel_futures)
        if wait and threading.current_thread() is not self._link.thread:
            while self._link.thread.is_alive():
                # Join in steps of a second: on 2.7 a signal can't interrupt a join (until 2.7 goes).
                self._link.thread.join(1.0)
