"""The answers of the dispatcher to monitors."""

from __future__ import absolute_import, division, print_function

import pytest

from common import report
from dispatcher.observers import status, watch
from dispatcher.tasks import DEAD_CALCULATOR, RESULT
from monitor.words import story
from net_protocol.codec import pack
from net_protocol.limits import COALESCED_BYTES, NAME_CHARS_MAX
from net_protocol.rows import CANCELLED, DONE, EXPIRED, QUEUE_FULL
from tests.dispatcher.driver import ONE, SECOND, TWO, of_kind, task_id
from tests.dispatcher.test_calls import Farm


class Watched(Farm):
    """A dispatcher and a monitor."""

    question = 0

    def ask(self, kind, *arguments):
        """The rows of the answer."""
        self.wait(1)
        self.question += 1
        before = len(self.sent)
        self.hear(self.monitor(), kind, [[self.question] + list(arguments)])
        pages = [row for _, kind, row in self.sent[before:] if kind == 'status_report']
        pages = pages[:pages[0][3]]
        assert [page[2] for page in pages] == list(range(1, len(pages) + 1))
        assert {page[3] for page in pages} == {len(pages)} and {page[0] for page in pages} == {self.question}
        return [row for page in pages for row in page[4]]

    def report(self, events_since=0, attempts_since=0, calculators_from=0, clients_from=0):
        return self.ask('status', events_since, attempts_since, calculators_from, clients_from)

    def story(self, number):
        rows = self.ask('task_status', task_id(number))
        text = ' '.join(story(task_id(number), rows))
        # The text has a question mark for each fact that the report lacks.
        assert '?' not in text and len(text) > 50
        return (facts_of(rows, report.TASK), records_of(rows, report.TRY), facts_of(rows, report.WAITS_FOR),
                facts_of(rows, report.NEXT))

    def run(self, number):
        """Submit a task and acknowledge its assignment. Returns the number of the assignment."""
        if not self.core.calculators.by_name:
            self.beat(self.calculator())
        assign, = of_kind(self.submit(number), 'assign')
        self.acknowledge(self.calculator(), 'assign', assign)
        return assign[0]


@pytest.fixture
def watched(twice):
    return Watched(twice)


def facts_of(rows, section):
    facts = {}
    for row in rows:
        if row[0] == report.FACTS and row[1] == section:
            facts.update(row[2])
    return facts


def records_of(rows, word):
    return [report.as_record(row) for row in rows if row[0] == word]


def numbers_and_kinds(rows):
    return [(event['number'], event['kind']) for event in records_of(rows, report.EVENT)]


# Limits.

def test_the_answers_per_second_are_limited_for_each_address_and_for_all():
    watched = Watched()

    def answers(name, number):
        return [bool(watched.hear(watched.monitor(name), 'status', [[1 + one, 0, 0, 0, 0]])) for one in range(number)]
    assert answers('greedy', 8) == [True] * status.ANSWERS_PER_ADDRESS + [False] * 3
    assert answers('modest', 1) == [True]
    assert sum(sum(answers('monitor-%d' % number, 5)) for number in range(20)) == status.ANSWERS_PER_SECOND - 6
    assert watched.counts['status_answers'] == status.ANSWERS_PER_SECOND
    watched.wait(1)
    assert answers('greedy', 1) == [True]


def test_no_page_of_a_large_report_is_longer_than_a_datagram():
    driver = Watched(attempts_max=1000)
    driver.core.desk.surroundings = lambda: {
        report.TRAFFIC: dict.fromkeys(('traffic_of_kind_%d' % number for number in range(30)), 2 ** 53)}
    name = u'c' * (NAME_CHARS_MAX - 3)
    client = driver.client(name)
    for number in range(260):
        driver.core.handlers['heartbeat'](driver.now, driver.calculator(u'%s%03d' % (name, number)),
                                          [[1, 1, 1, 1.0, 5, [], [], False]])
    for number in range(1200):
        driver.core.handlers['submit'](driver.now, client, [[10 ** 6 - 10 + number, u'', 1.5 + number / 1000]])
    driver.wait(2)
    for number in range(300):
        driver.core.watch.event(driver.now, 'kind-%d' % number, {'reason': u'"' * 300, 'task_id': task_id(1, name)})
    pages = of_kind(driver.hear(driver.monitor(), 'status', [[2 ** 53, 0, 0, 0, 0]]), 'status_report')
    assert len(pages) > 100
    for page in pages:
        _, text, rest = pack({'status_report': [page]}, COALESCED_BYTES, 60.0)
        assert rest is None and len(text) <= COALESCED_BYTES - 200


