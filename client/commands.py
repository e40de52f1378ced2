"""``run_client.py --map``, ``--call`` and ``--functions``: calls from a command line."""

from __future__ import absolute_import, division, print_function

import argparse
import errno
import io
import json
import os
import re
import sys
from collections import deque
from time import sleep

from client.executor import Executor, TaskError, name_of
from client.futures import TimeoutError
from common.words import counted
from net_protocol.codec import json_value
from net_protocol.errors import MisuseError
from runtime import logs
from runtime.clock import monotonic
from runtime.command_line import text_path
from runtime.descriptors import ready
from runtime.paths import native
from runtime.process import CannotStart
from runtime.wakeup import Wakeup

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List  # noqa: F401

#: Bytes read from standard input at a time, and the largest size of a line.
READ_BYTES = 65536
LINE_BYTES_MAX = 1 << 20

#: Time between two lines of progress.
PROGRESS_S = 10.0

#: Time between two checks of signals.
LOOK_S = 0.5

#: The wait for the list of functions.
ANSWER_WITHIN_S = 5.0

#: The wait for the first function of calculators that have just started, and the time between two questions.
FUNCTION_WITHIN_S = 2.0
ASK_AGAIN_S = 0.1

_KEYWORD = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)=(.*)\Z', re.DOTALL)


class NotSent(Exception):
    """A line is not a valid call: it is not JSON, or too large."""


class _Failed(object):
    """Replaces the future of a call that could not be sent."""

    def __init__(self, reason):
        # type: (str) -> None
        self._error = NotSent(reason)

    @staticmethod
    def done():
        # type: () -> bool
        return True

    def exception(self):
        # type: () -> NotSent
        return self._error


class Mapper(object):
    """Calls ``function`` for each line of the descriptor ``source``, and writes one line for each, in order."""

    def __init__(self, farm, function, source, write, in_flight_max, skip):
        # type: (Any, str, int, Any, int, int) -> None
        self._farm = farm
        self._function = function
        self._source = source
        self._write = write
        self._in_flight_max = in_flight_max
        self._skip = skip
        self._wakeup = Wakeup()
        self._text = b''
        self._is_reading = True
        self._futures = deque()  # type: Deque[Any]
        self.read = self.done = self.failed = 0

    def run(self, signals, drain_timeout_s):
        # type: (Any, float) -> None
        """Run until all input has its output. After a signal, wait at most ``drain_timeout_s`` for the open calls."""
        end_at = None  # type: float | None
        progress_at = monotonic() + PROGRESS_S
        while self._is_reading or self._futures or self._text:
            if signals.count and end_at is None:
                self._is_reading, self._text = False, b''
                end_at = monotonic() + drain_timeout_s
                logs.log.info('stopping: waiting up to %g s for %s. Press Ctrl-C again to quit now.', drain_timeout_s,
                              counted(len(self._futures), 'calls'))
            if signals.count > 1 or (end_at is not None and monotonic() >= end_at):
                return
            if monotonic() >= progress_at:
                progress_at = monotonic() + PROGRESS_S
                logs.log.info('%s', self.progress())
            self._wait(signals)
            self._start_calls()
            self._write_results()

    def progress(self):
        # type: () -> str
        return 'read %d, results %d, failed %d, open %d' % (
            self.read, self.done, self.failed, len(self._futures))

    @property
    def left(self):
        # type: () -> int
        """Calls without an output line."""
        return len(self._futures)

    def close(self):
        # type: () -> None
        for future in self._futures:
            if not future.done():
                future.cancel()

    def _has_room(self):
        # type: () -> bool
        return len(self._futures) < self._in_flight_max

    def _wait(self, signals):
        # type: (Any) -> None
        has_line = b'\n' in self._text or (self._text and not self._is_reading)
        if (has_line and self._has_room()) or (self._futures and self._futures[0].done()):
            return
        readers = [self._wakeup, signals]  # type: List[Any]
        if self._is_reading and self._has_room():
            readers.append(self._source)
        readable, _ = ready(readers, [], LOOK_S)
        if self._wakeup in readable:
            self._wakeup.drain()
        if signals in readable:
            signals.drain()
        if self._source in readable:
            data = os.read(self._source, READ_BYTES)
            self._text += data
            self._is_reading = bool(data)

    def _start_calls(self):
        # type: () -> None
        while self._text and self._has_room():
            line, end, rest = self._text.partition(b'\n')
            if not end and self._is_reading and len(line) < LINE_BYTES_MAX:
                return
            self._text = rest
            self.read += 1
            if self.read <= self._skip:
                continue
            self._futures.append(self._future_of(line))

    def _future_of(self, line):
        # type: (bytes) -> Any
        try:
            argument = json_value(line.decode('utf-8'))
        except ValueError:
            return _Failed('not JSON')
        try:
            future = self._farm.submit(self._function, argument)
        except (RuntimeError, MisuseError) as error:
            return _Failed(str(error))
        future.add_done_callback(lambda _: self._wakeup.wake())
        return future

    def _write_results(self):
        # type: () -> None
        lines = []
        while self._futures and self._futures[0].done():
            future = self._futures.popleft()
            error = 'cancelled' if getattr(future, 'cancelled', bool)() else future.exception()
            if error is None:
                self.done += 1
                lines.append(json.dumps(future.result()))
            else:
                self.failed += 1
                lines.append(json.dumps({'error': described(error)}, sort_keys=True))
        if lines:
            self._write('\n'.join(lines) + '\n')


