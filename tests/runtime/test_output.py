"""Output without waiting, and the file of events."""

from __future__ import absolute_import, division, print_function

import errno
import fcntl
import json
import os
import resource
import socket
import threading

import pytest

from runtime import event_file
from runtime.clock import monotonic
from runtime.event_file import EventFile
from runtime.output import Output


@pytest.fixture(params=['pipe', 'pipe that cannot be opened again', 'socket'])
def ends(request, monkeypatch, closing):
    """The descriptors of the reading and the writing end."""
    if request.param == 'socket':
        yield tuple(closing(end).fileno() for end in socket.socketpair())
        return
    if request.param != 'pipe':
        original = os.open

        def refuse(path, *rest):
            if str(path).startswith('/proc/self/fd/'):
                raise OSError(errno.EACCES, 'Permission denied')
            return original(path, *rest)

        monkeypatch.setattr(os, 'open', refuse)
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def notice(number):
    return ('%06d dropped, ' % number).encode('ascii')


def is_pending(out):
    # A function, because mypy assumes that an attribute does not change.
    return out.is_pending


def fill(out):
    """Write until the pipe or socket is full; return the number of bytes."""
    written = 0
    while not is_pending(out):
        out.put(b'x' * 10000)
        written += 10000
    return written


def test_pieces_for_a_slow_reader_are_kept_up_to_a_limit_and_then_dropped(ends):
    reader, writer = ends
    out = Output(writer, notice, pending_max=100000)
    pieces = [('%06d' % number).encode('ascii') * 100 for number in range(5000)]
    for piece in pieces:
        out.put(piece)
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
    # Other processes may share the open file, so it must stay blocking.
    assert not fcntl.fcntl(writer, fcntl.F_GETFL) & os.O_NONBLOCK


def test_finish_waits_for_a_slow_reader_for_a_limited_time(ends):
    reader, writer = ends
    out = Output(writer, notice)
    written = fill(out)
    began = monotonic()
    out.finish(0.1)
    assert 0.1 <= monotonic() - began < 5
    assert is_pending(out)

    def read():
        left = written
        while left:
            left -= len(os.read(reader, 65536))

    thread = threading.Thread(target=read)
    thread.daemon = True
    thread.start()
    out.finish(10)
    assert not is_pending(out)
    thread.join(10)
    assert not thread.is_alive()


def test_without_a_reader_flush_raises_and_the_pending_pieces_are_lost():
    reader, writer = os.pipe()
    out = Output(writer, notice)
    fill(out)
    os.close(reader)
    with pytest.raises(OSError) as caught:
        out.flush()
    assert caught.value.errno == errno.EPIPE
    assert not is_pending(out)
    os.close(writer)


# The file of events.

def test_a_line_that_a_full_disk_cut_is_ended_at_the_next_start(tmpdir):
    path = tmpdir.join('events')
    EventFile(str(path)).write(1.0, 'left', {})
    path.write(path.read() + '{"time": 2.0, "ki')
    EventFile(str(path)).write(3.0, 'left', {})
    first, torn, last = path.read().splitlines()
    assert torn == '{"time": 2.0, "ki'
    assert [json.loads(line)['time'] for line in (first, last)] == [1.0, 3.0]
    # A complete last line stays as it is.
    EventFile(str(path))
    assert path.read().count('\n') == 3


def test_a_full_disk_raises_an_error(tmpdir):
    file = EventFile(str(tmpdir.join('events')))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError):
            for _ in range(100):
                file.write(1.0, 'left', {'calculator': 'x' * 30})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_events_for_the_slow_reader_of_a_pipe_are_dropped_and_counted(tmpdir, monkeypatch):
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


def test_no_child_inherits_the_descriptor_of_an_output(tmpdir):
    file = EventFile(str(tmpdir.join('events')))
    reader, writer = os.pipe()
    out = Output(writer, notice)
    for descriptor in (file._output.fileno(), out.fileno()):
        assert fcntl.fcntl(descriptor, fcntl.F_GETFD) & fcntl.FD_CLOEXEC or descriptor == writer
    os.close(reader)
    os.close(writer)
