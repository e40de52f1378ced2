"""What all command lines share: options, the log, the result, and the exit status.

Exit status: 0 for a normal end, also by SIGINT, SIGTERM or SIGHUP; 1 if the program did not achieve what was asked; 2
for wrong settings or usage, or missing resources of the system; anything else is a bug.
"""

from __future__ import absolute_import, division, print_function

import argparse
import errno
import json
import os
import select
import stat
import sys
import textwrap

from common.compat import text_type
from net_protocol import __version__
from net_protocol.limits import HEARTBEAT_INTERVAL_MAX_S, HEARTBEAT_INTERVAL_MIN_S, SECONDS_MAX
from runtime import early, logs, names
from runtime.clock import monotonic
from runtime.console import LiveLine
from runtime.descriptors import NONE_LEFT, TooManyDescriptors
from runtime.event_file import EventFile
from runtime.output import Output
from runtime.paths import check_writable
from runtime.process import CannotStart
from runtime.settings import SettingsError
from runtime.signals import is_stopping

try:
    from shlex import quote
except ImportError:
    # Until 2.7 goes.
    from pipes import quote  # type: ignore[import-not-found,no-redef]

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List  # noqa: F401

    from common.schema import Group  # noqa: F401

#: Quotes an argument for a shell.
quoted = quote

OK = 0
NOT_ACHIEVED = 1
USAGE = 2

#: How long a process that received a stop signal waits for the reader of a full pipe, and the time between two checks.
READER_WITHIN_S = 10.0
LOOK_S = 0.2

#: Width of the list of settings in the help.
HELP_COLUMNS = 79


