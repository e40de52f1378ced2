"""The lines of the terminal view."""

from __future__ import absolute_import, division, print_function

import pytest

from monitor.picture import Picture
from monitor.screen import View, as_text, screen

HOSTILE = u'\x1b[2J\u202e' * 40


def picture_of(calculators, clients=3, events=20, name=u'calculator-%04d', notes=(), dead=1, **facts):
    notes = dict(notes)
    rows = [
        ['facts', 'dispatcher', dict({'name': 'dispatcher', 'up_s': 12.5, 'draining': False}, **facts)],
        ['facts', 'queue', {'waiting': 12, 'running': 6, 'oldest_s': 1.5, 'over': 40}],
        ['facts', 'counts', {'accepted': 58, 'done': 40, 'refused_queue_full': 2}],
        ['facts', 'calculator_states', {'alive': calculators - dead, 'suspect': 0, 'dead': dead, 'left': 0}],
        ['facts', 'tables', {'calculators': calculators, 'clients': clients, 'events': events, 'attempts': 0}]]  # type: list
    for number in range(1, events + 1):
        rows.append(['event', number, 30.0 - number, 'ended', {
            'task_id': u'a:aaaaaaaa:1', 'outcome': 'failed', 'attempts': 1, 'reason': HOSTILE}])
    for number in range(calculators):
        state = 'dead' if dead and number == 3 else 'alive'
        rows.append(['calculator', name % number, '127.0.0.1:1', state, 1.0, False, 4,
                     number % 5, 7, 0, 1, 0.1, 1.0, 1, 0.5, 0.9, [], notes.get(number, u'')])
    for number in range(clients):
        rows.append(['client', u'client-%d' % number, 20, 1, 4, 2, 14, 0, 0, 0, 0.1])
    found = Picture()
    found.take(100.0, 'aaaaaaaa', rows)
    return found


def text_of(picture, columns=80, rows=24):
    return '\n'.join(as_text(line) for line in screen(View(picture, 101.0, 'h:1', 0.1, False), columns, rows))


@pytest.mark.parametrize('columns, rows', [(80, 24), (200, 50), (140, 24), (139, 60), (40, 10), (10, 3), (1, 1)])
@pytest.mark.parametrize('calculators', [4, 30, 1000])
@pytest.mark.parametrize('is_silent', [False, True])
def test_the_screen_fits_every_window(columns, rows, calculators, is_silent):
    picture = picture_of(calculators, clients=50, name=u'n' * 70 + u'-%04d')
    view = View(picture, 101.0, 'host:5555', 7.0, is_silent, '12:00')
    lines = [as_text(line) for line in screen(view, columns, rows)]
    assert len(lines) <= rows
    assert max(len(line) for line in lines) <= columns
    assert all(' ' <= character <= '~' for line in lines for character in line)


def test_the_screen_has_all_important_numbers():
    text = text_of(picture_of(4))
    for expected in ('dispatcher at h:1', 'calculators: 1 dead', 'waiting 12 (oldest 1.5 s)', 'running 6', 'done 40',
                     'refused 2', 'alive 3   suspect 0   dead 1', 'x calculator-0003', '[##..]', 'latest events',
                     'a:1 failed after 1 attempt'):
        assert expected in text, text
    assert ' gets ' not in text, 'no calculator is on probation'


def test_the_screen_has_the_reason_of_a_probation_and_functions_that_differ():
    picture = picture_of(4, notes={2: u'one attempt at a time: 5 failures within 3 s, the last: a dead child'}, dead=0,
                         functions_differ=u'score, ' + HOSTILE)
    for size in ((80, 24), (200, 50)):
        text = text_of(picture, *size)
        assert 'calculators offer different functions: score' in text, text
        assert 'calculator-0002 gets one attempt at a time: 5 failures within' in text, text


def test_a_small_screen_has_calculators_in_trouble_first_and_counts_the_rest():
    lines = text_of(picture_of(1000)).splitlines()
    first = next(line for line in lines if 'calculator-' in line)
    assert first.startswith('x calculator-0003')
    assert any('more: alive 9' in line for line in lines)


def test_a_wide_screen_has_clients_beside_calculators():
    lines = text_of(picture_of(4), 200, 50).splitlines()
    assert any('calculators' in line and 'clients' in line for line in lines)
    assert any('client-2' in line for line in lines)


@pytest.mark.parametrize('silence_s, is_silent, expected', [
    (0.5, False, 'asking'), (9.0, True, 'HAS NOT ANSWERED for 9.0 s')])
def test_the_first_line_says_that_there_is_no_answer(silence_s, is_silent, expected):
    lines = screen(View(Picture(), 101.0, 'h:1', silence_s, is_silent), 80, 24)
    assert expected in as_text(lines[0])


def test_the_number_of_unreported_events_is_shown():
    picture = picture_of(4)
    picture.take(101.0, 'aaaaaaaa', [['facts', 'tables', {'events': 99}]])
    assert '(79 more were not reported)' in text_of(picture)
