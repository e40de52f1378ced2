"""An event file is read while it is written: what is whole now, the rest later, nothing twice."""

from __future__ import absolute_import, division, print_function

import pytest

from runtime.event_file import EventFile
from runtime.event_files import EventReader, events_of, read


def test_a_file_that_is_not_there_yet_is_empty(tmpdir):
    path = str(tmpdir.join('events'))
    reader = EventReader(path, 'client-1', 'client')
    assert reader.take() == events_of(path) == []
    with pytest.raises(IOError):
        read(path)
    EventFile(path).write(1.0, 'sent', {'task_id': 'client-1:aaaaaaaa:1'})
    event, = reader.take()
    assert (event.time, event.name, event.role, event.kind) == (1.0, 'client-1', 'client', 'sent')
    assert event.facts == {'task_id': 'client-1:aaaaaaaa:1'}


def test_what_was_read_to_its_end_is_read_on_when_there_is_more(tmpdir):
    path = str(tmpdir.join('events'))
    file, reader = EventFile(path), EventReader(path)
    for number in range(5):
        file.write(number, 'sent', {})
        assert [event.time for event in reader.take()] == [number]
        assert reader.take() == []


def test_half_a_line_waits_for_the_other_half(tmpdir):
    path = tmpdir.join('events')
    reader = EventReader(str(path))
    path.write('{"time": 1.0, "kind": "se')
    assert reader.take() == events_of(str(path)) == read(str(path))[1] == []
    with open(str(path), 'a') as file:
        file.write('nt", "facts": {}}\n{"time": 2')
    assert [(event.time, event.kind) for event in reader.take()] == [(1.0, 'sent')]
    assert reader.take() == []
    assert [event.time for event in read(str(path))[1]] == [1.0]


def test_a_line_that_a_full_disk_has_cut_off_is_left_out_and_counted(tmpdir):
    path = tmpdir.join('events')
    path.write('{"time": 1.0, "kind": "se')
    EventFile(str(path)).write(2.0, 'left', {})
    reader = EventReader(str(path))
    assert [(event.time, event.kind) for event in reader.take()] == [(2.0, 'left')]
    assert reader.damaged == 1


@pytest.mark.parametrize('text', [b'something else\n', b'[1, 2]\n', b'3\n', b'{"time": 1}\n', b'\xff\xfe\n'])
def test_another_file_is_no_file_of_events(tmpdir, text):
    path = tmpdir.join('other')
    path.write_binary(text)
    with pytest.raises(ValueError):
        read(str(path))


def test_the_header_is_the_first_start(tmpdir):
    path = str(tmpdir.join('events'))
    file, reader = EventFile(path), EventReader(path)
    file.write(1.0, 'began', {'address': ('127.0.0.1', 5555)})
    file.write(2.0, 'began', {'address': ('127.0.0.1', 6666)})
    assert len(reader.take()) == 2
    assert reader.header == {'address': ['127.0.0.1', 5555]}
    header, events = read(path)
    assert (header, [event.kind for event in events]) == (reader.header, ['began', 'began'])
