"""The answers of the monitor to browsers and scrapers."""

from __future__ import absolute_import, division, print_function

import json
import os
import random
import re

import pytest

from monitor import metrics
from monitor.cases import CASES_MAX, TASKS_MAX, Cases
from monitor.core import MonitorCore
from monitor.feed import Feed
from monitor.picture import Picture
from monitor.site import Site
from tests.monitor.driver import QUICK, Driver, Watched
from tests.source_tree import ROOT

HOSTILE = u'"></script><script>alert(1)</script>\n\\'


class Request(object):
    def __init__(self, path, query='', host='localhost'):
        self.path, self.query, self.host = path, query, host
        self.answers = []
        self.answer = self.answers.append


class Bench(object):
    """The site of a monitor beside a real dispatcher's core."""

    def __init__(self, link):
        self.link = link
        self.cases = Cases(link.picture, link.monitor.core.ask_about)
        self.feed = Feed(link.monitor.core, self.cases)
        self.site = Site(link.monitor.core, self.feed, {'/': ('text/html', b'page')}, lambda *parts: parts,
                         ['desk', 'Monitor.example'])
        link.monitor.core.on_report = self.cases.update

    def get(self, path, query='', host='localhost'):
        request = Request(path, query, host)
        self.link.do(lambda now: self.site.respond(now, request))
        self.link.run_until(lambda: request.answers, 10)
        return request.answers[0]

    def text(self, path, query=''):
        return self.get(path, query)[2].decode('ascii')


def data_of(message):
    """The data of a message in the stream."""
    line, = [line for line in message.split(b'\n') if line.startswith(b'data: ')]
    return json.loads(line[len(b'data: '):].decode('ascii'))


@pytest.fixture
def bench():
    link = Watched()
    for name in ('calculator-a', 'calculator-b'):
        link.calculator(name, **QUICK)
    link.client('client-a', task_interval_s=[0.1, 0.3])
    made = Bench(link)
    link.run(10)
    return made


def test_each_path_has_its_answer(bench):
    assert bench.get('/') == (200, 'text/html', b'page')
    assert bench.get('/healthz')[0] == 200
    assert bench.get('/nowhere')[0] == 404
    assert bench.get('/../run_monitor.py')[0] == 404
    status, kind, body = bench.get('/status.json')
    assert (status, kind) == (200, 'application/json')
    assert json.loads(body.decode('ascii'))['answers'] is True
    assert bench.get('/events')[1] == 'text/event-stream'
    assert bench.get('/events')[3] is True


def test_a_silent_dispatcher_is_not_healthy(bench):
    bench.link.isolate(bench.link.server)
    bench.link.run(10)
    assert bench.get('/healthz')[0] == 503
    text = bench.text('/metrics')
    assert 'dispatcher_answers 0.0' in text
    assert 'dispatcher_waiting_tasks' not in text
    assert json.loads(bench.text('/status.json'))['answers'] is False
    assert data_of(bench.site.silence(bench.link.now))['is_silent'] is True


@pytest.mark.parametrize('host, expected', [
    ('localhost', 200), ('127.0.0.1', 200), ('::1', 200), ('192.0.2.7', 200), ('desk', 200),
    ('monitor.example', 200), ('', 200),
    ('evil.example', 421), ('localhost.evil.example', 421), ('127.0.0.1.evil.example', 421), ('cafe', 421)])
def test_only_requests_to_a_known_host_name_or_an_address_are_answered(bench, host, expected):
    assert bench.get('/status.json', host=host)[0] == expected


def test_the_story_of_a_task(bench):
    incarnation = bench.link.nodes['client-a', 6000].core.incarnation
    for query in ('id=client-a:%s:1' % incarnation, 'id=client-a%%3A%s%%3a1' % incarnation):
        status, _, body = bench.get('/task.json', query)
        answer = json.loads(body.decode('ascii'))
        assert (status, answer['state']) == (200, 'done')
        assert 'is done' in answer['story'][0]


@pytest.mark.parametrize('query', [
    '', 'id=', 'id=no', 'x=client-a:aaaaaaaa:1', 'id=<b>:aaaaaaaa:1', 'id=a%3Cb:aaaaaaaa:1',
    'id=a:aaaaaaaa:1&id=b:aaaaaaaa:1', 'id=' + 'a' * 5000])
def test_an_invalid_task_id_is_refused(bench, query):
    assert bench.get('/task.json', query)[0] == 400


def test_a_request_for_a_story_fails_when_the_dispatcher_is_silent(bench):
    bench.link.isolate(bench.link.server)
    assert bench.get('/task.json', 'id=client-a:aaaaaaaa:1')[0] == 503


# The stream.

