"""System calls of a real process, traced by strace, and signals or errors at a chosen call.

``strace -e inject=CALL:signal=SIGKILL:when=N`` kills a process at its N-th such call, before the call is carried out. A
loop over N reaches each moment of a process without sleeps or luck. The trace has all bytes of all datagrams until
then.
"""

from __future__ import absolute_import, division, print_function

import io
import json
import os
import re
import subprocess

#: The calls of a running process: datagrams, lines of event files and logs, and the wait, whose name depends on the
#: system.
CALLS = ('sendto', 'recvfrom', 'write', 'select', 'pselect6')
#: The calls of SQLite on a journal file and its log.
JOURNAL_CALLS = ('pwrite64', 'pread64', 'fdatasync', 'fsync', 'ftruncate', 'unlink')

#: The call, the path of its descriptor if strace shows paths, the bytes, the result.
_LINE = re.compile(r'^(?:\d+ +)?(\w+)\((?:\d+<((?:\\x[0-9a-f]{2})+)>)?(?:[^"]*"((?:\\x[0-9a-f]{2})*)")?'
                   r'.* = (-?\d+|\?)(?: \w+ \(.*\))?$')


class Call(object):
    """A system call: its name, the bytes written or read, whether it was carried out, and the path of its file if the
    trace has paths.
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
        """The datagram that was sent or received, or an empty dict."""
        return _object(self.data) if self.name in ('sendto', 'recvfrom') else {}

    @property
    def event(self):
        """The kind of the event that was written, or None."""
        return _object(self.data).get('kind') if self.name == 'write' else None


def _object(data):
    try:
        found = json.loads(data.decode('utf-8'))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def can_trace():
    """Whether strace is installed and may inject signals."""
    try:
        with open(os.devnull, 'r+b') as nowhere:
            return subprocess.call(['strace', '-o', os.devnull, '-e', 'inject=write:signal=SIGKILL:when=999', 'true'],
                                   stdin=nowhere, stdout=nowhere, stderr=nowhere) == 0
    except OSError:
        return False


def signalled_at(name, call, when, path, times=1, has_journal=False, only=None):
    """The beginning of a command whose process gets the signal ``name`` at its ``when``-th ``call``, and at the next
    ``times - 1`` calls. ``path``: the trace file. ``only``: trace and count only calls on this file.
    """
    return (_traced(path, CALLS + JOURNAL_CALLS if has_journal else CALLS) + (['-y'] if has_journal else [])
            + (['-P', only] if only is not None else [])
            + ['-e', 'inject=%s:signal=%s:when=%d..%d' % (call, name, when, when + times - 1)])


def failing(errors, path):
    """The beginning of a command whose third, twelfth, 21st ... call fails. ``errors``: call -> name of the error."""
    command = _traced(path, CALLS)
    for call in sorted(errors):
        command += ['-e', 'inject=%s:error=%s:when=3+9' % (call, errors[call])]
    return command


def failing_at(call, error, when):
    """The beginning of a command whose ``call`` fails; ``when`` is in the syntax of strace. There is no trace."""
    return _traced(os.devnull, [call]) + ['-e', 'inject=%s:error=%s:when=%s' % (call, error, when)]


def _traced(path, calls):
    return ['strace', '-f', '-qq', '-xx', '-s', '65536', '-o', path, '-e', 'trace=' + ','.join(calls)]


def read(path):
    """The calls of a trace, in order. If the process was killed, ``is_done`` of the last one is false."""
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
