"""The log: lines for people on standard error, at a bounded rate.

Cores report events as data; ``common/sentences.py`` has the sentences. The log writes ``LINES_PER_SECOND`` lines of one
kind per second and counts further ones. A file of events (``--events``) is for programs and has all events.
"""

from __future__ import absolute_import, division, print_function

import logging
import os
import re
from time import time

from common import lengths
from common.sentences import in_words
from common.words import Facts, counted
from net_protocol import __version__
from runtime.console import FINISH_WITHIN_S, LiveLine
from runtime.endpoint import is_loopback, shown

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Tuple  # noqa: F401

    from net_protocol.core import Core, Event  # noqa: F401
    from runtime.event_file import EventFile  # noqa: F401
    from runtime.loop import Loop  # noqa: F401
    from runtime.names import Peer  # noqa: F401

LEVELS = ('debug', 'info', 'warning', 'error')

#: Lines of one kind in one second. Further ones are only counted.
LINES_PER_SECOND = 10

#: Time between two reports of omitted lines.
LEFT_OUT_INTERVAL_S = 1.0

# Characters that move the cursor or begin a line. Reasons and names come from other processes and must not contain any.
_CONTROLS = re.compile(u'[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]')

log = logging.getLogger('system')


class _LineHandler(logging.Handler):
    """Writes log lines above the live line."""

    def __init__(self, line):
        # type: (LiveLine) -> None
        logging.Handler.__init__(self)
        self._line = line

    def emit(self, record):
        # type: (logging.LogRecord) -> None
        self._line.write_above(self.format(record))


def set_up(name, level, line):
    # type: (str, str, LiveLine) -> None
    """Send the log to standard error: time, level, process name, sentence."""
    handler = _LineHandler(line)
    handler.setFormatter(logging.Formatter('%%(asctime)s.%%(msecs)03d %%(levelname)-7s %s: %%(message)s'
                                           % name.replace('%', '%%'), '%H:%M:%S'))
    del log.handlers[:]
    log.addHandler(handler)
    log.setLevel(level.upper())
    log.propagate = False


