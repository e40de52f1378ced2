"""The page in a real browser, with a real system. ``tests/browser/run`` runs these checks."""

from __future__ import absolute_import, division, print_function

import json
import re
import signal

import pytest
from prometheus_client.parser import text_string_to_metric_families
from selenium.webdriver.common.keys import Keys

from tests.browser.browser import DARK, DESK, LIGHT, PHONE, Browser, Page, own_system, start_demo
from tests.browser.fleet import Fleet
from tests.system.processes import eventually, run_to_end, the_one_object


@pytest.fixture(scope='module')
def browser():
    made = Browser()
    yield made
    made.close()


@pytest.fixture
def system():
    with own_system() as made:
        yield made


def reported(dispatcher, *options):
    """The report of ``run_monitor.py --json``."""
    command = ['run_monitor.py', '--dispatcher', '%s:%d' % dispatcher.address, '--json'] + list(options)
    return the_one_object(run_to_end(command)[1])


def is_busy(report):
    """Whether some tasks are done and every calculator has tasks."""
    return report['queue'].get('over', 0) > 10 and all(one['held'] for one in report['calculators'])


def show(browser, system, size=DESK, scheme=LIGHT, is_calm=False, **numbers):
    """Start the processes of a demo, show their page and wait until all are busy; returns dispatcher and page."""
    dispatcher, page = start_demo(system, **numbers)
    browser.look(size, scheme, is_calm=is_calm)
    browser.open(page.address)
    eventually(lambda: is_busy(reported(dispatcher)), 'all calculators have tasks')
    return dispatcher, page


def test_the_page_tells_what_became_of_the_tasks_of_a_killed_calculator(browser, system):
    dispatcher, page = show(browser, system)
    victim = system.of('calculator')[2]
    eventually(lambda: len(browser.find('#calculator-list li.alive')) == 6, 'six calculators are shown')
    assert 'No calculator failed' in browser.text('#case-list')
    victim.kill()
    eventually(lambda: browser.find('#calculator-list li.dead[data-calculator="calculator-c"]'), 'its element is dead')
    assert 'DEAD for' in browser.text('#calculator-list li.dead')
    case = '#case-list .case[data-case="calculator-c"]'
    eventually(lambda: 'calculator-c has been dead' in browser.text(case), 'the death is a case')
    tasks = case + ' [data-task]'
    eventually(lambda: browser.find(tasks) and all(fate == 'done' for fate in browser.run(
        'return [...document.querySelectorAll(arguments[0])].map(node => node.dataset.fate)', tasks)),
        'all of its tasks are done')

    # The page agrees with the dispatcher about each task.
    report = reported(dispatcher)
    lost = {event['facts']['task_id'] for event in report['events']
            if event['kind'] == 'reassigned' and event['facts']['calculator'] == 'calculator-c'}
    shown = browser.run('return [...document.querySelectorAll(arguments[0])].map(node => [node.dataset.task, '
                        'node.textContent])', tasks)
    assert {task for task, _ in shown} == lost
    for task, text in shown:
        story = reported(dispatcher, '--task', task)
        assert story['state'] == 'done'
        winner = story['attempts'][-1]
        assert 'was done by %s' % winner['calculator'] in text
        assert 'attempt %d' % winner['attempt'] in text
    # The table agrees too.
    browser.run('document.querySelector("#calculator-details").open = true')

    def table_agrees():
        rows = browser.run('return [...document.querySelectorAll("#calculator-table tbody tr")]'
                           '.map(row => [...row.children].map(cell => cell.textContent))')
        report = page.status
        return {row[0]: (row[1], int(row[4])) for row in rows} == {
            one['name']: (one['state'], one['done']) for one in report['calculators']}
    eventually(table_agrees, 'the table agrees with status.json')
    states = {one['name']: one['state'] for one in reported(dispatcher)['calculators']}
    assert states['calculator-c'] == 'dead'
    assert browser.complaints() == []