class Parser(argparse.ArgumentParser):
    """Reports a usage error in one line."""

    def error(self, message):
        # type: (str) -> Any
        self.exit(USAGE, '%s: %s\n' % (self.prog, message))


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Wraps each paragraph, but no lists."""

    def _fill_text(self, text, width, indent):
        # type: (str, int, str) -> str
        return '\n\n'.join(part if part.startswith(' ') else textwrap.fill(' '.join(part.split()), width)
                           for part in text.strip('\n').split('\n\n'))


def parser(about, sample, settings=None):
    # type: (str, str, Group | None) -> argparse.ArgumentParser
    """A parser with the options that every program has; ``settings`` are those that its help describes."""
    made = Parser(
        description=about, formatter_class=_Formatter,
        epilog='With no settings file every setting has its default; %s is a sample.%s' % (
            sample, '' if settings is None else '\n\n' + _described(settings)))
    made.add_argument('-s', '--settings', metavar='FILE', type=text_path,
                      help='settings as JSON (default: none, all defaults)')
    made.add_argument('--check', action='store_true', help='print the settings in force, start nothing')
    made.add_argument('--probe', action='store_true',
                      help='test over UDP whether the process answers, start nothing; exit status 1 if not')
    made.add_argument('--seed', type=whole_number(), metavar='N',
                      help='runs with the same seed make the same random draws (but never the incarnation)')
    made.add_argument('--json', action='store_true',
                      help='at the end print exactly one JSON object to standard output')
    made.add_argument('--log-level', choices=logs.LEVELS, default='info', help='default: %(default)s')
    made.add_argument('--events', metavar='FILE', type=text_path,
                      help='append every event to FILE, including each step of each task: one JSON object per line, '
                           'with "time" (seconds of a clock that all processes of a machine share), "kind" and "facts"')
    add_version(made)
    return made


def add_own(parser, *options):
    # type: (argparse.ArgumentParser, *str) -> None
    """Add the options with these names, which replace settings."""
    for name in options:
        kind, metavar, about = _OWN[name]
        parser.add_argument('--' + name, type=kind, metavar=metavar, help=about)


def own_changes(options):
    # type: (Any) -> List[Any]
    """The ``changes`` that these options make, for ``runtime.settings.load``."""
    changes = [(name, getattr(options, name, None)) for name in ('name', 'work', 'capacity')]
    changes.append(('listen.port', getattr(options, 'port', None)))
    where = getattr(options, 'dispatcher', None)
    if where is not None:
        changes += [('dispatcher.host', where[0]), ('dispatcher.port', where[1])]
    return changes


def host_and_port(text, port_min=1):
    # type: (str, int) -> Any
    """HOST:PORT, for argparse."""
    try:
        return names.host_and_port(text_path(text), port_min)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error))


def _described(settings):
    # type: (Group) -> str
    lines = []  # type: List[str]
    for key, sentence, default in settings.described():
        words = '%s: %s%s' % (key, sentence, '' if default is None else ' Default: %s.' % default)
        lines += textwrap.wrap(words, HELP_COLUMNS, initial_indent='  ', subsequent_indent='      ')
    return '\n'.join(lines)


def add_version(parser):
    # type: (argparse.ArgumentParser) -> None
    parser.add_argument('--version', action=_ShowVersion, nargs=0, help='print the version and exit')


class _ShowVersion(argparse.Action):
    """Prints to standard output; the action of argparse on 2.7 prints to standard error (until 2.7 goes)."""

    def __call__(self, parser, namespace, values, option_string=None):
        # type: (Any, Any, Any, Any) -> None
        print('%s %s' % (parser.prog, __version__))
        parser.exit()


def text_path(argument):
    # type: (Any) -> Any
    """A path, for argparse: a text also on 2.7, so that messages can show it (until 2.7 goes)."""
    try:
        return argument.decode('utf-8') if isinstance(argument, bytes) else argument
    except UnicodeDecodeError:
        return argument


def whole_number(low=None, high=None):
    # type: (int | None, int | None) -> Callable[[str], int]
    """A parser of whole numbers within these bounds, for argparse."""
    bounds = ('' if low is None else ' from %d' % low) + ('' if high is None else ' to %d' % high)
    return _number(int, low, high, 'a whole number' + bounds)


def _number(kind, low, high, expected):
    # type: (Callable[[str], Any], Any, Any, str) -> Callable[[str], Any]
    def take(text):
        # type: (str) -> Any
        try:
            number = kind(text)
        except ValueError:
            number = None
        # NaN fails both comparisons.
        if number is None or not ((low is None or number >= low) and (high is None or number <= high)):
            raise argparse.ArgumentTypeError('found %s, expected %s' % (json.dumps(text), expected))
        return number
    return take


positive_int = whole_number(1)
#: The same bounds as in the settings of a calculator.
heartbeat_interval = _number(
    float, HEARTBEAT_INTERVAL_MIN_S, HEARTBEAT_INTERVAL_MAX_S,
    'a number of seconds from %g to %g' % (HEARTBEAT_INTERVAL_MIN_S, HEARTBEAT_INTERVAL_MAX_S))
#: The minimum is the resolution of a clock.
positive_seconds = _number(float, 1e-6, 1e9, 'a number of seconds above 0')
positive_share = _number(float, 1e-6, 1, 'a number above 0, up to 1')
#: The same bounds as in the options of a call.
call_timeout = _number(float, 1e-6, SECONDS_MAX, 'a number of seconds above 0, up to %d' % SECONDS_MAX)


#: Name -> type, placeholder and help of each option that replaces a setting.
_OWN = {
    'dispatcher': (host_and_port, 'HOST:PORT', 'where the dispatcher listens'),
    'name': (text_path, 'NAME', 'the name of this process'),
    'port': (whole_number(0, 65535), 'N', 'the UDP port to listen on; 0: any free port'),
    'work': (text_path, 'FILE', 'the Python file with the functions to run, in place of notional tasks'),
    'capacity': (positive_int, 'N', 'the number of calls or tasks at a time'),
}  # type: Dict[str, Any]


def main(program, argv=None):
    # type: (Callable[[Any], int], Any) -> None
    """Run a program and exit with its status. An error that is no bug is printed as one line, without a traceback."""
    _open_what_is_closed()
    real_output, sys.stdout = sys.stdout, _Output(sys.stdout)
    try:
        status = _status_of(program, argv)
    except (CannotStart, SettingsError) as error:
        _complain(error)
        status = USAGE
    except TooManyDescriptors as error:
        _complain(error.strerror)
        status = USAGE
    except EnvironmentError as error:
        if error.errno not in NONE_LEFT:
            raise
        _complain('%s; allow more with ulimit -n' % error.strerror)
        status = USAGE
    except KeyboardInterrupt:
        # Ctrl-C before ``StopSignals`` handles the signals.
        status = OK
    except OutputLost as error:
        if error.errno != errno.EPIPE:
            _complain('standard output: %s' % error.strerror)
        drop_output(real_output)
        status = NOT_ACHIEVED
    finally:
        sys.stdout = real_output
    sys.exit(status)


def _status_of(program, argv):
    # type: (Callable[[Any], int], Any) -> Any
    early.give_back()
    try:
        status = program(argv)  # type: Any
    except SystemExit as end:
        # argparse raises this after --help, --version and a usage error.
        status = end.code
    sys.stdout.flush()
    return status


def _complain(what):
    # type: (Any) -> None
    line = LiveLine()
    line.write_above(u'%s: %s' % (os.path.basename(sys.argv[0]), what))
    line.end()


def _encodable(text, stream):
    # type: (Any, Any) -> Any
    """``text`` with escapes for what the stream cannot encode; on 2.7 as bytes (until 2.7 goes)."""
    if not isinstance(text, text_type):
        return text
    encoding = getattr(stream, 'encoding', None) or 'utf-8'
    encoded = text.encode(encoding, 'backslashreplace')
    return encoded if sys.version_info < (3,) else encoded.decode(encoding)


class OutputLost(Exception):
    """Standard output cannot be written: its reader has closed it, or the disk is full.

    Not an IOError, because some versions of argparse ignore these.
    """

    def __init__(self, error):
        # type: (EnvironmentError) -> None
        super(OutputLost, self).__init__(error)
        self.errno = error.errno
        self.strerror = error.strerror


def drop_output(stream=None):
    # type: (Any) -> None
    """Discard unwritten output. Without this, Python prints another error when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), (sys.stdout if stream is None else stream).fileno())


