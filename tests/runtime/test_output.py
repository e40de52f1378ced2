"""Writing without waiting, and the file of events."""

from __future__ import absolute_import, division, print_function

import errno
import fcntl
import json
import os
import resource
import socket
import threading

import pytest

from runtime import event_file, output
from runtime.clock import monotonic
from runtime.event_file import EventFile
from runtime.output import Output


@pytest.fixture(params=['pipe', 'pipe that can not be opened again', 'socket'])
def ends(request, monkeypatch):
    """The reading and the writing end of something that has a reader."""
    if request.param == 'socket':
        one, other = socket.socketpair()
        yield one.fileno(), other.fileno()
        one.close()
        other.close()
        return
    reader, writer = os.pipe()
    if request.param != 'pipe':
        original = os.open

        def refuse(path, *rest):
            if str(path).startswith('/proc/self/fd/'):
                raise OSError(errno.EACCES, 'Permission denied')
            return original(path, *rest)

        monkeypatch.setattr(os, 'open', refuse)
    yield reader, writer
    os.close(reader)
    os.close(writer)


def notice(number):
    return ('%06d dropped, ' % number).encode('ascii')


def is_pending(out):
    return out.is_pending


def is_blocking(descriptor):
    return not fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_NONBLOCK


def test_what_a_reader_does_not_take_waits_and_the_rest_is_dropped(ends):
    reader, writer = ends
    out = Output(writer, notice, pending_max=100000)
    pieces = [('%06d' % number).encode('ascii') * 100 for number in range(5000)]
    began = monotonic()
    for piece in pieces:
        out.put(piece)
    assert monotonic() - began < 10
    assert is_pending(out)
    seen = b''
    while is_pending(out):
        seen += os.read(reader, 65536)
        out.flush()
    out.put(b'the last')
    seen += os.read(reader, 1 << 20)
    kept = (len(seen) - len('005000 dropped, the last')) // 600
    assert 0 < kept < 5000
    assert seen == b''.join(pieces[:kept]) + notice(5000 - kept) + b'the last'
    # Other processes that have the same open file see no difference.
    assert is_blocking(writer)


def test_a_slow_reader_is_waited_for_a_moment_at_the_end(ends):
    reader, writer = ends
    out = Output(writer, notice)
    pieces = 0
    while not is_pending(out):
        out.put(b'x' * 10000)
        pieces += 1
    began = monotonic()
    out.finish(0.2)
    assert 0.2 <= monotonic() - began < 5
    assert is_pending(out)

    def read():
        left = 10000 * pieces
        while left:
            left -= len(os.read(reader, 65536))

    thread = threading.Thread(target=read)
    thread.daemon = True
    thread.start()
    out.finish(10)
    assert not is_pending(out)
    thread.join(10)
    assert not thread.is_alive()


def test_a_reader_that_is_gone_is_an_error_and_what_waited_is_lost():
    reader, writer = os.pipe()
    out = Output(writer, notice)
    while not is_pending(out):
        out.put(b'x' * 10000)
    os.close(reader)
    with pytest.raises(OSError) as caught:
        out.flush()
    assert caught.value.errno == errno.EPIPE
    assert not is_pending(out)
    os.close(writer)


# The file of events.

def lines_of(path):
    with open(str(path)) as file:
        return [json.loads(line) for line in file]


def test_a_line_that_a_full_disk_has_cut_off_is_ended_at_the_next_start(tmpdir):
    path = tmpdir.join('events')
    EventFile(str(path)).write(1.0, 'left', {})
    path.write(path.read() + '{"time": 2.0, "ki')
    EventFile(str(path)).write(3.0, 'left', {})
    whole, torn, new = path.read().splitlines()
    assert torn == '{"time": 2.0, "ki'
    assert [json.loads(line)['time'] for line in (whole, new)] == [1.0, 3.0]
    # Nothing is added where nothing is torn.
    EventFile(str(path))
    assert path.read().count('\n') == 3


def test_a_disk_that_is_full_is_an_error_in_the_end(tmpdir):
    file = EventFile(str(tmpdir.join('events')))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError):
            for _ in range(100):
                file.write(1.0, 'left', {'calculator': 'x' * 30})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_pipe_whose_reader_stalls_drops_events_and_says_how_many(tmpdir, monkeypatch):
    monkeypatch.setattr(event_file, 'PENDING_BYTES_MAX', 20000)
    path = str(tmpdir.join('pipe'))
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    file = EventFile(path)
    for number in range(5000):
        file.write(float(number), 'left', {'number': number})
    assert file.writers() != []
    seen = b''
    while file.writers():
        seen += os.read(reader, 65536)
        file.flush()
    file.write(5000.0, 'left', {'number': 5000})
    seen += os.read(reader, 1 << 20)
    os.close(reader)
    found = [json.loads(line) for line in seen.decode('ascii').splitlines()]
    assert [line['kind'] for line in found[-2:]] == ['events_dropped', 'left']
    assert len(found) - 2 + found[-2]['facts']['number'] == 5000


def test_no_child_inherits_what_is_written_to(tmpdir):
    file = EventFile(str(tmpdir.join('events')))
    reader, writer = os.pipe()
    out = Output(writer, notice)
    for descriptor in (file._output.fileno(), out.fileno()):
        assert fcntl.fcntl(descriptor, fcntl.F_GETFD) & fcntl.FD_CLOEXEC or descriptor == writer
    assert output.PENDING_BYTES_MAX > 0
    os.close(reader)
    os.close(writer)
