"""The dispatcher's answers to monitors."""

from __future__ import absolute_import, division, print_function

import pytest

from dispatcher import status, watch
from dispatcher.tasks import DEAD_CALCULATOR, RESULT, Attempt
from net_protocol import codec, report
from net_protocol.addresses import Addresses
from net_protocol.core import Sender
from net_protocol.limits import COALESCED_BYTES
from net_protocol.messages import CANCELLED, DONE, EXPIRED, QUEUE_FULL, Cancel, Status, StatusReport, TaskStatus
from net_protocol.wire import Wire
from tests.dispatcher.test_core import LIFE, NEXT_LIFE, ONE, TWO, Dispatcher, task_id
from tests.driver import of_type
from tests.net_protocol.samples import LONGEST_NAME, LONGEST_TASK


@pytest.fixture(params=[False, True], ids=['once', 'twice'])
def twice(request):
    return request.param


class Watched(Dispatcher):
    """A dispatcher and somebody who asks it."""

    def __init__(self, twice=False, **settings):
        super(Watched, self).__init__(twice, **settings)
        self.question = 0

    def ask(self, make, name='monitor'):
        """The rows of the answer."""
        # No more than the answers of one second.
        self.wait(1)
        self.question += 1
        pages = of_type(self.hear(name, make(self.question)), StatusReport)
        assert [page.page for page in pages] == list(range(1, len(pages) + 1))
        assert {page.pages for page in pages} == {len(pages)}
        assert {page.question for page in pages} == {self.question}
        return [row for page in pages for row in page.rows]

    def status(self, events_since=0, attempts_since=0, calculators_from=0, clients_from=0):
        return self.ask(lambda question: Status(
            question, events_since, attempts_since, calculators_from, clients_from))

    def story(self, number):
        rows = self.ask(lambda question: TaskStatus(question, task_id(number)))
        return (facts_of(rows, report.TASK), records_of(rows, report.TRY), facts_of(rows, report.WAITS_FOR),
                facts_of(rows, report.NEXT))


def facts_of(rows, section):
    facts = {}
    for row in rows:
        if row[0] == report.FACTS and row[1] == section:
            facts.update(row[2])
    return facts


def records_of(rows, word):
    return [report.as_record(row) for row in rows if row[0] == word]


# Nobody is flooded with answers.

def test_who_has_not_shown_himself_gets_no_more_bytes_than_he_sent():
    bench = Watched()
    for number in range(100):
        bench.beat('calculator-%d' % number)
    wire = Wire(bench.core, Addresses(b'secret', lambda address: False))
    stranger = ('192.0.2.7', 4711)
    asked, got = 0, 0
    for number in range(1, 20):
        question, = codec.encode('m', LIFE, number, [Status(number, 0, 0, 0, 0)])
        bench.now += 1
        wire.receive(bench.now, question, stranger)
        asked += len(question)
        got += sum(len(datagram) for _, datagram in wire.take_datagrams(bench.now))
        assert got <= asked
    assert bench.counts['status_answers'] == 19


def test_the_answers_of_a_second_are_bounded_and_what_is_more_is_counted():
    dispatcher = Watched()
    answers = [bool(dispatcher.hear('monitor', Status(number, 0, 0, 0, 0))) for number in range(2, 30)]
    assert answers == [True] * status.ANSWERS_PER_SECOND + [False] * (28 - status.ANSWERS_PER_SECOND)
    assert dispatcher.counts['status_answers'] == status.ANSWERS_PER_SECOND
    assert dispatcher.counts['status_dropped'] == 28 - status.ANSWERS_PER_SECOND
    dispatcher.wait(1)
    assert dispatcher.hear('monitor', Status(99, 0, 0, 0, 0))


def test_many_questions_about_tasks_do_not_hide_how_things_stand():
    dispatcher = Watched()
    for number in range(20):
        dispatcher.hear('monitor', TaskStatus(number, 'client:%s:1' % LIFE))
    assert dispatcher.hear('monitor', Status(99, 0, 0, 0, 0))


# Pages.

