"""An event file is read while it is written: what is whole now, the rest later, nothing twice."""

from __future__ import absolute_import, division, print_function

from demo.event_reader import EventReader
from runtime.event_file import EventFile


def test_a_file_that_is_not_there_yet_is_empty(tmpdir):
    path = str(tmpdir.join('events'))
    reader = EventReader(path, 'client-1', 'client')
    assert reader.take() == []
    EventFile(path).write(1.0, 'sent', {'task_id': 'client-1:aaaaaaaa:1'})
    entry, = reader.take()
    assert (entry.time, entry.name, entry.role, entry.kind) == (1.0, 'client-1', 'client', 'sent')
    assert entry.facts == {'task_id': 'client-1:aaaaaaaa:1'}


def test_what_was_read_to_its_end_is_read_on_when_there_is_more(tmpdir):
    path = str(tmpdir.join('events'))
    file, reader = EventFile(path), EventReader(path, 'client-1', 'client')
    for number in range(5):
        file.write(number, 'sent', {})
        assert [entry.time for entry in reader.take()] == [number]
        assert reader.take() == []


def test_half_a_line_waits_for_the_other_half(tmpdir):
    path = tmpdir.join('events')
    reader = EventReader(str(path), 'client-1', 'client')
    path.write('{"time": 1.0, "kind": "se')
    assert reader.take() == []
    with open(str(path), 'a') as file:
        file.write('nt", "facts": {}}\n{"time": 2')
    assert [(entry.time, entry.kind) for entry in reader.take()] == [(1.0, 'sent')]
    assert reader.take() == []


def test_it_knows_when_the_process_has_begun_and_where_it_listens(tmpdir):
    path = str(tmpdir.join('events'))
    file, reader = EventFile(path), EventReader(path, 'dispatcher', 'dispatcher')
    assert (reader.has_begun, reader.address) == (False, None)
    file.write(1.0, 'began', {'address': ('127.0.0.1', 5555)})
    reader.take()
    assert (reader.has_begun, reader.address) == (True, ['127.0.0.1', 5555])
