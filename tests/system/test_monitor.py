"""``run_monitor.py`` on a real system: one report, JSON, the story of a task, and the screen of a terminal."""

from __future__ import absolute_import, division, print_function

import json
import signal
import socket

import pytest

from tests.system.processes import a_port_where_nobody_listens, eventually, run_all_to_end, run_to_end, the_one_object
from tests.system.terminals import Terminal

NEVER_OUT = {'probability': 0}
#: A calculator that takes its time, so that its task is still there when somebody looks.
SLOW = {'task_duration_s': [3000, 3000], 'outage': NEVER_OUT}
#: One whose silence is not noticed where the machine has other things to do.
STEADY = {'heartbeat_interval_s': 5}


@pytest.fixture
def watched(system):
    """A system; who watches it takes part in no account."""
    system.is_balanced = True
    return system


def at(dispatcher):
    return '%s:%d' % dispatcher.address


def ask(dispatcher, *options):
    """Exit status and standard output of a monitor that prints and ends."""
    status, out, err = run_to_end(['run_monitor.py', '--dispatcher', at(dispatcher)] + list(options))
    assert err == ''
    return status, out


def as_json(dispatcher, *options):
    status, out = ask(dispatcher, '--json', *options)
    assert status == 0, out
    return the_one_object(out)


def task_of(client, number=1):
    """The id of a task that a client sent."""
    return client.says(r'Task (\S+:[a-z2-7]{8}:%d): sent' % number).group(1)


def chatty(system, name='client', **settings):
    """A client that tells the ids of its tasks."""
    settings.setdefault('task_interval_s', [0, 0])
    settings.setdefault('in_flight_max', 1)
    return system.client(name, arguments=['--log-level', 'debug'], **settings)


def until_state(dispatcher, task_id, state):
    return eventually(lambda: as_json(dispatcher, '--task', task_id)['state'] == state, '%s %s' % (task_id, state))


# One report.

@pytest.mark.parametrize('host', ['127.0.0.1', 'no-such-host.invalid'])
def test_a_silent_dispatcher_is_exit_status_1_whatever_was_asked(watched, host):
    address = '%s:%d' % (host, a_port_where_nobody_listens())
    task = ['--task', 'client-a:aaaaaaaa:1']
    asked = [[], ['--once'], ['--json'], task, task + ['--json']]
    said = run_all_to_end([['run_monitor.py', '--dispatcher', address] + options for options in asked])
    for options, (status, out, err) in zip(asked, said):
        expected = '"answers": false' if '--json' in options else 'does not answer'
        assert (status, err) == (1, '')
        assert expected in out


def test_the_report_as_json_and_for_people_is_what_the_dispatcher_says_of_itself(watched):
    dispatcher = watched.dispatcher()
    for name in ('calculator-a', 'calculator-b'):
        watched.calculator(name, **STEADY)
    dispatcher.says('registered from', times=2)
    client = watched.client('client-a', tasks=50)
    assert client.wait() == 0
    report = as_json(dispatcher)
    assert report['answers'] is True
    assert sorted(one['name'] for one in report['calculators']) == ['calculator-a', 'calculator-b']
    assert sum(one['done'] for one in report['calculators']) == 50
    assert {one['state'] for one in report['calculators']} == {'alive'}
    one, = report['clients']
    assert (one['name'], one['accepted'], one['done'], one['waiting'], one['running']) == ('client-a', 50, 50, 0, 0)
    assert report['queue']['over'] == 50
    assert report['response_time']['number'] == 50
    assert report['traffic']['datagrams_in'] > 0
    assert report['turns']['receive_buffer_bytes'] > 0
    assert report['traffic']['rows_in'] >= 50
    assert [event['kind'] for event in report['events']].count('registered') == 2
    for options in ([], ['--once']):
        status, out = ask(dispatcher, *options)
        assert status == 0
        assert 'healthy' in out.splitlines()[0]
        for words in ('done 50', '+ calculator-a', 'calculator-a registered'):
            assert words in out
    dispatcher.end()
    account = dispatcher.account
    assert report['counts']['accepted'] == account['accepted']
    assert report['counts']['done'] == account['outcomes']['done']


# Why is my task not done?

def story(dispatcher, task_id):
    status, out = ask(dispatcher, '--task', task_id)
    assert status == 0
    return out