def test_no_page_needs_a_fragment_however_long_the_names_and_however_much_there_is():
    dispatcher = Watched(attempts_max=1000, answer_timeout_s=3600)
    dispatcher.core.desk.surroundings = lambda: {
        report.TRAFFIC: dict.fromkeys(('traffic_of_kind_%d' % number for number in range(30)), 2 ** 53)}
    for number in range(300):
        name = u'%s-%03d' % (u'c' * 76, number)
        dispatcher.beat(name, capacity=5)
        dispatcher.hear(name, Cancel(u'%s:%s:%d' % (name, LIFE, 10 ** 15 + number)))
    client = LONGEST_NAME
    for number in range(1200):
        dispatcher.submit(10 ** 15 + number, client=client, time_left_s=1.5 + number / 1000)
        dispatcher.now += 0.001
    dispatcher.wait(1)
    core = dispatcher.core
    core.handle_message(dispatcher.now, Sender(('monitor', 1), 'monitor', LIFE, 5), Status(2 ** 53, 0, 0, 0, 0))
    datagrams = codec.encode(LONGEST_NAME, LIFE, 10 ** 15, [message for _, message in core.take_outgoing()])
    assert len(datagrams) > 100
    assert max(len(datagram) for datagram in datagrams) <= COALESCED_BYTES
    for datagram in datagrams:
        codec.decode(datagram)


def test_a_large_fleet_is_told_in_parts_that_make_the_whole():
    dispatcher = Watched()
    names = ['calculator-%04d' % number for number in range(2 * status.CALCULATORS_PER_ANSWER + 10)]
    for name in names:
        dispatcher.beat(name)
    told, start, parts = [], 0, 0
    while True:
        rows = dispatcher.status(calculators_from=start)
        told += [calculator['name'] for calculator in records_of(rows, report.CALCULATOR)]
        start = facts_of(rows, report.TABLES)['calculators_next']
        parts += 1
        if not start:
            break
        for name in names:
            dispatcher.beat(name)
    assert parts == 3
    assert sorted(told) == names


def test_a_part_that_begins_behind_the_end_begins_anew():
    dispatcher = Watched()
    dispatcher.beat(ONE)
    rows = dispatcher.status(calculators_from=10 ** 6)
    assert [calculator['name'] for calculator in records_of(rows, report.CALCULATOR)] == [ONE]


# What is told.

def test_a_calculator_is_told_with_its_books_and_its_tally(twice):
    dispatcher = Watched(twice)
    dispatcher.beat(ONE, capacity=2)
    for number in (1, 2):
        dispatcher.submit(number)
        dispatcher.ack(ONE, number)
    dispatcher.now += 0.5
    dispatcher.result(ONE, 1)
    dispatcher.submit(3)
    dispatcher.ack(ONE, 3)
    dispatcher.result(ONE, 3, error=u'no')
    one, = records_of(dispatcher.status(), report.CALCULATOR)
    assert (one['name'], one['state'], one['capacity'], one['held']) == (ONE, 'alive', 2, 1)
    assert (one['done'], one['failed'], one['lost'], one['outages']) == (1, 1, 0, 0)
    assert one['running'] == [[task_id(2), 1, 1.5]]
    assert one['address'] == '%s:1' % ONE
    assert one['interval_s'] == 1.0
    assert 0 < one['p50_s'] <= one['p95_s'] <= 0.5


def test_outages_are_counted_once_each_however_they_show(twice):
    dispatcher = Watched(twice)
    dispatcher.beat(ONE)
    dispatcher.wait(3.5)
    dispatcher.beat(ONE)
    assert records_of(dispatcher.status(), report.CALCULATOR)[0]['outages'] == 1
    dispatcher.wait(10)
    one, = records_of(dispatcher.status(), report.CALCULATOR)
    assert (one['state'], one['outages']) == ('dead', 2)
    dispatcher.beat(ONE, life=NEXT_LIFE)
    dispatcher.beat(ONE, life='cccccccc')
    assert records_of(dispatcher.status(), report.CALCULATOR)[0]['outages'] == 3