def test_many_calculators_are_reported_in_several_answers(watched):
    names = ['calculator-%04d' % number for number in range(2 * status.CALCULATORS_PER_ANSWER + 10)]
    for name in names:
        watched.core.handlers['heartbeat'](watched.now, watched.calculator(name), [[1, 1, 1, 60.0, 1, [], [], False]])
    reported, start, parts = [], 0, 0
    while parts == 0 or start:
        rows = watched.report(calculators_from=start)
        reported += [calculator['name'] for calculator in records_of(rows, report.CALCULATOR)]
        start = facts_of(rows, report.TABLES)['calculators_next']
        parts += 1
    assert parts == 3 and sorted(reported) == names
    assert len(records_of(watched.report(calculators_from=10 ** 6), report.CALCULATOR)) == status.CALCULATORS_PER_ANSWER


# The report.

def test_a_report_has_the_attempts_and_the_tally_of_a_calculator(watched):
    watched.beat(watched.calculator(), capacity=2, interval_s=60)
    watched.run(1)
    watched.run(2)
    watched.now += 0.5
    watched.result(watched.calculator(), 1, 1)
    watched.result(watched.calculator(), watched.run(3), 3, error=u'no')
    one, = records_of(watched.report(), report.CALCULATOR)
    assert (one['name'], one['state'], one['capacity'], one['held']) == (ONE, 'alive', 2, 1)
    assert (one['done'], one['failed'], one['lost'], one['outages']) == (1, 1, 0, 0)
    assert one['running'] == [[task_id(2), 1, 1.5]]
    assert one['address'] == '%s:1' % ONE and one['interval_s'] == 60.0
    assert 0 <= one['p50_s'] <= one['p95_s'] <= 0.51
    assert one['note'] == ''


def test_a_report_says_why_a_calculator_gets_less_work_and_which_functions_not_all_offer(watched):
    watched.offer(watched.calculator(ONE), u'square')
    watched.offer(watched.calculator(TWO), u'score', u'square')
    assert facts_of(watched.report(), report.WHOLE)['functions_differ'] == 'score'
    conduct = watched.core.calculators.by_name[ONE].conduct
    for _ in range(5):
        conduct.note_failure(watched.now, 'a dead child')

    def notes():
        return {one['name']: one['note'] for one in records_of(watched.report(), report.CALCULATOR)}
    assert notes() == {ONE: 'one attempt at a time: 5 failures within 0 s, the last: a dead child', TWO: ''}
    conduct.is_drained_by_operator = True
    assert notes() == {ONE: 'no new work: an operator drains it', TWO: ''}


def test_each_outage_counts_once(watched):
    watched.beat(watched.calculator())
    watched.wait(3.5)
    watched.beat(watched.calculator())
    assert records_of(watched.report(), report.CALCULATOR)[0]['outages'] == 1
    watched.wait(10)
    one, = records_of(watched.report(), report.CALCULATOR)
    assert (one['state'], one['outages']) == ('dead', 2)
    watched.beat(watched.calculator(incarnation=SECOND))
    watched.beat(watched.calculator(incarnation='cccccccc'))
    assert records_of(watched.report(), report.CALCULATOR)[0]['outages'] == 3


def test_a_report_has_the_outcomes_of_a_client():
    driver = Watched(pending_max=2)
    driver.beat(driver.calculator())
    for number in range(1, 6):
        driver.submit(number)
    driver.result(driver.calculator(), 1, 1)
    driver.cancel(2)
    client, = records_of(driver.report(), report.CLIENT)
    assert (client['accepted'], client['refused'], client['done'], client['cancelled']) == (3, 2, 1, 1)
    # The slot of a cancelled attempt is occupied until a heartbeat does not name the attempt.
    assert (client['waiting'], client['running']) == (1, 0)