def test_a_task_that_runs_and_then_runs_again_because_its_calculator_died(watched):
    dispatcher = watched.dispatcher(answer_timeout_s=3000, task_timeout_s=3000)
    first = watched.calculator('calculator-a', **SLOW)
    client = chatty(watched)
    task_id = task_of(client)
    until_state(dispatcher, task_id, 'assigned')
    eventually(lambda: 'It is running on calculator-a (attempt 1)' in story(dispatcher, task_id), 'it runs')
    told = story(dispatcher, task_id)
    assert 'If no message arrives within ' in told
    assert 'calculator-a becomes suspect' in told
    watched.calculator('calculator-b', **SLOW)
    # Suspended, not killed: the system would report at once that nobody listens there.
    first.suspend()
    eventually(lambda: 'running on calculator-b (attempt 2)' in story(dispatcher, task_id), 'it runs elsewhere')
    told = story(dispatcher, task_id)
    assert 'Attempt 1 on calculator-a was lost: the calculator was declared dead.' in told
    values = as_json(dispatcher, '--task', task_id)
    assert [(one['calculator'], one['end']) for one in values['attempts']] == [
        ('calculator-a', 'dead_calculator'), ('calculator-b', None)]


def test_what_is_no_task_id_or_no_address_is_refused():
    for options in (['--task', 'no id'], ['--task', '<b>:aaaaaaaa:1'], ['--dispatcher', 'nowhere'],
                    ['--dispatcher', 'host:70000'], ['--dispatcher', ':1']):
        status, out, err = run_to_end(['run_monitor.py'] + options)
        assert (status, out) == (2, '')
        assert options[0] in err


def test_with_a_key_only_a_monitor_that_has_it_is_answered(watched, tmpdir):
    key = tmpdir.join('key')
    key.write('k' * 40)
    key.chmod(0o600)
    dispatcher = watched.dispatcher(key_file=str(key))
    settings = tmpdir.join('monitor.json')
    settings.write(json.dumps({'key_file': str(key)}))
    # Two at a time: they must not be taken for two incarnations of one.
    command = ['run_monitor.py', '-s', str(settings), '--dispatcher', at(dispatcher), '--json']
    first, second = run_all_to_end([command, command])
    assert (first[0], second[0]) == (0, 0)
    assert the_one_object(first[1])['answers'] is True
    status, out = ask(dispatcher, '--once')
    assert (status, 'does not answer' in out) == (1, True)


# The page. How a browser shows it is checked by tests/browser.

@pytest.fixture
def page(watched):
    """Serves the page of a dispatcher; returns a function that asks it, and the process."""
    def serve(dispatcher):
        process = watched.run('monitor', 'monitor', ['--dispatcher', at(dispatcher), '--http', '127.0.0.1:0'])
        port = int(process.says(r'the page is at http://127\.0\.0\.1:(\d+)/').group(1))

        def get(path, method='GET', host='127.0.0.1'):
            """Status, headers and body."""
            asked = socket.create_connection(('127.0.0.1', port), 30)
            asked.sendall(('%s %s HTTP/1.1\r\nHost: %s\r\n\r\n' % (method, path, host)).encode('ascii'))
            received = b''.join(iter(lambda: asked.recv(65536), b''))
            asked.close()
            head, _, body = received.partition(b'\r\n\r\n')
            return int(head.split()[1]), head.decode('ascii'), body.decode('utf-8')
        return process, get
    return serve


def test_the_page_and_what_programs_read_beside_it(watched, page):
    dispatcher = watched.dispatcher()
    watched.calculator('calculator-a')
    watched.client('client-a', tasks=20).wait()
    process, get = page(dispatcher)
    eventually(lambda: get('/healthz')[0] == 200, 'it is well')
    status, head, body = get('/')
    assert (status, '<title>Monitor</title>' in body) == (200, True)
    assert "Content-Security-Policy: default-src 'none'" in head
    for path in ('/main.js', '/picture.js', '/page.css', '/icon.svg'):
        assert get(path)[0] == 200
    eventually(lambda: len(json.loads(get('/status.json')[2])['calculators']) == 1, 'everything is told')
    told, reported = json.loads(get('/status.json')[2]), as_json(dispatcher)
    assert set(told) == set(reported)
    assert told['counts']['done'] == reported['counts']['done'] == 20
    assert 'dispatcher_ended_tasks_total{outcome="done"} 20.0' in get('/metrics')[2]
    assert get('/', 'POST')[0] == 405
    assert get('/status.json', host='evil.example')[0] == 421
    # On a port that is taken there is no other page.
    port = process.says(r':(\d+)/').group(1)
    status, out, err = run_to_end(['run_monitor.py', '--http', '127.0.0.1:' + port])
    assert (status, out) == (2, '')
    assert 'cannot listen on 127.0.0.1 port %s' % port in err
    process.signal(signal.SIGTERM)
    assert process.wait() == 0


