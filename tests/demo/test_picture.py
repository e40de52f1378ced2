"""The picture fits any terminal and shows what the books say; every event that is told is a short sentence."""

from __future__ import absolute_import, division, print_function

import pytest

from calculator.sentences import SENTENCES as CALCULATOR_SENTENCES
from client.sentences import SENTENCES as CLIENT_SENTENCES
from demo.books import Books
from demo.cast import CALCULATOR, CALCULATORS_MAX, CLIENT, CLIENTS_MAX, DISPATCHER
from demo.event_reader import Entry
from demo.picture import Moment, picture, status_line
from demo.sentences import DEMO, SENTENCES, told
from dispatcher.sentences import SENTENCES as DISPATCHER_SENTENCES

ROLES = {CALCULATOR: CALCULATOR_SENTENCES, CLIENT: CLIENT_SENTENCES, DISPATCHER: DISPATCHER_SENTENCES}


def books_of(calculators, clients):
    books = Books()
    for number in range(calculators):
        books.add(CALCULATOR, 'calculator-%s' % chr(ord('a') + number))
    for number in range(clients):
        books.add(CLIENT, 'client-%d' % (number + 1))
    return books


def moment_of(books, events=()):
    return Moment(books, 104.0, 4.0, 20, 'running', list(events))


def entry(role, kind, name='calculator-a', time=100.0, **facts):
    return Entry(time, name, role, kind, facts)


def texts(books, columns=79, rows=23):
    return [text for _, text in picture(moment_of(books), columns, rows)]


def line_of(books, name):
    return next(text for text in texts(books) if name in text)


@pytest.mark.parametrize('calculators', [0, 1, 5, CALCULATORS_MAX + 1])
@pytest.mark.parametrize('clients', [0, 1, 3, CLIENTS_MAX])
@pytest.mark.parametrize('columns, rows', [(79, 23), (199, 49), (39, 9), (5, 2), (1, 1)])
def test_it_fits(calculators, clients, columns, rows):
    events = [(1.0, 'plain', 'something happens' * 9)] * 20
    lines = picture(moment_of(books_of(calculators, clients), events), columns, rows)
    assert 0 < len(lines) <= rows
    assert max(len(text) for _, text in lines) <= columns


def test_all_of_an_ordinary_run_fits_a_small_terminal():
    text = '\n'.join(texts(books_of(5, 3)))
    for name in ('calculator-a', 'calculator-e', 'client-1', 'client-3', 'queue', 'running'):
        assert name in text


def test_a_calculator_as_it_says_and_as_it_is_believed_to_be():
    books = books_of(1, 1)
    for event in (entry(CALCULATOR, 'began', process_id=4711),
                  entry(DISPATCHER, 'registered', calculator='calculator-a'),
                  entry(CALCULATOR, 'taken', task_id='client-1:aaaaaaaa:9', attempt=1)):
        books.handle(event)
    assert line_of(books, 'calculator-a').split() == ['+', 'calculator-a', '4711', 'in', 'order', 'alive', 'client-1:9']
    books.handle(entry(CALCULATOR, 'out_of_order', time=103.0, outage='freeze', duration_s=2.5, running=1))
    assert '~' in line_of(books, 'calculator-a')
    assert 'frozen (1.5 s)' in line_of(books, 'calculator-a')
    assert 'alive' in line_of(books, 'calculator-a')
    books.handle(entry(DISPATCHER, 'died', calculator='calculator-a', silence_s=2.5))
    assert 'dead' in line_of(books, 'calculator-a')
    books.note_end(104.0, 'calculator-a', was_killed=True)
    assert 'had client-1:9' in line_of(books, 'calculator-a')


def test_where_there_is_no_room_for_all_those_are_shown_that_something_happens_to():
    books = books_of(CALCULATORS_MAX + 1, 20)
    for name in books.calculators:
        books.handle(entry(CALCULATOR, 'began', name, process_id=1))
        books.handle(entry(DISPATCHER, 'registered', calculator=name))
    books.handle(entry(CALCULATOR, 'out_of_order', 'calculator-q', 103.0, outage='freeze', duration_s=9, running=1))
    books.handle(entry(DISPATCHER, 'suspected', calculator='calculator-t', why='silent'))
    books.note_end(103.0, 'calculator-k', was_killed=True)
    shown = [text.split()[1][-1] for text in texts(books) if text[2:].startswith('calculator-')]
    # In the order of the alphabet, whatever brought them here.
    assert [letter for letter in shown if letter in 'kqtz'] == ['k', 'q', 't', 'z']
    assert '... and %d more' % (CALCULATORS_MAX + 1 - len(shown)) in '\n'.join(texts(books))


