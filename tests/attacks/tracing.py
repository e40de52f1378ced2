"""System calls of a real process, watched by strace, and its death at the one that we choose.

``strace -e inject=CALL:signal=SIGKILL:when=N`` kills a process at its N-th such call, before that is carried out. So a
loop over N visits each moment of a process in turn, without a sleep and without luck. The trace that is left shows what
the process had done by then, to the last byte of the last datagram.
"""

from __future__ import absolute_import, division, print_function

import io
import json
import os
import re
import subprocess

#: Everything through which our processes touch the world while they run: datagrams, lines of events and of the log,
#: and the wait. (Some systems have select under one of these names, some under the other.)
CALLS = ('sendto', 'recvfrom', 'write', 'select', 'pselect6')
#: And what SQLite does to a journal, its log and the file itself.
JOURNAL_CALLS = ('pwrite64', 'pread64', 'fdatasync', 'fsync', 'ftruncate', 'unlink')

#: The call, the path behind its descriptor where that is asked for, the bytes, the result.
_LINE = re.compile(r'^(?:\d+ +)?(\w+)\((?:\d+<((?:\\x[0-9a-f]{2})+)>)?(?:[^"]*"((?:\\x[0-9a-f]{2})*)")?'
                   r'.* = (-?\d+|\?)(?: \w+ \(.*\))?$')


class Call(object):
    """A system call: its name, the bytes it was given or gave, whether it was carried out, and the path of the file
    that it concerns, where paths were asked for.
    """

    __slots__ = ('name', 'data', 'is_done', 'path')

    def __init__(self, name, data, is_done, path=''):
        self.name = name
        self.data = data
        self.is_done = is_done
        self.path = path

    def __repr__(self):
        return 'Call(%r, %r, %r)' % (self.name, self.data[:60], self.is_done)

    @property
    def datagram(self):
        """The datagram that was sent or received, empty where it was none."""
        return _object(self.data) if self.name in ('sendto', 'recvfrom') else {}

    @property
    def event(self):
        """The kind of the event that was written, None where it was none."""
        return _object(self.data).get('kind') if self.name == 'write' else None


def _object(data):
    try:
        found = json.loads(data.decode('utf-8'))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def can_trace():
    """Whether there is a strace here that may trace, and interfere."""
    try:
        with open(os.devnull, 'r+b') as nowhere:
            return subprocess.call(['strace', '-o', os.devnull, '-e', 'inject=write:signal=SIGKILL:when=999', 'true'],
                                   stdin=nowhere, stdout=nowhere, stderr=nowhere) == 0
    except OSError:
        return False


def signalled_at(name, call, when, path, times=1, has_journal=False, only=None):
    """The beginning of a command whose process gets a signal at its ``when``-th ``call``, and at the next ones if
    ``times`` is more than one; the trace goes to ``path``. With ``only`` it has those calls alone that concern this
    file, and no others count.
    """
    return (_traced(path, CALLS + JOURNAL_CALLS if has_journal else CALLS) + (['-y'] if has_journal else [])
            + (['-P', only] if only is not None else [])
            + ['-e', 'inject=%s:signal=%s:when=%d..%d' % (call, name, when, when + times - 1)])


def failing(errors, path):
    """The beginning of a command some of whose calls fail. ``errors``: call -> the name of the error, at every ninth
    call from the third on.
    """
    command = _traced(path, CALLS)
    for call in sorted(errors):
        command += ['-e', 'inject=%s:error=%s:when=3+9' % (call, errors[call])]
    return command


def failing_at(call, error, when):
    """The beginning of a command one of whose calls fails at the times that strace calls ``when``; no trace."""
    return _traced(os.devnull, [call]) + ['-e', 'inject=%s:error=%s:when=%s' % (call, error, when)]


def _traced(path, calls):
    return ['strace', '-f', '-qq', '-xx', '-s', '65536', '-o', path, '-e', 'trace=' + ','.join(calls)]


def read(path):
    """The calls of a trace, in order. The last one of a process that was killed is not done."""
    return list(_calls(path))


def _calls(path):
    with io.open(path, encoding='ascii') as file:
        for line in file:
            found = _LINE.match(line.rstrip('\n'))
            if found is not None:
                name, path, text, result = found.groups()
                data = _unescaped(text)
                if name != 'recvfrom' or result != '-1':
                    yield Call(name, data, result != '?',
                               (data if name == 'unlink' else _unescaped(path)).decode('utf-8'))


def _unescaped(text):
    return bytes(bytearray(int(pair, 16) for pair in (text or '').split('\\x')[1:]))
