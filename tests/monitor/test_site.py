"""What a browser and a scraper are told."""

from __future__ import absolute_import, division, print_function

import json
import os
import random
import re

import pytest

from monitor import metrics
from monitor.cases import BELONGS_S, CASES_MAX, TASKS_MAX, Cases
from monitor.core import MonitorCore
from monitor.feed import Feed
from monitor.picture import Picture
from monitor.site import Site
from tests.monitor.driver import Driver
from tests.monitor.watched import QUICK, Watched
from tests.source_tree import ROOT

HOSTILE = u'"></script><script>alert(1)</script>\n\\'


class Request(object):
    def __init__(self, path, query='', host='localhost'):
        self.path, self.query, self.host = path, query, host
        self.answers = []
        self.answer = self.answers.append


class Bench(object):
    """A site over a monitor that looks at a real dispatcher's core."""

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


@pytest.fixture
def bench():
    link = Watched()
    for name in ('calculator-a', 'calculator-b'):
        link.calculator(name, **QUICK)
    link.client('client-a', task_interval_s=[0.1, 0.3])
    made = Bench(link)
    link.run(10)
    return made


def test_paths(bench):
    assert bench.get('/') == (200, 'text/html', b'page')
    assert bench.get('/healthz')[0] == 200
    assert bench.get('/nowhere')[0] == 404
    assert bench.get('/../run_monitor.py')[0] == 404
    status, kind, body = bench.get('/status.json')
    assert (status, kind) == (200, 'application/json')
    assert json.loads(body.decode('ascii'))['answers'] is True
    assert bench.get('/events')[1] == 'text/event-stream'
    assert bench.get('/events')[3] is True


def test_a_silent_dispatcher_is_not_well(bench):
    bench.link.isolate(bench.link.server)
    bench.link.run(10)
    assert bench.get('/healthz')[0] == 503
    text = bench.get('/metrics')[2].decode('ascii')
    assert 'dispatcher_answers 0.0' in text
    assert 'dispatcher_waiting_tasks' not in text
    assert json.loads(bench.get('/status.json')[2].decode('ascii'))['answers'] is False
    assert json.loads(bench.site.silence(bench.link.now)[len(b'data: '):].decode('ascii'))['is_silent'] is True


@pytest.mark.parametrize('host, expected', [
    ('localhost', 200), ('127.0.0.1', 200), ('::1', 200), ('192.0.2.7', 200), ('desk', 200),
    ('monitor.example', 200), ('', 200),
    ('evil.example', 421), ('localhost.evil.example', 421), ('127.0.0.1.evil.example', 421), ('cafe', 421)])
def test_only_its_own_names_and_numbers_are_answered(bench, host, expected):
    assert bench.get('/status.json', host=host)[0] == expected


def test_the_history_of_a_task(bench):
    incarnation = bench.link.nodes['client-a', 6000].core.incarnation
    for query in ('id=client-a:%s:1' % incarnation, 'id=client-a%%3A%s%%3a1' % incarnation):
        status, _, body = bench.get('/task.json', query)
        told = json.loads(body.decode('ascii'))
        assert (status, told['state']) == (200, 'done')
        assert 'is done' in told['story'][0]


@pytest.mark.parametrize('query', [
    '', 'id=', 'id=no', 'x=client-a:aaaaaaaa:1', 'id=<b>:aaaaaaaa:1', 'id=a%3Cb:aaaaaaaa:1',
    'id=a:aaaaaaaa:1&id=b:aaaaaaaa:1', 'id=' + 'a' * 5000])
def test_what_is_no_task_id_is_refused(bench, query):
    assert bench.get('/task.json', query)[0] == 400


def test_a_story_that_nobody_tells_is_an_answer_too(bench):
    bench.link.isolate(bench.link.server)
    assert bench.get('/task.json', 'id=client-a:aaaaaaaa:1')[0] == 503


# The stream.

def told_by(data):
    line, = [line for line in data.split(b'\n') if line.startswith(b'data: ')]
    return json.loads(line[len(b'data: '):].decode('ascii'))