def test_a_client_is_told_with_what_became_of_its_tasks(twice):
    dispatcher = Watched(twice, pending_max=2)
    dispatcher.beat(ONE)
    for number in range(1, 6):
        dispatcher.submit(number)
    dispatcher.result(ONE, 1)
    dispatcher.hear('client-a', Cancel(task_id(2)))
    client, = records_of(dispatcher.status(), report.CLIENT)
    del client['heard_s']
    assert client['refused'] == (4 if twice else 2)
    assert (client['accepted'], client['done'], client['cancelled']) == (3, 1, 1)
    # What was cancelled goes on taking its place until a heartbeat says otherwise.
    assert (client['waiting'], client['running']) == (1, 0)


def test_the_queue_is_told_with_the_age_of_its_oldest():
    dispatcher = Watched()
    dispatcher.submit(1)
    dispatcher.wait(3)
    dispatcher.submit(1, client='client-b')
    queue = facts_of(dispatcher.status(), report.QUEUE)
    assert (queue['waiting'], queue['running'], queue['over']) == (2, 0, 0)
    assert queue['oldest_s'] == 4.0
    assert facts_of(Watched().status(), report.QUEUE)['oldest_s'] is None


def test_response_times_are_told_as_a_histogram():
    dispatcher = Watched()
    dispatcher.beat(ONE)
    for seconds in (0.3, 0.3, 2.0):
        number = int(dispatcher.now * 1000)
        dispatcher.submit(number)
        dispatcher.now += seconds
        dispatcher.beat(ONE, running=[(task_id(number), 1)])
        dispatcher.result(ONE, number)
    times = facts_of(dispatcher.status(), report.RESPONSE_TIME)
    assert times['number'] == 3
    assert times['total_s'] == 2.6
    assert [count for _, count in times['buckets']] == [2, 1]


def test_events_are_numbered_and_none_is_told_twice():
    dispatcher = Watched()
    dispatcher.beat(ONE)
    dispatcher.wait(10)
    events = records_of(dispatcher.status(), report.EVENT)
    assert [(event['number'], event['kind']) for event in events] == [(1, 'registered'), (2, 'suspected'), (3, 'died')]
    assert [event['facts']['calculator'] for event in events] == [ONE] * 3
    assert records_of(dispatcher.status(events_since=3), report.EVENT) == []
    dispatcher.beat(ONE)
    assert [event['kind'] for event in records_of(dispatcher.status(events_since=3), report.EVENT)] == ['recovered']
    assert facts_of(dispatcher.status(), report.TABLES)['events'] == 4


def test_a_flood_of_events_of_one_kind_leaves_the_others_to_be_seen():
    dispatcher = Watched(pending_max=1)
    dispatcher.beat(ONE)
    for number in range(5000):
        dispatcher.submit(number)
    rows = dispatcher.status()
    events = records_of(rows, report.EVENT)
    assert [event['kind'] for event in events] == ['registered'] + ['refused'] * watch.EVENTS_PER_SECOND
    # Every one has its number all the same, so that it is known how many there were.
    assert facts_of(rows, report.TABLES)['events'] == 4999


def test_ended_attempts_are_numbered_and_say_how_they_ended():
    dispatcher = Watched()
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher.ack(ONE, 1)
    dispatcher.beat(ONE, life=NEXT_LIFE)
    dispatcher.result(ONE, 1, attempt=2, life=NEXT_LIFE)
    attempts = records_of(dispatcher.status(), report.ATTEMPT)
    assert [(one['number'], one['attempt'], one['calculator'], one['end']) for one in attempts] == [
        (1, 1, ONE, 'new_life'), (2, 2, ONE, 'result')]
    assert records_of(dispatcher.status(attempts_since=2), report.ATTEMPT) == []