def test_a_report_has_the_age_of_the_oldest_waiting_task_and_the_memory(watched):
    watched.submit(1)
    watched.wait(3)
    watched.submit(1, name='client-b')
    queue = facts_of(watched.report(), report.QUEUE)
    assert (queue['waiting'], queue['running'], queue['over'], queue['oldest_s']) == (2, 0, 0, 4.0)
    assert queue['memory_bytes'] == watched.core.memory_bytes > 0
    assert facts_of(Watched().report(), report.QUEUE)['oldest_s'] is None


def test_a_report_has_a_sketch_of_the_response_times(watched):
    watched.beat(watched.calculator(), interval_s=60)
    for number, seconds in ((1, 0.25), (2, 0.25), (3, 2.0)):
        watched.submit(number)
        watched.now += seconds
        watched.result(watched.calculator(), number, number)
    rows = watched.report()
    times = facts_of(rows, report.RESPONSE_TIME)
    assert (times['number'], times['total_s'], times['shortest_s'], times['longest_s']) == (3, 2.5, 0.25, 2.0)
    assert sorted(facts_of(rows, report.RESPONSE_COUNTS).values()) == [1, 2]


def test_events_have_numbers_and_none_is_reported_twice(watched):
    watched.beat(watched.calculator())
    watched.wait(10)
    assert numbers_and_kinds(watched.report()) == [(1, 'registered'), (2, 'suspected'), (3, 'died')]
    assert numbers_and_kinds(watched.report(events_since=3)) == []
    watched.beat(watched.calculator())
    assert numbers_and_kinds(watched.report(events_since=3)) == [(4, 'recovered')]
    assert facts_of(watched.report(), report.TABLES)['events'] == 4


def test_a_client_that_cancels_all_its_tasks_does_not_hide_other_events():
    driver = Watched()
    driver.beat(driver.calculator(), capacity=2)
    driver.submit(*range(1, 1001))
    driver.result(driver.calculator(), 1, 1, None, u'no')
    driver.hear(driver.client(), 'cancel', [[number] for number in range(2, 1001)])
    events = [(event['kind'], event['facts'].get('outcome')) for event in records_of(driver.report(), report.EVENT)]
    assert events.count(('ended', 'cancelled')) == watch.CANCELLATIONS_PER_SECOND
    assert ('ended', 'failed') in events and driver.counts['cancelled'] == 999


def test_a_flood_of_events_of_one_kind_does_not_hide_the_others():
    driver = Watched(pending_max=1)
    driver.beat(driver.calculator())
    driver.submit(*range(1, 3001))
    rows = driver.report()
    assert [kind for _, kind in numbers_and_kinds(rows)] == ['registered'] + ['refused'] * watch.EVENTS_PER_SECOND
    # The number of the last event is the number of all events.
    assert driver.counts['refused_queue_full'] == 2998, 'one task runs, one waits'
    assert facts_of(rows, report.TABLES)['events'] == 2999


def test_ended_attempts_have_numbers_and_a_reason(watched):
    watched.run(1)
    watched.beat(watched.calculator(incarnation=SECOND))
    watched.wait(0)
    watched.result(watched.calculator(incarnation=SECOND), 1, 1)
    attempts = records_of(watched.report(), report.ATTEMPT)
    assert [(one['number'], one['attempt'], one['calculator'], one['end']) for one in attempts] == [
        (1, 1, ONE, 'new_incarnation'), (2, 2, ONE, 'result')]
    assert records_of(watched.report(attempts_since=2), report.ATTEMPT) == []