def test_the_stream_begins_with_everything_and_continues_with_changes(bench):
    everything = data_of(bench.get('/events')[2])
    assert everything['kind'] == 'everything'
    assert everything['ends']['timed_out'] == 'no answer in time'
    assert len(everything['samples']) == len(bench.link.picture.samples)
    bench.site.news(bench.link.now)
    before = bench.link.picture.attempts_seen
    bench.link.run(1.5)
    news = data_of(bench.site.news(bench.link.now))
    assert [attempt[0] for attempt in news['attempts']] == list(range(before + 1, bench.link.picture.attempts_seen + 1))
    assert news['events'] == []
    assert data_of(bench.site.news(bench.link.now))['attempts'] == []


def test_names_with_markup_are_data():
    # The codec refuses these names. The page is safe also without the codec.
    picture = Picture()
    core = MonitorCore('monitor', 'mmmmmmmm', random.Random(1), 1.0, picture)
    picture.take(100.0, 'aaaaaaaa', [
        ['calculator', HOSTILE, HOSTILE, 'alive', 1.0, False, 1, 1, 0, 0, 0, 0.1, 1.0, 0, None, None,
         [[HOSTILE, 1, 0.5]], HOSTILE],
        ['event', 1, 0.5, 'died', {'calculator': HOSTILE, 'silence_s': 1.0, 'held': 1}],
        ['event', 2, 0.5, HOSTILE, {HOSTILE: HOSTILE}],
        ['facts', 'dispatcher', {'name': HOSTILE, 'version': HOSTILE, 'incarnation': HOSTILE}]])
    cases = Cases(picture, core.ask_about)
    cases.update(100.0)
    site = Site(core, Feed(core, cases), {}, lambda *parts: parts)
    stream = site.news(101.0)
    assert stream.count(b'\n') == 2 and stream.endswith(b'\n\n')
    assert data_of(stream)['calculators'][0][0] == HOSTILE
    for line in metrics.metrics(picture, False).splitlines():
        label = r'\w+="(?:[^"\\\n]|\\.)*"'
        assert line.startswith('#') or re.match(r'\w+(\{%s(,%s)*\})? \S+$' % (label, label), line)


# Cases: the tasks of a calculator that died or restarted.

def watched_cases(**settings):
    """A network, and the cases of its monitor."""
    link = Watched(**settings)
    cases = Cases(link.picture, link.monitor.core.ask_about)
    link.monitor.core.on_report = cases.update
    return link, cases


def test_a_case_has_the_state_of_each_task_of_a_dead_calculator():
    link, cases = watched_cases()
    victim = link.calculator('calculator-a', **dict(QUICK, capacity=3, task_duration_s=[5, 5]))
    client = link.client('client-a', tasks=3, task_interval_s=[0.01, 0.01])
    link.run(2)
    link.crash(victim)
    link.run(2.5)
    case, = cases.as_values()
    assert (case['calculator'], case['is_death'], len(case['tasks']), case['more']) == ('calculator-a', True, 3, 0)
    assert {task[2] for task in case['tasks']} == {'waits'}
    link.calculator('calculator-b', **dict(QUICK, capacity=3, task_duration_s=[5, 5]))
    link.run(2)
    case, = cases.as_values()
    assert {(task[2], task[3], task[4]) for task in case['tasks']} == {('runs', 'calculator-b', 2)}
    link.run(10)
    case, = cases.as_values()
    assert {(task[2], task[3], task[5]) for task in case['tasks']} == {('over', 'calculator-b', 'done')}
    assert client.core.statistics.answered == 3


def test_a_crash_before_the_calculator_was_dead_is_a_case():
    link, cases = watched_cases(seed=5)
    link.calculator('calculator-a', **dict(QUICK, task_duration_s=[1, 1], outage={
        'check_interval_s': 0.5, 'probability': 0.4, 'duration_s': [0.05, 0.1], 'kind': 'crash'}))
    link.client('client-a', task_interval_s=[0.3, 0.5])
    link.run(20)
    found = cases.as_values()
    assert found and not any(case['is_death'] for case in found)
    assert all(len(case['tasks']) == 1 for case in found)


def cases_after(rows, ask=lambda *_: None):
    """The cases of a picture with these rows."""
    picture = Picture()
    cases = Cases(picture, ask)
    picture.take(100.0, 'aaaaaaaa', rows)
    cases.update(100.0)
    return cases


def test_tasks_that_a_suspect_calculator_lost_belong_to_the_case_of_its_death():
    lost = {'attempt': 1, 'calculator': u'c', 'reason': 'unacknowledged'}
    case, = cases_after([
        ['event', 1, 50.0, 'reassigned', dict(lost, task_id=u'a:aaaaaaaa:1')],
        ['event', 2, 9.0, 'suspected', {'calculator': u'c', 'held': 1, 'why': 'silent'}],
        ['event', 3, 9.0, 'reassigned', dict(lost, task_id=u'a:aaaaaaaa:2')],
        ['event', 4, 6.0, 'died', {'calculator': u'c', 'silence_s': 2.5, 'held': 0}]]).as_values()
    assert [task[0] for task in case['tasks']] == [u'a:aaaaaaaa:2']