class _Output(object):
    """Standard output, with errors of a class of their own (``OutputLost``).

    If a pipe is full, ``write`` waits for its reader. A process that received a stop signal waits at most
    ``READER_WITHIN_S``.
    """

    def __init__(self, stream):
        # type: (Any) -> None
        self._stream = stream
        self._pipe = None  # type: Any
        try:
            mode = os.fstat(stream.fileno()).st_mode
            if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
                self._pipe = Output(stream.fileno(), lambda number: b'', pending_max=sys.maxsize)
        except (AttributeError, ValueError, EnvironmentError):
            # A stream in memory.
            pass

    def __getattr__(self, name):
        # type: (str) -> Any
        return getattr(self._stream, name)

    def write(self, text):
        # type: (str) -> None
        encoded = _encodable(text, self._stream)
        if self._pipe is None:
            self._try(self._stream.write, encoded)
        else:
            self._try(self._write_to_pipe, encoded.encode(self._stream.encoding) if isinstance(encoded, text_type)
                      else encoded)

    def flush(self):
        # type: () -> None
        self._try(self._stream.flush)

    def _write_to_pipe(self, piece):
        # type: (bytes) -> None
        self._pipe.put(piece)
        end_at = None  # type: float | None
        while self._pipe.is_pending:
            now = monotonic()
            if end_at is None and is_stopping():
                end_at = now + READER_WITHIN_S
            if end_at is not None and (now >= end_at or is_stopping() > 1):
                raise IOError(errno.EAGAIN, 'its reader is too slow')
            try:
                self._pipe.finish(LOOK_S)
            except select.error as error:
                # On 2.7 a signal ends the wait (until 2.7 goes).
                if error.args[0] != errno.EINTR:
                    raise IOError(*error.args)

    @staticmethod
    def _try(act, *arguments):
        # type: (Callable[..., Any], *Any) -> Any
        try:
            return act(*arguments)
        except EnvironmentError as error:
            raise OutputLost(error)


def _open_what_is_closed():
    # type: () -> None
    """Open /dev/null for each closed standard stream (``>&-``). Otherwise ``sys.stdout`` is None on 3.x, and on 2.7 the
    first socket gets the free number, so that ``print`` writes to it.
    """
    for descriptor, probe in ((0, os.fstat), (1, _write_nothing), (2, _write_nothing)):
        try:
            probe(descriptor)
        except OSError as error:
            # Another error, such as a full disk, is reported by the first write.
            if error.errno != errno.EBADF:
                continue
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
    sys.stdout = sys.stdout or os.fdopen(1, 'w')
    sys.stderr = sys.stderr or os.fdopen(2, 'w')


def _write_nothing(descriptor):
    # type: (int) -> None
    """Raises OSError if the descriptor is not writable. On 2.7 it can be a file that the interpreter opened."""
    os.write(descriptor, b'')


def begin_log(name, sentences, options):
    # type: (str, Dict[str, Any], Any) -> logs.EventLog
    """Set up the log. Returns the ``EventLog`` that writes the events of a core to the log and to ``--events``."""
    line = LiveLine()
    logs.set_up(name, options.log_level, line)
    return logs.EventLog(sentences, monotonic, _from_events(EventFile, options), line)


def _from_events(act, options):
    # type: (Callable[[Any], Any], Any) -> Any
    """``act(path)`` for the path of ``--events``; None without that option."""
    try:
        return None if options.events is None else act(options.events)
    except EnvironmentError as error:
        raise CannotStart('cannot write events to %s: %s' % (options.events, error.strerror))


def print_settings(options, text, remarks=()):
    # type: (Any, str, Any) -> int
    """What ``--check`` prints: the settings as a valid file on standard output, and remarks on standard error. Returns
    the exit status. Raises ``CannotStart`` if the file of ``--events`` is not writable.
    """
    _from_events(check_writable, options)
    print(text)
    sys.stdout.flush()
    if not options.json:
        for line in remarks:
            print(line, file=sys.stderr)
    return OK


def print_result(as_json, account, lines):
    # type: (bool, Dict[str, Any], Any) -> None
    if as_json:
        print(json.dumps(account, sort_keys=True))
    else:
        for line in lines:
            print(line)
    sys.stdout.flush()
