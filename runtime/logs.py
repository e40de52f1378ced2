"""The log: lines for people on standard error, at a bounded rate.

Cores report events as data; ``common/sentences.py`` has the sentences. Lines that others can
cause (a flood of garbage, a thousand tasks that move at once) are written a few times a second at most, and then
counted. A file of events (``--events``) is for programs: there nothing is left out.
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

#: Lines of one kind in one second; what is more is only counted.
LINES_PER_SECOND = 10

#: How often a process looks whether some were left out.
LEFT_OUT_INTERVAL_S = 1.0

# What moves a terminal's cursor or begins a line. Reasons and names come from other processes: what they say must stay
# in its line, and be only read.
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
    """Send the log to standard error: time, level, the name of the process, the sentence."""
    handler = _LineHandler(line)
    handler.setFormatter(logging.Formatter('%%(asctime)s.%%(msecs)03d %%(levelname)-7s %s: %%(message)s'
                                           % name.replace('%', '%%'), '%H:%M:%S'))
    del log.handlers[:]
    log.addHandler(handler)
    log.setLevel(level.upper())
    log.propagate = False


class EventLog(object):
    """Turns events of a core, and refused datagrams, into lines. A service of the loop, for slow readers.

    ``sentences`` maps the kind of an event to (level, sentence with %(fact)s). What is written to ``file``, if there
    is one, does not depend on the level of the log. ``line`` is the live line below the log.
    """

    def __init__(self, sentences, monotonic, file=None, line=None):
        # type: (Dict[str, Tuple[str, str]], Callable[[], float], EventFile | None, LiveLine | None) -> None
        self.line = LiveLine() if line is None else line
        self._sentences = sentences
        self._monotonic = monotonic
        self._file = file
        self._has_named_port = self._has_begun = False
        # Kind -> the lines of the second in which the last one came.
        self._lines = {}  # type: Dict[str, _Second]

    def begin(self, loop, settings, **more):
        # type: (Loop, Dict[str, Any], **Any) -> None
        """A process begins: have its core report each step if anybody reads that, and write to the file who it is, its
        settings, and ``more`` of what its command line says.
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
        """A process ends: write the last events of its core, and how many lines were left out."""
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
        """For ``select``."""
        return []

    def writers(self):
        # type: () -> List[Any]
        """For ``select``."""
        return self.line.writers() + ([] if self._file is None else self._file.writers())

    @staticmethod
    def next_timer():
        # type: () -> float | None
        """Nothing is due at a certain time."""

    def handle(self, readable, writable, now):
        # type: (List[Any], List[Any], float) -> None
        """Write as much as goes of what waits."""
        if writable:
            self.line.flush()
            if self._file is not None:
                self._try_file(self._file.flush)

    # What is logged.

    def log_left_out(self, now):
        # type: (float) -> None
        """Write how many lines were left out, of each kind whose second is over."""
        for kind in sorted(self._lines):
            if self._lines[kind].number != int(now):
                self._log_left_out(kind)

    def event(self, event):
        # type: (Event) -> None
        """Write one event."""
        self._to_file(event.kind, event.facts)
        level, sentence = self._sentences[event.kind]
        number = logging.getLevelName(level.upper())
        if log.isEnabledFor(number):
            self._write(event.kind, number, sentence % _Shown(in_words(event.kind, event.facts)))

    def refusal(self, cause, detail, address):
        # type: (str, str, Any) -> None
        """Write that a datagram was dropped."""
        self._write('refused ' + cause, logging.WARNING, 'dropped a datagram from %s: %s: %s' % (
            shown(address), cause, detail))

    def peer_moved(self, peer):
        # type: (Peer) -> None
        """Log that another address of a peer is in use."""
        log.info('trying %s at %s', peer.host, shown(peer.address))

    def peer_silence(self, peer, is_silent, is_port_fixed):
        # type: (Peer, bool, bool) -> None
        """Log that a peer does not answer, or that it does again."""
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
        """Log that no datagram can leave for a peer, and what to do where that is known."""
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
            # A full disk is no reason to stop working. What is in the file stays right, it only ends here.
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
    """The lines of one kind in one second."""

    __slots__ = ('number', 'level', 'written', 'left_out')

    def __init__(self, number, level):
        # type: (int, int) -> None
        self.number = number
        self.level = level
        self.written = 0
        self.left_out = 0


class _Shown(Facts):
    """The facts of an event as they stand in a sentence."""

    def shown(self, name, value):
        # type: (str, Any) -> Any
        """Addresses and words of the program as people write them."""
        if isinstance(value, tuple):
            return shown(value)
        return value.replace('_', ' ') if name in ('reason', 'outcome') and value else value