class EventLog(object):
    """Writes events of a core, and refused datagrams, as lines. A service of the loop (``Loop.attach``).

    ``sentences`` maps the kind of an event to (level, sentence with %(fact)s). ``file`` gets all events at every log
    level. ``line`` is the live line below the log.
    """

    def __init__(self, sentences, monotonic, file=None, line=None):
        # type: (Dict[str, Tuple[str, str]], Callable[[], float], EventFile | None, LiveLine | None) -> None
        self.line = LiveLine() if line is None else line
        self._sentences = sentences
        self._monotonic = monotonic
        self._file = file
        self._has_named_port = self._has_begun = False
        # Kind -> the lines in the second of the last line.
        self._lines = {}  # type: Dict[str, _Second]

    def begin(self, loop, settings, **more):
        # type: (Loop, Dict[str, Any], **Any) -> None
        """A process begins: write its name, settings and ``more`` options of its command line to the file. The core
        reports each step (``trace``) if the file or the log needs that.
        """
        core = loop.core
        core.trace = self._file is not None or log.isEnabledFor(logging.DEBUG)
        loop.attach(self)
        loop.every(LEFT_OUT_INTERVAL_S, self.log_left_out)
        self._has_begun = True
        self._to_file('began', dict(
            more, name=core.name, incarnation=core.incarnation, address=loop.endpoint.address, process_id=os.getpid(),
            version=__version__, unix_time=time(), role=core.ROLE, settings=lengths.plain(settings)))

    def end(self, core):
        # type: (Core) -> None
        """A process ends: write the last events of its core, and the number of omitted lines."""
        for event in core.take_events():
            self.event(event)
        for kind in sorted(self._lines):
            self._log_left_out(kind)
        self.line.end()
        if self._has_begun:
            self._to_file('stopped', {})
        if self._file is not None:
            self._try_file(self._file.finish, FINISH_WITHIN_S)

    # As a service of the loop.

    @staticmethod
    def readers():
        # type: () -> List[Any]
        return []

    def writers(self):
        # type: () -> List[Any]
        return self.line.writers() + ([] if self._file is None else self._file.writers())

    @staticmethod
    def next_timer():
        # type: () -> float | None
        return None

    def handle(self, readable, writable, now):
        # type: (List[Any], List[Any], float) -> None
        if writable:
            self.line.flush()
            if self._file is not None:
                self._try_file(self._file.flush)

    # Log lines.

    def log_left_out(self, now):
        # type: (float) -> None
        """Write the number of omitted lines of each kind whose second is over."""
        for kind in sorted(self._lines):
            if self._lines[kind].number != int(now):
                self._log_left_out(kind)

    def event(self, event):
        # type: (Event) -> None
        self._to_file(event.kind, event.facts)
        level, sentence = self._sentences[event.kind]
        number = logging.getLevelName(level.upper())
        if log.isEnabledFor(number):
            self._write(event.kind, number, sentence % _Shown(in_words(event.kind, event.facts)))

    def refusal(self, cause, detail, address):
        # type: (str, str, Any) -> None
        self._write('refused ' + cause, logging.WARNING, 'dropped a datagram from %s: %s: %s' % (
            shown(address), cause, detail))

    def peer_moved(self, peer):
        # type: (Peer) -> None
        log.info('trying %s at %s', peer.host, shown(peer.address))

    def peer_silence(self, peer, is_silent, is_port_fixed):
        # type: (Peer, bool, bool) -> None
        if not is_silent:
            log.info('%r answers', peer)
            return
        log.warning('%r does not answer; trying again%s', peer, '' if is_port_fixed else ' from another port')
        if is_port_fixed and not self._has_named_port:
            self._has_named_port = True
            log.info('with settings {"listen": {"port": 0}} another port would be tried: this helps where %r is a '
                     'virtual address whose target has changed', peer)

    def cut_off(self, local, remote, reason):
        # type: (Any, Any, str) -> None
        """Log that no datagram can be sent to a peer, and the remedy if it is known."""
        remedy = ''
        if is_loopback(local) and not is_loopback(remote):
            host = '::' if ':' in local[0] else '0.0.0.0'
            remedy = '; other machines need settings {"listen": {"host": "%s"}}' % host
        log.warning('cannot send from %s to %s: %s%s', shown(local), shown(remote), reason, remedy)

    def _to_file(self, kind, facts):
        # type: (str, Dict[str, Any]) -> None
        if self._file is not None:
            self._try_file(self._file.write, self._monotonic(), kind, facts)

    def _try_file(self, act, *arguments):
        # type: (Callable[..., None], *Any) -> None
        try:
            act(*arguments)
        except OSError as error:
            # A full disk is no reason to stop. The file ends here, and its content remains valid.
            self._file = None
            log.warning('the file of events ends here: %s', error.strerror)

    def _write(self, kind, level, sentence):
        # type: (str, int, str) -> None
        number = int(self._monotonic())
        if kind not in self._lines or self._lines[kind].number != number:
            self._log_left_out(kind)
            self._lines[kind] = _Second(number, level)
        second = self._lines[kind]
        if second.written < LINES_PER_SECOND:
            second.written += 1
            log.log(level, '%s', _CONTROLS.sub(u'?', sentence))
        else:
            second.left_out += 1

    def _log_left_out(self, kind):
        # type: (str) -> None
        second = self._lines.get(kind)
        if second is not None and second.left_out:
            log.log(second.level, '(%s like the last "%s")', counted(second.left_out, 'more lines'), kind)
            second.left_out = 0


class _Second(object):
    __slots__ = ('number', 'level', 'written', 'left_out')

    def __init__(self, number, level):
        # type: (int, int) -> None
        self.number = number
        self.level = level
        self.written = 0
        self.left_out = 0


class _Shown(Facts):
    """The facts of an event, with addresses and names of the program as people write them."""

    def shown(self, name, value):
        # type: (str, Any) -> Any
        if isinstance(value, tuple):
            return shown(value)
        return value.replace('_', ' ') if name in ('reason', 'outcome') and value else value