def described(error):
    # type: (Any) -> Dict[str, Any]
    """An outcome without a result, for programs. docs/work.md lists the kinds."""
    if not isinstance(error, Exception):
        return {'kind': 'TaskCancelled', 'message': error, 'attempts': 0}
    message = error.args[0] if isinstance(error, TaskError) and error.args else '%s' % error
    return {'kind': type(error).__name__, 'message': message, 'attempts': getattr(error, 'attempts', 0)}


def lines_of(path):
    # type: (str | None) -> int
    """The number of lines in an output file; 0 if there is no file."""
    if path is None:
        return 0
    number = 0
    last = b''
    try:
        with io.open(native(path), 'rb') as file:
            for line in file:
                number, last = number + 1, line
    except (OSError, IOError) as error:
        if error.errno == errno.ENOENT:
            return 0
        raise CannotStart('%s: %s' % (path, error.strerror))
    if last and not last.endswith(b'\n'):
        raise CannotStart('%s: the last line is incomplete; remove it first' % path)
    return number


def function_name(argument):
    # type: (str) -> Any
    """The name of a function, for argparse."""
    try:
        return name_of(text_path(argument))
    except (TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error))


def arguments_of(words):
    # type: (List[Any]) -> Any
    """[args, kwargs] of ``--call``: each word is JSON, or NAME=JSON for a keyword. Raises ``CannotStart``."""
    arguments, keywords = [], {}
    for word in words:
        found = _KEYWORD.match(word)
        try:
            value = json_value(found.group(2) if found else word)
        except ValueError:
            raise CannotStart('argument %s: not JSON, expected a value like 2, \'"text"\' or NAME=2' % (
                json.dumps(word)))
        if found:
            keywords[found.group(1)] = value
        else:
            arguments.append(value)
    return arguments, keywords


def wait_for(future, signals):
    # type: (Any, Any) -> bool
    """Wait until the future is done; False if a signal came first."""
    wakeup = Wakeup()
    future.add_done_callback(lambda _: wakeup.wake())
    while not future.done():
        if signals.count:
            return False
        ready([wakeup, signals], [], LOOK_S)
    return True


def make_farm(settings, **options):
    # type: (Dict[str, Any], **Any) -> Any
    """An executor with the settings of a client and these options for calls."""
    where = settings['dispatcher']
    return Executor('%s:%d' % (where['host'], where['port']), settings['name'], settings['key_file']).options(
        **options)


def run_map(settings, signals, function, options, resume):
    # type: (Dict[str, Any], Any, str, Dict[str, Any], str | None) -> bool
    """Run ``--map``; returns whether all inputs have a result."""
    skip = lines_of(resume)
    farm = make_farm(settings, **options)
    mapper = Mapper(farm, function, sys.stdin.fileno(), _write, settings['in_flight_max'], skip)
    try:
        mapper.run(signals, settings['drain_timeout_s'])
    finally:
        mapper.close()
        farm.shutdown(wait=True, cancel_futures=True)
    for line in farm.statistics_lines():
        logs.log.info('%s', line)
    return not mapper.failed and not mapper.left


def run_call(settings, signals, function, options, words):
    # type: (Dict[str, Any], Any, str, Dict[str, Any], List[Any]) -> bool
    """Run ``--call``; returns whether there is a result."""
    arguments, keywords = arguments_of(words)
    farm = make_farm(settings, **options)
    try:
        try:
            future = farm.call(function, arguments, keywords)
        except (RuntimeError, MisuseError) as reason:
            logs.log.error('%s', reason)
            return False
        if not wait_for(future, signals):
            logs.log.error('cancelled')
            return False
        error = 'cancelled' if future.cancelled() else future.exception()
        if error is not None:
            logs.log.error('%(kind)s: %(message)s', described(error))
            return False
        _write(json.dumps(future.result()) + '\n')
        return True
    finally:
        farm.shutdown(wait=True, cancel_futures=True)


def show_functions(settings, as_json):
    # type: (Dict[str, Any], bool) -> bool
    """Run ``--functions``; returns whether there are any."""
    farm = make_farm(settings)
    wait_until = monotonic() + FUNCTION_WITHIN_S
    try:
        functions = farm.functions(ANSWER_WITHIN_S)
        while not functions and monotonic() < wait_until:
            sleep(ASK_AGAIN_S)
            functions = farm.functions(ANSWER_WITHIN_S)
    except TimeoutError:
        logs.log.error('no answer from the dispatcher')
        return False
    finally:
        farm.shutdown(wait=True, cancel_futures=True)
    if as_json:
        named = [dict(zip(('name', 'signature', 'doc'), entry)) for entry in functions]
        _write(json.dumps(named, sort_keys=True) + '\n')
    for name, signature, doc in () if as_json else functions:
        _write('%s%s%s\n' % (name, signature, '  ' + doc if doc else ''))
    if not functions:
        logs.log.error('no calculator offers a function')
    return bool(functions)


def _write(text):
    # type: (str) -> None
    sys.stdout.write(text)
    sys.stdout.flush()