def test_who_comes_is_told_everything_and_then_what_is_new(bench):
    everything = told_by(bench.get('/events')[2])
    assert everything['kind'] == 'everything'
    assert everything['ends']['timed_out'] == 'no answer in time'
    assert len(everything['samples']) == len(bench.link.picture.samples)
    bench.site.news(bench.link.now)
    before = bench.link.picture.attempts_seen
    bench.link.run(1.5)
    news = told_by(bench.site.news(bench.link.now))
    assert [attempt[0] for attempt in news['attempts']] == list(range(before + 1, bench.link.picture.attempts_seen + 1))
    assert news['events'] == []
    assert told_by(bench.site.news(bench.link.now))['attempts'] == []


def test_names_with_markup_stay_data():
    # The codec lets no such name pass; the page is safe without that.
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
    assert told_by(stream)['calculators'][0][0] == HOSTILE
    for line in metrics.metrics(picture, False).splitlines():
        label = r'\w+="(?:[^"\\\n]|\\.)*"'
        assert line.startswith('#') or re.match(r'\w+(\{%s(,%s)*\})? \S+$' % (label, label), line)


# What became of the tasks of one that fell out.

def cases_of(link):
    cases = Cases(link.picture, link.monitor.core.ask_about)
    link.monitor.core.on_report = cases.update
    return cases


def test_a_death_is_told_with_what_became_of_each_task():
    link = Watched()
    cases = cases_of(link)
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


def test_a_crash_that_nobody_noticed_is_told_too():
    link = Watched(seed=5)
    cases = cases_of(link)
    link.calculator('calculator-a', **dict(QUICK, task_duration_s=[1, 1], outage={
        'check_interval_s': 0.5, 'probability': 0.4, 'duration_s': [0.05, 0.1], 'kind': 'crash'}))
    link.client('client-a', task_interval_s=[0.3, 0.5])
    link.run(20)
    told = cases.as_values()
    assert told and not any(case['is_death'] for case in told)
    assert all(len(case['tasks']) == 1 for case in told)


def test_tasks_that_were_lost_while_it_was_suspect_belong_to_its_death():
    picture = Picture()
    cases = Cases(picture, lambda *_: None)
    lost = {'attempt': 1, 'calculator': u'c', 'reason': 'unacknowledged'}
    picture.take(100.0, 'aaaaaaaa', [
        ['event', 1, 50.0, 'reassigned', dict(lost, task_id=u'a:aaaaaaaa:1')],
        ['event', 2, 9.0, 'suspected', {'calculator': u'c', 'held': 1, 'why': 'silent'}],
        ['event', 3, 9.0, 'reassigned', dict(lost, task_id=u'a:aaaaaaaa:2')],
        ['event', 4, 6.0, 'died', {'calculator': u'c', 'silence_s': 2.5, 'held': 0}]])
    cases.update(100.0)
    case, = cases.as_values()
    assert [task[0] for task in case['tasks']] == [u'a:aaaaaaaa:2']


def test_a_task_that_is_seen_nowhere_is_asked_about():
    asked = []
    picture = Picture()
    cases = Cases(picture, lambda now, task_id, answer: asked.append((task_id, answer)))
    task_id = u'a:aaaaaaaa:1'
    picture.take(100.0, 'aaaaaaaa', [
        ['event', 1, 0.1, 'died', {'calculator': u'c', 'silence_s': 1.0, 'held': 1}],
        ['event', 2, 0.1, 'reassigned', {
            'task_id': task_id, 'attempt': 1, 'calculator': u'c', 'reason': 'dead_calculator'}]])
    cases.update(100.0)
    assert asked == []
    cases.update(105.0)
    assert [one for one, _ in asked] == [task_id]
    asked[0][1]([['facts', 'task', {'state': 'done'}], ['try', 2, u'd', 2.0, True, 1.0, 'result']])
    assert cases.as_values()[0]['tasks'][0][2:6] == ['over', u'd', 2, 'done']