def test_the_monitor_asks_for_a_task_that_no_report_names():
    asked, task_id = [], u'a:aaaaaaaa:1'
    cases = cases_after([
        ['event', 1, 0.1, 'died', {'calculator': u'c', 'silence_s': 1.0, 'held': 1}],
        ['event', 2, 0.1, 'reassigned', {
            'task_id': task_id, 'attempt': 1, 'calculator': u'c', 'reason': 'dead_calculator'}]],
        lambda now, task_id, answer: asked.append((task_id, answer)))
    assert asked == []
    cases.update(105.0)
    assert [one for one, _ in asked] == [task_id]
    asked[0][1]([['facts', 'task', {'state': 'done'}], ['try', 2, u'd', 2.0, True, 1.0, 'result']])
    assert cases.as_values()[0]['tasks'][0][2:6] == ['over', u'd', 2, 'done']


def test_the_numbers_of_cases_and_of_their_tasks_are_limited_and_dead_calculators_stay():
    rows = [['calculator', u'c-0', 'a', 'dead', 1.0, False, 1, 0, 0, 0, 0, 9.0, 1.0, 0, None, None, [], u'']]
    for calculator in range(3 * CASES_MAX):
        rows.append(['event', len(rows), 0.1, 'died', {
            'calculator': u'c-%d' % calculator, 'silence_s': 1.0, 'held': 1}])
        for _ in range(2 * TASKS_MAX):
            rows.append(['event', len(rows), 0.1, 'reassigned', {
                'task_id': u'a:aaaaaaaa:%d' % len(rows), 'attempt': 1, 'calculator': u'c-%d' % calculator,
                'reason': 'dead_calculator'}])
    found = cases_after(rows).as_values()
    assert len(found) == CASES_MAX
    assert found[-1]['calculator'] == 'c-0'
    assert {(len(case['tasks']), case['more']) for case in found} == {(TASKS_MAX, TASKS_MAX)}


# Metrics.

def test_the_buckets_of_the_metrics_are_cumulative(bench):
    text = bench.text('/metrics')
    found = [int(float(number)) for number in re.findall(r'_bucket\{le="[^"]+"\} (\S+)', text)]
    assert len(found) == len(metrics.BOUNDS_S) + 1
    assert found == sorted(found)
    assert found[-1] == bench.link.picture.facts['response_time']['number'] > 0
    assert 'dispatcher_calculators{state="alive"} 2.0' in text


def test_each_metric_has_one_description_and_a_unit(bench):
    text = bench.text('/metrics')
    described = re.findall(r'^# TYPE (\S+) (\w+)$', text, re.MULTILINE)
    assert len(described) == len({name for name, _ in described}) == 21
    for name, kind in described:
        assert name.endswith('_total') == (kind == 'counter')
        assert not name.endswith(('_s', '_ms'))


def test_clients_have_metrics_on_request_until_they_expire(bench):
    assert 'client_' not in bench.text('/metrics')
    assert 'client_done_tasks_total{client="client-a"}' in bench.text('/metrics', 'clients=1')
    picture = Picture()
    # Client 3 is silent, but one of its tasks runs.
    rows = [['client', u'client-%d' % number, 20, 1, 0, number // 3, 20, 0, 0, 0, 400.0 * number]
            for number in range(4)]
    picture.take(100.0, 'aaaaaaaa', rows)
    text = metrics.metrics(picture, False, with_clients=True)
    assert re.findall(r'client_done_tasks_total{client="client-(\d)"}', text) == ['0', '1', '3']


# The end of a demo.

def test_a_finished_feed_keeps_its_final_state(bench):
    bench.feed.over = 'The demo is over.'
    bench.link.isolate(bench.link.server)
    bench.link.run(20)
    last = data_of(bench.site.silence(bench.link.now))
    assert (last['over'], last['is_silent'], last['health'][1]) == ('The demo is over.', False, 'The demo is over.')
    assert data_of(bench.get('/events')[2])['over'] == 'The demo is over.'


# The files of the page.

def test_the_page_loads_nothing_from_other_hosts_and_writes_no_markup():
    folder = os.path.join(ROOT, 'monitor', 'page')
    names = sorted(os.listdir(folder))
    assert {'index.html', 'main.js', 'page.css'} <= set(names)
    for name in names:
        with open(os.path.join(folder, name), 'rb') as file:
            text = file.read().decode('utf-8')
        addresses = set(re.findall(r'[a-z]+://[^\s"\')]+', text)) - {'http://www.w3.org/2000/svg'}
        assert not addresses, '%s: %s' % (name, addresses)
        for word in ('innerHTML', 'outerHTML', 'insertAdjacentHTML', 'document.write', 'eval(', 'javascript:',
                     'onclick=', 'style="', '<style', '@import'):
            assert word not in text, '%s: %s' % (name, word)
        assert len(text.splitlines()) < 450, name


def test_the_page_may_be_opened_before_the_first_report():
    driver = Driver(is_open=False)
    feed = Feed(driver.core, Cases(driver.picture, driver.core.ask_about))
    assert feed.everything(driver.now)['is_there'] is False
