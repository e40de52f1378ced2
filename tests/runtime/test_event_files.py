"""Reading an event file while it grows: each complete line once."""

from __future__ import absolute_import, division, print_function

import pytest

from runtime.event_file import EventFile
from runtime.event_files import EventReader, events_of, read


@pytest.fixture
def path(tmpdir):
    return tmpdir.join('events')


@pytest.fixture
def reader(path):
    return EventReader(str(path), 'client-1', 'client')


def test_a_missing_file_counts_as_empty(path, reader):
    assert reader.take() == events_of(str(path)) == []
    with pytest.raises(IOError):
        read(str(path))
    EventFile(str(path)).write(1.0, 'sent', {'task_id': 'client-1:aaaaaaaa:1'})
    event, = reader.take()
    assert (event.time, event.name, event.role, event.kind) == (1.0, 'client-1', 'client', 'sent')
    assert event.facts == {'task_id': 'client-1:aaaaaaaa:1'}


def test_take_returns_only_new_events(path, reader):
    file = EventFile(str(path))
    for number in range(3):
        file.write(number, 'sent', {})
        assert [event.time for event in reader.take()] == [number]
        assert reader.take() == []


def test_an_incomplete_line_is_read_when_it_is_complete(path, reader):
    path.write('{"time": 1.0, "kind": "se')
    assert reader.take() == events_of(str(path)) == read(str(path))[1] == []
    path.write('nt", "facts": {}}\n{"time": 2', 'a')
    assert [(event.time, event.kind) for event in reader.take()] == [(1.0, 'sent')]
    assert reader.take() == []
    assert [event.time for event in read(str(path))[1]] == [1.0]


def test_a_line_that_a_full_disk_cut_is_counted_as_damaged(path, reader):
    path.write('{"time": 1.0, "kind": "se')
    EventFile(str(path)).write(2.0, 'left', {})
    assert [(event.time, event.kind) for event in reader.take()] == [(2.0, 'left')]
    assert reader.damaged == 1


@pytest.mark.parametrize('text', [b'text\n', b'[1, 2]\n', b'3\n', b'{"time": 1}\n', b'\xff\xfe\n'])
def test_a_file_of_another_kind_is_refused(path, text):
    path.write_binary(text)
    with pytest.raises(ValueError):
        read(str(path))


def test_the_header_is_the_first_start(path, reader):
    file = EventFile(str(path))
    file.write(1.0, 'began', {'address': ('127.0.0.1', 5555)})
    file.write(2.0, 'began', {'address': ('127.0.0.1', 6666)})
    assert len(reader.take()) == 2
    assert reader.header == {'address': ['127.0.0.1', 5555]}
    header, events = read(str(path))
    assert (header, [event.kind for event in events]) == (reader.header, ['began', 'began'])