def test_cases_and_their_tasks_are_bounded_and_the_dead_are_kept():
    picture = Picture()
    cases = Cases(picture, lambda *_: None)
    rows = [['calculator', u'c-0', 'a', 'dead', 1.0, False, 1, 0, 0, 0, 0, 9.0, 1.0, 0, None, None, [], u'']]
    number = 0
    for calculator in range(3 * CASES_MAX):
        number += 1
        rows.append(['event', number, 0.1, 'died', {'calculator': u'c-%d' % calculator, 'silence_s': 1.0, 'held': 1}])
        for _ in range(2 * TASKS_MAX):
            number += 1
            rows.append(['event', number, 0.1, 'reassigned', {
                'task_id': u'a:aaaaaaaa:%d' % number, 'attempt': 1, 'calculator': u'c-%d' % calculator,
                'reason': 'dead_calculator'}])
    picture.take(100.0, 'aaaaaaaa', rows)
    cases.update(100.0)
    told = cases.as_values()
    assert len(told) == CASES_MAX
    assert told[-1]['calculator'] == 'c-0'
    assert {(len(case['tasks']), case['more']) for case in told} == {(TASKS_MAX, TASKS_MAX)}
    assert BELONGS_S > 0


# Metrics.

def test_metrics_have_every_bucket_cumulated(bench):
    text = bench.get('/metrics')[2].decode('ascii')
    found = [int(float(number)) for number in re.findall(r'_bucket\{le="[^"]+"\} (\S+)', text)]
    assert len(found) == len(metrics.BOUNDS_S) + 1
    assert found == sorted(found)
    assert found[-1] == bench.link.picture.facts['response_time']['number'] > 0
    assert 'dispatcher_calculators{state="alive"} 2.0' in text


def test_a_metric_is_described_once_and_ends_with_its_unit(bench):
    text = bench.get('/metrics')[2].decode('ascii')
    described = re.findall(r'^# TYPE (\S+) (\w+)$', text, re.MULTILINE)
    assert len(described) == len({name for name, _ in described}) == 21
    for name, kind in described:
        assert name.endswith('_total') == (kind == 'counter')
        assert not name.endswith(('_s', '_ms'))


def test_clients_have_series_only_where_asked_for_and_until_they_expire(bench):
    assert 'client_' not in bench.get('/metrics')[2].decode('ascii')
    assert 'client_done_tasks_total{client="client-a"}' in bench.get('/metrics', 'clients=1')[2].decode('ascii')
    client = bench.link.picture.clients['client-a']
    client.update(heard_s=metrics.CLIENT_EXPIRES_S + 1, running=1, waiting=0)
    assert 'client="client-a"' in bench.get('/metrics', 'clients=1')[2].decode('ascii')


def test_an_idle_client_expires():
    picture = Picture()
    rows = [['client', u'client-%d' % number, 20, 1, 0, 0, 20, 0, 0, 0, 400.0 * number] for number in range(3)]
    picture.take(100.0, 'aaaaaaaa', rows)
    text = metrics.metrics(picture, False, with_clients=True)
    assert 'client="client-1"' in text and 'client="client-2"' not in text


# The end of a demo.

def test_a_feed_that_is_over_keeps_its_final_state(bench):
    bench.feed.over = 'The demo is over.'
    bench.link.isolate(bench.link.server)
    bench.link.run(20)
    last = told_by(bench.site.silence(bench.link.now))
    assert (last['over'], last['is_silent'], last['health'][1]) == ('The demo is over.', False, 'The demo is over.')
    assert told_by(bench.get('/events')[2])['over'] == 'The demo is over.'


# The files of the page.

def test_nothing_is_loaded_from_elsewhere_and_nothing_becomes_markup():
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


def test_a_page_that_comes_before_the_first_report_is_told_so():
    driver = Driver(is_open=False)
    feed = Feed(driver.core, Cases(driver.picture, driver.core.ask_about))
    assert feed.everything(driver.now)['is_there'] is False