@pytest.mark.parametrize('seconds, ending_s, shown', [
    (4.0, None, '4.0 of 20 s'), (20.4, None, '20.0 of 20 s'), (25.7, 5.3, 'ending, 5.3 s'), (3.0, 0.0, 'ending, 0.0 s'),
])
def test_the_time_is_never_more_than_there_was(seconds, ending_s, shown):
    moment = Moment(books_of(1, 1), 104.0, seconds, 20, 'running', [], ending_s)
    assert picture(moment, 79, 23)[0][1].endswith(' ' + shown)


@pytest.mark.parametrize('why, shown', [('silent', 'silent for too long'),
                                        ('does not acknowledge', 'does not acknowledge')])
def test_why_a_calculator_is_suspect_is_told_as_the_dispatcher_tells_it(why, shown):
    found = told(entry(DISPATCHER, 'suspected', calculator='calculator-a', held=1, why=why))
    assert found is not None
    assert found[1] == 'calculator-a is suspect: %s, it gets no new task' % shown


def test_a_client_and_the_queue():
    books = books_of(1, 1)
    for number in range(1, 5):
        books.handle(entry(CLIENT, 'sent', 'client-1', task_id='client-1:aaaaaaaa:%d' % number))
        books.handle(entry(DISPATCHER, 'accepted', task_id='client-1:aaaaaaaa:%d' % number))
    books.handle(entry(DISPATCHER, 'assigned', task_id='client-1:aaaaaaaa:1', calculator='calculator-a', attempt=1))
    books.handle(entry(CLIENT, 'answered', 'client-1', task_id='client-1:aaaaaaaa:1', response_time_s=1.5))
    assert line_of(books, 'client-1').split()[2:6] == ['4', '1', '3', '1.50']
    assert line_of(books, 'queue').split() == ['queue', '3', '###']
    assert status_line(moment_of(books)).startswith('4 tasks sent, 1 answered, 3 waiting (3 of them in the queue)')


def test_a_stranger_among_the_calculators_does_no_harm():
    books = books_of(1, 1)
    for kind in ('registered', 'suspected', 'died', 'left'):
        books.handle(entry(DISPATCHER, kind, calculator='somebody', silence_s=1.0, why='silent'))
    books.handle(entry(DISPATCHER, 'accepted', task_id='friend:aaaaaaaa:1'))
    books.handle(entry(DISPATCHER, 'assigned', task_id='friend:aaaaaaaa:1', calculator='somebody', attempt=1))
    assert 'somebody' not in '\n'.join(texts(books))


FACTS = {
    'address': 'http://127.0.0.1:8080/',
    'name': 'calculator-a', 'calculator': 'calculator-a', 'task_id': 'client-1:aaaaaaaa:17', 'attempt': 2, 'running': 2,
    'away_s': 2.5, 'silence_s': 2.5, 'reason': 'unacknowledged', 'outcome': 'expired', 'seconds': 0.3, 'waiting': 12,
    'victim': 'calculator-a', 'newcomer': 'calculator-e', 'tasks': '2 tasks', 'process': 'calculator-a',
    'how': 'ended by signal 9', 'why': 'nothing goes on without a dispatcher', 'port': 40000,
}


@pytest.mark.parametrize('role, kind, variant', sorted(SENTENCES, key=repr))
def test_every_sentence_is_of_something_that_is_told_and_fits(role, kind, variant):
    # A kind that no core knows would never be seen, and nobody would miss it.
    assert role == DEMO or kind in ROLES[role]
    facts = dict(FACTS, outage=variant) if variant in ('crash', 'freeze') else FACTS
    if kind == 'suspected':
        facts = dict(FACTS, why='does not acknowledge')
    found = told(Entry(1.0, 'calculator-a', role, kind, facts))
    assert found is not None
    sentence = found[1]
    assert '%' not in sentence
    assert len('%6.1f s  %s' % (12.5, sentence)) <= 79 or 'reason' in sentence