def test_a_sample_of_attempts_is_even_and_has_all_attempts_without_a_result():
    entries = [(number, None, 1, ONE, 0.0, 1.0, DEAD_CALCULATOR if number % 100 == 0 else RESULT)
               for number in range(1, 1001)]
    numbers = [entry[0] for entry in watch.sampled(entries, 150)]
    assert len(numbers) <= 150 and numbers == sorted(set(numbers))
    assert set(range(100, 1001, 100)) <= set(numbers)
    assert max(later - earlier for earlier, later in zip(numbers, numbers[1:])) <= 10


def test_a_report_has_settings_counts_traffic_and_states():
    watched = Watched()
    watched.core.desk.surroundings = lambda: {report.TRAFFIC: {'datagrams_in': 7}}
    watched.beat(watched.calculator())
    watched.wait(1)
    rows = watched.report()
    assert facts_of(rows, report.WHOLE)['incarnation'] == 'dddddddd' and facts_of(rows, report.WHOLE)['up_s'] == 2.0
    assert facts_of(rows, report.SETTINGS)['answer_timeout_s'] == 10
    assert facts_of(rows, report.COUNTS) == watched.counts
    assert facts_of(rows, report.TRAFFIC) == {'datagrams_in': 7}
    assert len(watched.core.clients) == 0, 'a monitor is no client'
    assert facts_of(rows, report.CALCULATOR_STATES) == {'alive': 1, 'suspect': 0, 'dead': 0, 'left': 0}


# The story of a task.

def test_the_story_of_a_waiting_task_has_the_reason(watched):
    watched.submit(1)
    task, tries, waits, timer = watched.story(1)
    assert (task['state'], tries, waits['what']) == ('waiting', [], report.NO_CALCULATOR)
    assert (timer['timer'], timer['in_s']) == (report.EXPIRE, 59.0)
    watched.beat(watched.calculator())
    task, tries, waits, _ = watched.story(1)
    assert (task['state'], waits['what'], waits['calculator']) == ('assigned', report.ACKNOWLEDGEMENT, ONE)
    assert [(one['attempt'], one['acknowledged'], one['end']) for one in tries] == [(1, False, None)]
    watched.submit(2, 3)
    waits = watched.story(3)[2]
    assert (waits['what'], waits['before'], waits['waiting'], waits['running']) == (report.ALL_BUSY, 1, 2, 1)
    watched.wait(10)
    waits = watched.story(3)[2]
    assert (waits['what'], waits['alive'], waits['dead']) == (report.NONE_IN_ORDER, 0, 1)


def test_a_task_may_wait_because_the_dispatcher_drains_or_recovers(watched):
    watched.beat(watched.calculator())
    watched.submit(1, 2)
    watched.stop()
    assert watched.story(2)[2]['what'] == report.DISPATCHER_DRAINS
    watched = Watched(recover=[('accepted', task_id(1), u'', 60.0)], journal='path')
    watched.beat(watched.calculator())
    assert watched.story(1)[2]['what'] == report.DISPATCHER_RECOVERS


@pytest.mark.parametrize('passed_s, expected, kind', [
    (0, report.SUSPECT_CALCULATOR, 'suspected'), (3.1, report.DECLARE_DEAD, 'died')])
def test_the_story_of_a_running_task_has_the_next_timer(watched, passed_s, expected, kind):
    watched.run(1)
    watched.wait(passed_s)
    _, _, waits, timer = watched.story(1)
    assert (waits['what'], waits['attempt'], timer['timer']) == (report.ANSWER, 1, expected)
    assert watched.emitted(kind) == []
    watched.wait(timer['in_s'] + 0.01)
    assert len(watched.emitted(kind)) == 1


def test_the_next_timer_of_a_task_on_a_living_calculator_is_the_answer_time_out():
    driver = Watched(answer_timeout_s=3.5)
    driver.run(1)
    driver.wait(2, beating=[driver.calculator()], held=[(1, 1)])
    timer = driver.story(1)[3]
    assert (timer['timer'], timer['in_s']) == (report.ANSWER_TIMEOUT, 0.5)