def test_the_history_of_a_task_opens_by_keyboard_and_closes_by_a_click(browser, system):
    dispatcher, page = show(browser, system, calculators=3)
    lanes, = browser.find('#lanes')
    lanes.send_keys(Keys.ARROW_LEFT)
    eventually(lambda: 'attempt' in browser.text('#lane-detail') and 'calculator-' in browser.text('#lane-detail'),
               'an attempt is selected')
    first = browser.text('#lane-detail')
    lanes.send_keys(Keys.ARROW_LEFT)
    assert browser.text('#lane-detail') != first
    lanes.send_keys(Keys.ARROW_UP)
    chosen = browser.text('#lane-detail').partition(', attempt')[0]
    lanes.send_keys(Keys.ENTER)
    eventually(lambda: re.search('is done|running', browser.text('#story-text')), 'the history of the task')
    assert chosen in browser.text('#story-text')
    browser.find('#story button')[0].click()
    eventually(lambda: not browser.run('return document.querySelector("#story").open'), 'the dialog is closed')


def test_a_paused_page_keeps_its_numbers_and_shows_earlier_ones(browser, system):
    dispatcher, page = show(browser, system, calculators=2)
    browser.find('#pause')[0].click()
    before = browser.text('[data-tile="done"]')
    done = reported(dispatcher)['counts']['done']
    eventually(lambda: reported(dispatcher)['counts']['done'] > done + 5, 'more tasks are done')
    assert browser.text('[data-tile="done"]') == before
    browser.run('const back = document.querySelector("#look-back"); back.value = 30;'
                'back.dispatchEvent(new Event("input"))')
    assert '30 s before' in browser.text('#look-back-at')
    browser.find('#pause')[0].click()
    eventually(lambda: int(browser.text('[data-tile="done"]')) > int(before) + 5, 'the page shows them')


def test_the_page_has_each_event_of_the_report_and_filters_them(browser, system):
    dispatcher, page = show(browser, system, calculators=4)
    victim = system.of('calculator')[0]
    victim.suspend()
    eventually(lambda: 'calculator-a is dead' in browser.text('#event-list'), 'its death is an event')
    victim.resume()
    eventually(lambda: 'calculator-a was dead and is alive again' in browser.text('#event-list'), 'it is alive')

    def numbers_agree():
        shown = browser.run('return [...document.querySelectorAll("#event-list li")].map(one => +one.dataset.number)')
        return shown[::-1] == [event['number'] for event in page.status['events']]
    eventually(numbers_agree, 'each event once, in order')
    browser.find('#event-filter')[0].send_keys('is dead')
    eventually(lambda: all('dead' in text.lower() for text in browser.texts('#event-list .words')), 'filtered by text')
    browser.run('const kind = document.querySelector("#event-kind"); kind.value = "died";'
                'kind.dispatchEvent(new Event("change"))')
    eventually(lambda: len(browser.texts('#event-list .words')) == 1, 'filtered by kind')


def test_the_page_shows_a_silent_dispatcher_or_monitor_and_their_return(browser, system):
    dispatcher, page = show(browser, system, calculators=2)
    dispatcher.kill()
    eventually(lambda: 'the dispatcher HAS NOT ANSWERED' in browser.text('#answer'), 'the dispatcher is silent')
    assert browser.run('return document.body.classList.contains("silent")')
    system.restart(dispatcher)
    eventually(lambda: browser.text('#answer') == 'healthy', 'the dispatcher is back')
    eventually(lambda: len(browser.find('#calculator-list li.alive')) == 2, 'its calculators are shown')
    # The monitor ends and is started again.
    page.process.suspend()
    page.process.resume()
    page.process.signal(signal.SIGTERM)
    page.process.wait()
    eventually(lambda: 'has lost its monitor' in browser.text('#answer'), 'the monitor is gone')
    port = page.address.rsplit(':', 1)[1].strip('/')
    system.run('monitor', ['--dispatcher', '%s:%d' % dispatcher.address, '--http', '127.0.0.1:' + port])
    eventually(lambda: browser.text('#answer') == 'healthy', 'the page is connected again')


def test_a_task_is_found_by_name_and_by_link(browser, system):
    dispatcher, page = show(browser, system, calculators=3)
    # Forget the errors of earlier pages.
    browser.complaints()
    search, = browser.find('#task-name')
    search.send_keys('client-1:1', Keys.ENTER)
    eventually(lambda: 'is done' in browser.text('#story-text'), 'the history of the task')
    link = browser.run('return document.querySelector("#story-link").href')
    browser.find('#story button')[0].click()
    eventually(lambda: not browser.run('return document.querySelector("#story").open'), 'the dialog is closed')
    # The dialog closes before the event that changes the address.
    eventually(lambda: browser.run('return location.hash') == '', 'the link is gone')
    browser.driver.get(link)
    eventually(lambda: 'client-1:1 (' in browser.text('#story-text'), 'the link opens the history')
    browser.find('#story button')[0].click()
    search, = browser.find('#task-name')
    search.clear()
    search.send_keys('client-1:99999', Keys.ENTER)
    eventually(lambda: 'No task client-1:99999 was seen' in browser.text('#story-text'), 'the task is unknown')
    assert browser.complaints() == []