def test_a_sample_of_attempts_has_those_in_vain_and_is_even():
    entries = []
    for number in range(1, 1001):
        attempt = Attempt(u'a:aaaaaaaa:%d' % number, 1, ONE, 0.0, 1.0)
        attempt.end(1.0, DEAD_CALCULATOR if number % 100 == 0 else RESULT)
        entries.append((number, attempt))
    chosen = watch.sampled(entries, 150)
    assert len(chosen) <= 150
    numbers = [number for number, _ in chosen]
    assert numbers == sorted(set(numbers))
    assert set(range(100, 1001, 100)) <= set(numbers)
    assert max(later - earlier for earlier, later in zip(numbers, numbers[1:])) <= 10


def test_single_values_are_told_by_section():
    dispatcher = Watched()
    dispatcher.core.desk.surroundings = lambda: {report.TRAFFIC: {'datagrams_in': 7}}
    dispatcher.beat(ONE)
    dispatcher.wait(1)
    rows = dispatcher.status()
    assert facts_of(rows, report.WHOLE)['incarnation'] == 'dddddddd'
    assert facts_of(rows, report.WHOLE)['up_s'] == 2.0
    assert facts_of(rows, report.SETTINGS)['answer_timeout_s'] == 10
    assert facts_of(rows, report.COUNTS) == dict(dispatcher.counts, status_answers=dispatcher.counts['status_answers'])
    assert facts_of(rows, report.RECEIVED)['heartbeat'] == 1
    assert facts_of(rows, report.SENT)['heartbeat_ack'] == 1
    assert facts_of(rows, report.TRAFFIC) == {'datagrams_in': 7}
    assert facts_of(rows, report.CALCULATOR_STATES) == {'alive': 1, 'suspect': 0, 'dead': 0, 'left': 0}


# The story of a task.

def test_a_task_that_nobody_knows():
    task, tries, waits, timer = Watched().story(1)
    assert (task['state'], tries, waits, timer) == (report.UNKNOWN, [], {}, {})


def test_a_task_that_waits_because_there_is_no_calculator():
    dispatcher = Watched()
    dispatcher.submit(1)
    task, tries, waits, timer = dispatcher.story(1)
    assert (task['state'], tries, waits['what']) == ('waiting', [], report.NO_CALCULATOR)
    assert (timer['timer'], timer['in_s']) == (report.EXPIRE, 59.0)


def test_a_task_that_waits_because_none_is_in_order():
    dispatcher = Watched()
    dispatcher.beat(ONE)
    dispatcher.wait(10)
    dispatcher.submit(1)
    waits = dispatcher.story(1)[2]
    assert waits['what'] == report.NONE_IN_ORDER
    assert (waits['alive'], waits['dead']) == (0, 1)


def test_a_task_that_waits_because_all_are_busy():
    dispatcher = Watched()
    dispatcher.beat(ONE)
    for number in (1, 2, 3):
        dispatcher.submit(number)
    waits = dispatcher.story(3)[2]
    assert waits['what'] == report.ALL_BUSY
    assert (waits['before'], waits['waiting'], waits['running']) == (1, 2, 1)


def test_a_task_that_waits_for_a_dispatcher_that_drains():
    dispatcher = Watched()
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher.submit(2)
    dispatcher.stop()
    assert dispatcher.story(2)[2]['what'] == report.DISPATCHER_DRAINS


def test_a_task_whose_assignment_is_not_acknowledged():
    dispatcher = Watched()
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    task, tries, waits, timer = dispatcher.story(1)
    assert (task['state'], waits['what'], waits['calculator']) == ('assigned', report.ACKNOWLEDGEMENT, ONE)
    assert [(one['attempt'], one['acknowledged'], one['end']) for one in tries] == [(1, False, None)]
    assert timer['timer'] == report.ASSIGN_AGAIN