def test_the_story_of_a_task_has_its_former_attempts(watched):
    watched.run(1)
    watched.wait(6)
    watched.beat(watched.calculator(TWO))
    tries = watched.story(1)[1]
    assert [(one['attempt'], one['calculator'], one['end']) for one in tries] == [
        (1, ONE, 'dead_calculator'), (2, TWO, None)]
    assert (tries[0]['began_s'], tries[0]['ended_s']) == (7.0, 1.5)


def test_the_story_of_a_finished_task_is_kept(watched):
    assignment = watched.run(1)
    watched.wait(1)
    watched.result(watched.calculator(), assignment, 1)
    for _ in range(2):
        task, tries, waits, timer = watched.story(1)
        assert (task['state'], task['reason'], task['client']) == (DONE, None, 'client-a')
        assert task['accepted_s'] - task['ended_s'] == 1.0
        assert [one['end'] for one in tries] == ['result'] and (waits, timer) == ({}, {})
        watched.raise_open(2)


def test_the_story_of_a_task_without_a_result_has_the_reason():
    watched = Watched(pending_max=1)
    watched.submit(1, time_left_s=2)
    watched.submit(2)
    watched.cancel(3)
    watched.wait(3)
    assert [tuple(watched.story(number)[0][what] for what in ('state', 'reason')) for number in (1, 2)] == [
        (EXPIRED, 'no calculator was alive'), (report.REFUSED, QUEUE_FULL)]
    assert watched.story(3)[0]['state'] == CANCELLED
    assert watched.story(4)[0]['state'] == report.UNKNOWN


# Memory of the observer.

def test_the_number_of_observed_clients_is_limited_and_clients_with_open_tasks_stay():
    kept = watch.Watch()
    kept.client(0.0, 'patient').accepted += 1
    for number in range(3 * watch.CLIENTS_MAX):
        kept.client(0.0, 'client-%d' % number)
    assert len(kept.clients) == watch.CLIENTS_MAX and 'patient' in kept.clients


def test_a_ring_returns_the_entries_since_a_number():
    ring = watch.Ring(3)
    for number in range(1, 8):
        if number == 6:
            ring.total += 1
        else:
            ring.add(number * 10)
    assert ring.total == 7
    assert ring.since(0) == [(4, 40), (5, 50), (7, 70)]
    assert ring.since(4) == [(5, 50), (7, 70)] and ring.since(7) == []


# Calls.

def test_a_call_may_wait_for_a_function_or_for_a_calculator_that_offers_it():
    farm = Watched()
    farm.offer(farm.calculator(ONE), u'square')
    farm.beat(farm.calculator(TWO))
    farm.call(1, u'score')
    assert farm.story(1)[2]['what'] == report.NO_FUNCTION
    farm.calls(2, 3, 4)
    # The free calculator does not offer the function.
    waits = farm.story(4)[2]
    assert (waits['what'], waits['before']) == (report.ALL_BUSY, 1)
    assert facts_of(farm.report(), report.QUEUE)['oldest_s'] == 3.0


def test_a_call_may_wait_because_its_next_attempt_is_delayed():
    farm = Watched()
    farm.offer(farm.calculator(ONE), u'square')
    farm.call(1)
    for assignment in (1, 2, 3):
        farm.refuse(farm.calculator(ONE), assignment, 1)
        farm.beat(farm.calculator(ONE), sequence=assignment + 1)
        farm.wait(1 if assignment < 3 else 0)
    assert farm.story(1)[2]['what'] == report.DELAYED


def test_the_story_of_a_call_has_the_attempts_that_are_left():
    farm = Watched(attempts_max=1)
    farm.offer(farm.calculator(ONE), u'square', capacity=3)
    farm.call(1, attempts_max=1, answer_timeout_s=1)
    farm.call(2, attempts_max=2, answer_timeout_s=1)
    farm.call(3, attempts_max=1)
    assert [(timer['timer'], timer['attempts_left']) for timer in (farm.story(number)[3] for number in (1, 2))] == [
        (report.ANSWER_TIMEOUT, 0), (report.ANSWER_TIMEOUT, 1)]
    timer = farm.story(3)[3]
    assert (timer['timer'], timer['attempts_left']) == (report.SUSPECT_CALCULATOR, 1)