def test_tables_are_sorted_by_a_click(browser, system):
    dispatcher, page = show(browser, system, calculators=4)
    browser.run('document.querySelector("#calculator-details").open = true')

    def done():
        return [int(text) for text in browser.texts('#calculator-table tbody tr td:nth-child(5)')]
    eventually(lambda: len(done()) == 4, 'the table has four rows')
    heading = '#calculator-table th:nth-child(5)'
    browser.find(heading + ' .sort')[0].click()
    eventually(lambda: done() == sorted(done(), reverse=True), 'descending')
    browser.find(heading + ' .sort')[0].click()
    eventually(lambda: done() == sorted(done()), 'ascending')
    assert browser.run('return document.querySelector(arguments[0]).ariaSort', heading) == 'ascending'


@pytest.mark.parametrize('size', [(1366, 650), PHONE], ids=['laptop', 'phone'])
def test_the_numbers_are_on_the_first_screen_and_nothing_covers_a_name(browser, system, size):
    dispatcher, page = show(browser, system, size, calculators=4)
    bottoms = browser.run('return [...document.querySelectorAll("#tiles dd")]'
                          '.map(one => one.getBoundingClientRect().bottom)')
    assert len(bottoms) == 14 and max(bottoms) <= size[1]
    eventually(lambda: browser.find('#moving circle'), 'a task is in motion')
    covered = browser.run(
        'return [...document.querySelectorAll("#client-list b, #calculator-list b")].filter(one => {'
        '  const box = one.getBoundingClientRect();'
        '  const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);'
        '  return top !== null && top !== one;'
        '}).length')
    assert covered == 0
    # No name is cut off.
    assert browser.run('return [...document.querySelectorAll("#client-list li, #calculator-list li")]'
                       '.filter(one => one.scrollWidth > one.clientWidth).length') == 0


def test_the_values_under_the_pointer_are_shown(browser, system):
    dispatcher, page = show(browser, system, calculators=4)
    for chart, expected in (('#rate-chart', 'arriving'), ('#times-chart', 'p99')):
        browser.run('const chart = document.querySelector(arguments[0]); chart.scrollIntoView();'
                    'const box = chart.getBoundingClientRect();'
                    'chart.dispatchEvent(new PointerEvent("pointermove", {clientX: box.left + box.width * 0.8, '
                    'clientY: box.top + 50}))', chart)
        assert expected in browser.text('#tip')
        assert browser.find('#tip')[0].is_displayed()


HOSTILE = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>'


def test_hostile_names_are_text(browser, system):
    _, page = start_demo(system, calculators=1, clients=1)
    browser.look(DESK, LIGHT)
    browser.open(page.address)
    eventually(lambda: browser.find('#calculator-list li.alive'), 'the calculator is shown')
    # The protocol refuses these names, so the test gives them to the page directly.
    changes = json.dumps({
        'calculators': [[HOSTILE, 'alive', 0, 1, 1, 0, 0, 0, 0, None, None, 0, 1, False, [[HOSTILE, 1, 0]], HOSTILE,
                         1]],
        'clients': [[HOSTILE, 1, 1, 0, 0, 1.0]], 'clients_number': 1,
        'cases': [{'calculator': HOSTILE, 'at': 0, 'is_death': True, 'silence_s': 1, 'more': 0,
                   'tasks': [[HOSTILE, HOSTILE, 'over', HOSTILE, 1, 'done', 0]]}],
        'events': [[10 ** 9, 0, HOSTILE, 'loud', HOSTILE, HOSTILE, HOSTILE]],
        'dispatcher': {'name': HOSTILE, 'version': HOSTILE, 'up_s': 1}})
    page.process.suspend()
    browser.driver.execute_async_script(
        'const done = arguments[1];'
        'Promise.all([import("/model.js"), import("/picture.js")]).then(([{ Model }, { drawCases, drawPicture }]) => {'
        '  const changes = JSON.parse(arguments[0]);'
        '  const model = new Model();'
        '  model.take({kind: "everything", now: 1, silence_s: 0, is_silent: false, is_there: true, incarnation: "x",'
        '    over: "", health: ["good", "healthy"],'
        '    queue: {}, states: {alive: 1}, attempts: [], samples: [], attempts_missed: 0, interval_s: 1, ...changes});'
        '  drawPicture(model); drawCases(model, (id, text) => text); done();'
        '});', changes)
    assert HOSTILE in browser.text('#case-list')
    assert HOSTILE in browser.text('#calculator-list')
    assert HOSTILE in browser.text('#client-list')
    assert browser.run('return window.broken === undefined')
    assert not browser.find('main img') and not browser.find('main script')
    page.process.resume()