@pytest.mark.parametrize('passed_s, expected', [(0, report.SUSPECT_CALCULATOR), (3.1, report.DECLARE_DEAD)])
def test_a_task_that_runs_names_the_timer_that_fires_next(passed_s, expected):
    dispatcher = Watched()
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher.ack(ONE, 1)
    dispatcher.wait(passed_s)
    task, tries, waits, timer = dispatcher.story(1)
    assert (waits['what'], waits['attempt']) == (report.ANSWER, 1)
    assert timer['timer'] == expected
    due_at = dispatcher.now + timer['in_s']
    before = len(dispatcher.events)
    dispatcher.wait(timer['in_s'] + 0.01)
    kinds = [event.kind for event in dispatcher.events[before:]]
    assert ('suspected' if expected == report.SUSPECT_CALCULATOR else 'died') in kinds
    assert dispatcher.now == pytest.approx(due_at, abs=0.02)


def test_a_task_that_runs_where_heartbeats_go_on_waits_for_the_answer_timeout():
    dispatcher = Watched(answer_timeout_s=3.5)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher.ack(ONE, 1)
    for _ in range(2):
        dispatcher.wait(1)
        dispatcher.beat(ONE, running=[(task_id(1), 1)])
    timer = dispatcher.story(1)[3]
    assert (timer['timer'], timer['in_s']) == (report.ANSWER_TIMEOUT, 0.5)


def test_a_task_that_runs_a_second_time_because_its_first_calculator_died():
    dispatcher = Watched()
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher.ack(ONE, 1)
    dispatcher.wait(6)
    dispatcher.beat(TWO)
    tries = dispatcher.story(1)[1]
    assert [(one['attempt'], one['calculator'], one['end']) for one in tries] == [
        (1, ONE, 'dead_calculator'), (2, TWO, None)]
    assert tries[0]['began_s'] == 7.0
    assert tries[0]['ended_s'] == 2.0


def test_a_task_that_is_done_keeps_its_story(twice):
    dispatcher = Watched(twice)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher.ack(ONE, 1)
    dispatcher.wait(1)
    dispatcher.result(ONE, 1)
    task, tries, waits, timer = dispatcher.story(1)
    assert (task['state'], task['reason'], task['accepted_s'], task['ended_s']) == (DONE, None, 2.0, 1.0)
    assert [one['end'] for one in tries] == ['result']
    assert (waits, timer) == ({}, {})


def test_a_task_that_expired_or_was_refused_says_why():
    dispatcher = Watched(pending_max=1)
    dispatcher.submit(1, time_left_s=2)
    dispatcher.submit(2)
    dispatcher.wait(3)
    assert (dispatcher.story(1)[0]['state'], dispatcher.story(1)[0]['reason']) == (
        EXPIRED, 'no calculator was in order')
    assert (dispatcher.story(2)[0]['state'], dispatcher.story(2)[0]['reason']) == (report.REFUSED, QUEUE_FULL)


def test_a_task_that_was_cancelled_before_it_arrived_says_so():
    dispatcher = Watched()
    dispatcher.hear('client-a', Cancel(task_id(1)))
    assert dispatcher.story(1)[0]['state'] == CANCELLED


# Bounds.

def test_clients_are_bounded_and_those_with_open_tasks_go_last():
    books = watch.Watch()

    class Task(object):
        def __init__(self, client):
            self.client = client

    books.accepted(0.0, Task('patient'))
    for number in range(3 * watch.CLIENTS_MAX):
        books.refused(0.0, 'client-%d' % number, LONGEST_TASK, QUEUE_FULL)
    assert len(books.clients) == watch.CLIENTS_MAX
    assert 'patient' in books.clients
    assert len(books.refusals) == 1


def test_what_is_remembered_of_the_past_is_bounded():
    recent = watch.Recent(3)
    for number in range(10):
        recent.add(str(number), number)
        recent.add(str(number), -number)
    assert len(recent) == 3
    assert [recent.get(str(number)) for number in (6, 7, 9)] == [None, -7, -9]


def test_a_ring_says_what_is_new_and_lets_it_be_known_what_was_missed():
    ring = watch.Ring(3)
    for number in range(1, 8):
        if number == 6:
            ring.skip()
        else:
            ring.add(number * 10)
    assert ring.total == 7
    assert ring.since(0) == [(4, 40), (5, 50), (7, 70)]
    assert ring.since(4) == [(5, 50), (7, 70)]
    assert ring.since(7) == []