def test_the_page_says_that_the_dispatcher_is_silent_and_that_it_is_back(watched, page):
    dispatcher = watched.dispatcher()
    _, get = page(dispatcher)
    eventually(lambda: get('/healthz')[0] == 200, 'it is well')
    dispatcher.kill()
    eventually(lambda: get('/healthz')[0] == 503, 'it is not well')
    watched.again(dispatcher)
    eventually(lambda: get('/healthz')[0] == 200, 'it is well again')


# The screen.

@pytest.fixture
def terminal(watched):
    """Opens windows, and closes them."""
    opened = []

    def open_one(*arguments, **kwargs):
        opened.append(Terminal(arguments, **kwargs))
        return opened[-1]
    yield open_one
    for one in opened:
        one.dispose()


def is_within(screen, columns, rows):
    lines = screen.text.split('\n')
    return len(lines) <= rows and max(len(line) for line in lines) <= columns


def fits(screen, columns, rows):
    assert is_within(screen, columns, rows), screen.text


def test_the_screen_fits_follows_the_window_and_leaves_the_terminal_as_it_was(watched, terminal):
    dispatcher = watched.dispatcher()
    for number in range(30):
        watched.calculator('calculator-%02d' % number, heartbeat_interval_s=0.5, **SLOW)
    watched.client('client-a', in_flight_max=5)
    window = terminal('run_monitor.py', '--dispatcher', at(dispatcher), columns=80, rows=24)
    window.shows(r'alive 30')
    window.shows(r'calculator-00 .*\n(.*\n)*.*and \d+ more: alive')
    window.shows('latest events')
    fits(window.screen, 80, 24)
    window.resize(200, 50)
    window.shows(r'calculator-29')
    window.shows(r'calculators .*clients +1')
    window.shows(r'client-a +5 +0 +5')
    fits(window.screen, 200, 50)
    window.resize(40, 10)
    eventually(lambda: window.read() or is_within(window.screen, 40, 10), 'the small window is filled')
    assert window.screen.other and not window.screen.cursor_is_shown
    window.signal(signal.SIGINT)
    assert window.wait() == 0
    assert not window.screen.other and window.screen.cursor_is_shown and window.screen.wraps
    assert window.modes == window.modes_before


def test_the_screen_shows_a_death_a_silent_dispatcher_and_its_return(watched, terminal):
    dispatcher = watched.dispatcher()
    calculator = watched.calculator('calculator-a', **SLOW)
    watched.client('client-a', in_flight_max=1)
    window = terminal('run_monitor.py', '--dispatcher', at(dispatcher))
    window.shows(r'\+ calculator-a +alive +\[#\]')
    calculator.kill()
    window.shows(r'x calculator-a +dead')
    window.shows(r'calculator-a is dead')
    window.shows(r'client-a:1 lost attempt 1 on calculator-a')
    dispatcher.suspend()
    window.shows('HAS NOT ANSWERED')
    dispatcher.resume()
    window.shows(r'NO CALCULATOR is alive')
    window.signal(signal.SIGTERM)
    assert window.wait() == 0


def test_a_crash_leaves_the_terminal_as_it_was(watched, terminal):
    dispatcher = watched.dispatcher()
    program = ('import sys, run_monitor\n'
               'def broken(*_):\n    raise RuntimeError("a bug")\n'
               'run_monitor.screen = broken\n'
               'run_monitor.command_line.main(run_monitor.run, sys.argv[1:])\n')
    window = terminal('-c', program, '--dispatcher', at(dispatcher), PYTHONDONTWRITEBYTECODE='1')
    assert window.wait() == 1
    assert not window.screen.other and window.screen.cursor_is_shown and window.screen.wraps
    assert 'RuntimeError: a bug' in window.screen.text
    assert window.modes == window.modes_before


def test_a_pause_gives_the_terminal_back_and_takes_it_again(watched, terminal):
    dispatcher = watched.dispatcher()
    window = terminal('run_monitor.py', '--dispatcher', at(dispatcher))
    window.shows('none is registered')
    window.signal(signal.SIGTSTP)
    eventually(lambda: window.read() or not window.screen.other, 'it is given back')
    window.signal(signal.SIGCONT)
    window.shows('none is registered')
    assert window.screen.other


def test_without_colours_nothing_is_coloured(watched, terminal):
    dispatcher = watched.dispatcher()
    window = terminal('run_monitor.py', '--dispatcher', at(dispatcher), NO_COLOR='1')
    seen = []
    obey = window.screen._obey

    def note(private, numbers, letter):
        seen.append(letter)
        obey(private, numbers, letter)

    window.screen._obey = note
    window.shows('none is registered')
    assert 'm' not in seen
    assert 'H' in seen