@pytest.mark.parametrize('size', [DESK, PHONE], ids=['desk', 'phone'])
@pytest.mark.parametrize('scheme', [LIGHT, DARK])
def test_the_page_has_no_serious_obstacle_to_accessibility(browser, system, size, scheme):
    dispatcher, page = show(browser, system, size, scheme, is_calm=True, calculators=4)
    system.of('calculator')[0].kill()
    eventually(lambda: 'calculator-a has been dead' in browser.text('#case-list'), 'the death is a case')
    browser.run('document.querySelectorAll("details").forEach(one => { one.open = true })')
    found = browser.accessibility()
    assert [one for one in found if one[0] in ('serious', 'critical')] == [], found
    # The page needs no horizontal scrolling.
    assert browser.run('return document.documentElement.scrollWidth') <= size[0]
    assert browser.run('return getComputedStyle(document.querySelector("#moving")).display') == 'none'


def test_a_thousand_calculators_and_a_thousand_tasks_a_second(browser, system):
    # The fleet is a thread that sends the datagrams of all calculators. The test is about the monitor and its page.
    dispatcher = system.dispatcher(pending_max=100000, task_timeout_s=600)
    with Fleet(dispatcher.address, 1000, tasks_per_second=1000):
        page = Page(system, dispatcher)
        browser.look(DESK, LIGHT)
        browser.open(page.address)
        eventually(lambda: '1000 alive' in browser.text('#calculator-list'), 'all calculators are shown', 120)
        places = browser.run('return [...document.querySelectorAll(".mosaic .shape")].map(one => {'
                             '  const box = one.getBoundingClientRect(); return `${box.left} ${box.top}`; })')
        assert len(places) == len(set(places)) == 1000, 'each calculator has its own place'
        eventually(lambda: int(browser.text('[data-tile="done"]')) > 3000, 'many tasks are done', 120)
        eventually(lambda: 'Too many tasks to draw each' in browser.text('#sampled'), 'the page shows a sample', 60)
        assert browser.find('#sampled')[0].is_displayed()
        assert '40 of 1000 lanes' in browser.text('#lane-note')
        # The page shows one of the newest reports.
        for _ in range(5):
            done = page.status['counts']['done']

            def is_shown(done=done):
                return int(browser.text('[data-tile="done"]')) >= done
            eventually(is_shown, 'the newest number', 10)
    assert browser.complaints() == []


def test_metrics_are_read_by_the_parser_of_prometheus(browser, system):
    dispatcher, page = start_demo(system, calculators=2)
    eventually(lambda: is_busy(reported(dispatcher)), 'all calculators have tasks')
    families = {family.name: family for family in text_string_to_metric_families(page.get('metrics'))}
    assert families['dispatcher_answers'].samples[0].value == 1
    times = families['dispatcher_response_time_seconds']
    assert times.type == 'histogram'
    count = [sample.value for sample in times.samples if sample.name.endswith('_count')][0]
    last = [sample.value for sample in times.samples if sample.labels.get('le') == '+Inf'][0]
    assert last == count > 0
    ended = {sample.labels['outcome']: sample.value for sample in families['dispatcher_ended_tasks'].samples}
    assert ended['done'] >= count
    assert {sample.labels['calculator'] for sample in families['calculator_alive'].samples} == {
        'calculator-a', 'calculator-b'}
    for family in families.values():
        assert family.documentation and family.type in ('gauge', 'counter', 'histogram'), family
