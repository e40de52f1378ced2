"""What all command lines share: options, the log, the last words, and the exit status.

Exit status: 0 for a normal end, SIGINT and SIGTERM included; 1 where something asked for was not achieved; 2 for
settings and usage; anything else is a bug.
"""

from __future__ import absolute_import, division, print_function

import argparse
import errno
import json
import os
import sys

from net_protocol import __version__
from runtime import early, logs
from runtime.clock import monotonic
from runtime.console import LiveLine
from runtime.event_file import EventFile
from runtime.process import CannotStart
from runtime.settings import SettingsError

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict  # noqa: F401

OK = 0
NOT_ACHIEVED = 1
USAGE = 2


def parser(about, sample):
    # type: (str, str) -> argparse.ArgumentParser
    """A parser with the options that every program has."""
    made = argparse.ArgumentParser(
        description=about, epilog='With no settings file every setting has its default; %s is a sample.' % sample)
    made.add_argument('-s', '--settings', metavar='FILE', help='settings as JSON (default: none, all defaults)')
    made.add_argument('--check', action='store_true', help='print the settings in force, start nothing')
    made.add_argument('--probe', action='store_true',
                      help='ask over UDP whether it answers, start nothing; exit status 0 if it does, else 1')
    made.add_argument('--seed', type=int, metavar='N',
                      help='repeat all random draws of a run with the same seed (never the incarnation)')
    made.add_argument('--json', action='store_true',
                      help='at the end standard output carries exactly one JSON object')
    made.add_argument('--log-level', choices=logs.LEVELS, default='info', help='default: %(default)s')
    made.add_argument('--events', metavar='FILE',
                      help='append to FILE what happens, each step of each task included: a JSON object a line, with '
                           '"time" (in seconds, of one clock for all processes of a machine), "kind" and "facts"')
    add_version(made)
    return made


def add_version(parser):
    # type: (argparse.ArgumentParser) -> None
    """The option ``--version``."""
    parser.add_argument('--version', action=_ShowVersion, nargs=0, help='print the version and exit')


class _ShowVersion(argparse.Action):
    """To standard output on every version; the action of 2.7's own writes to the other one (until 2.7 goes)."""

    def __call__(self, parser, namespace, values, option_string=None):
        # type: (Any, Any, Any, Any) -> None
        print('%s %s' % (parser.prog, __version__))
        parser.exit()


def positive_int(text):
    # type: (str) -> int
    """A whole number of at least 1, for argparse."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def positive_seconds(text):
    # type: (str) -> float
    """A finite number above 0, for argparse."""
    number = float(text)
    if not 0 < number <= 1e9:
        raise ValueError
    return number


# What argparse calls these two in an error.
positive_int.__name__ = 'whole number from 1'
positive_seconds.__name__ = 'number of seconds above 0'


def main(program, argv=None):
    # type: (Callable[[Any], int], Any) -> None
    """Run a program to its exit status, with one line instead of a traceback where the fault is outside."""
    _open_what_is_closed()
    real_output, sys.stdout = sys.stdout, _Output(sys.stdout)
    try:
        status = _status_of(program, argv)
    except (CannotStart, SettingsError) as error:
        _complain(error)
        status = USAGE
    except KeyboardInterrupt:
        # Ctrl-C before the signals were taken over, or while nothing was started yet.
        status = OK
    except OutputLost as error:
        if error.errno != errno.EPIPE:
            _complain('standard output: %s' % error.strerror)
        # What is not written yet goes nowhere. Without this, Python complains once more at its own end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), real_output.fileno())
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
        # That is how argparse ends after --help, --version and a mistake.
        status = end.code
    sys.stdout.flush()
    return status


def _complain(what):
    # type: (Any) -> None
    print('%s: %s' % (os.path.basename(sys.argv[0]), what), file=sys.stderr)


class OutputLost(Exception):
    """Standard output does not take what is written: nobody reads it any more, or the disk is full.

    No IOError, because some versions of argparse pass over these.
    """

    def __init__(self, error):
        # type: (IOError) -> None
        super(OutputLost, self).__init__(error)
        self.errno = error.errno
        self.strerror = error.strerror


class _Output(object):
    """Standard output, whose errors can be told from those of any other file or socket."""

    def __init__(self, stream):
        # type: (Any) -> None
        self._stream = stream

    def __getattr__(self, name):
        # type: (str) -> Any
        return getattr(self._stream, name)

    def write(self, text):
        # type: (str) -> Any
        """As of the stream, or ``OutputLost``."""
        return self._try(self._stream.write, text)

    def flush(self):
        # type: () -> None
        """As of the stream, or ``OutputLost``."""
        self._try(self._stream.flush)

    @staticmethod
    def _try(act, *arguments):
        # type: (Callable[..., Any], *Any) -> Any
        try:
            return act(*arguments)
        except IOError as error:
            raise OutputLost(error)


def _open_what_is_closed():
    # type: () -> None
    """A process that is started without a standard stream (``>&-``) gets one that goes nowhere. Else 3.x has None to
    print to, and on 2.7 the first socket takes the free number, and what is printed goes into that.
    """
    for descriptor, probe in ((0, os.fstat), (1, _write_nothing), (2, _write_nothing)):
        try:
            probe(descriptor)
        except OSError as error:
            # A full disk, say, is no closed stream: whoever writes to it shall notice.
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
    """Raises OSError where nothing can be written, also where 2.7 has opened a file of its own under a free number."""
    os.write(descriptor, b'')


def begin_log(name, options):
    # type: (str, Any) -> LiveLine
    """Set up the log; returns the live line that it makes room for."""
    line = LiveLine()
    logs.set_up(name, options.log_level, line)
    return line


def begin_events(sentences, options):
    # type: (Dict[str, Any], Any) -> logs.EventLog
    """Where the events of a core go: the log, and the file of ``--events``."""
    try:
        file = None if options.events is None else EventFile(options.events)
    except OSError as error:
        raise CannotStart('cannot write events to %s: %s' % (options.events, error.strerror))
    return logs.EventLog(sentences, monotonic, file)


def print_result(as_json, account, lines):
    # type: (bool, Dict[str, Any], Any) -> None
    """The last words on standard output."""
    if as_json:
        print(json.dumps(account, sort_keys=True))
    else:
        for line in lines:
            print(line)
    sys.stdout.flush()
