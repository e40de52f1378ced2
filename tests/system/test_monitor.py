"""``run_monitor.py`` with a real system: reports, the history of a task, the page, and the screen of a terminal."""

from __future__ import absolute_import, division, print_function

import functools
import json
import signal
import socket

import pytest

from tests.system.processes import a_port_where_nobody_listens, eventually, run_all_to_end, run_to_end, the_one_object
from tests.system.terminals import Terminal

#: The tasks of this calculator run during the whole test.
SLOW = {'task_duration_s': [3000, 3000]}


@pytest.fixture
def watched(system):
    """A system. A monitor takes part in no account."""
    system.is_balanced = True
    return system


def at(dispatcher):
    return '%s:%d' % dispatcher.address


def ask(dispatcher, *options):
    """Exit status and standard output of a monitor that prints one report."""
    status, out, err = run_to_end(['run_monitor.py', '--dispatcher', at(dispatcher)] + list(options))
    assert err == ''
    return status, out


def as_json(dispatcher, *options):
    status, out = ask(dispatcher, '--json', *options)
    assert status == 0, out
    return the_one_object(out)


# Reports.

@pytest.mark.parametrize('host', ['127.0.0.1', 'no-such-host.invalid'])
def test_every_report_says_that_the_dispatcher_does_not_answer_and_has_status_1(host):
    address = '%s:%d' % (host, a_port_where_nobody_listens())
    task = ['--task', 'client-a:aaaaaaaa:1']
    asked = [[], ['--once'], ['--json'], task, task + ['--json']]
    said = run_all_to_end([['run_monitor.py', '--dispatcher', address] + options for options in asked])
    for options, (status, out, err) in zip(asked, said):
        expected = '"answers": false' if '--json' in options else 'does not answer'
        assert (status, err) == (1, '')
        assert expected in out


def test_the_report_for_programs_and_for_people_has_the_numbers_of_the_dispatcher(watched):
    dispatcher = watched.dispatcher()
    for name in ('calculator-a', 'calculator-b'):
        # On a busy machine a calculator with shorter intervals may be suspect.
        watched.calculator(name, heartbeat_interval_s=5)
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


def test_the_history_of_a_task_has_its_attempts_and_what_it_waits_for(watched):
    dispatcher = watched.dispatcher(answer_timeout_s=3000, task_timeout_s=3000)
    first = watched.calculator('calculator-a', **SLOW)
    client = watched.client(arguments=['--log-level', 'debug'], in_flight_max=1)
    task_id = client.says(r'Task (\S+:[a-z2-7]{8}:1): sent').group(1)

    def history_with(words):
        def found():
            _, text = ask(dispatcher, '--task', task_id)
            return text if words in text else None
        return eventually(found, words)

    history = history_with('It is running on calculator-a (attempt 1)')
    assert 'If no message arrives within ' in history
    assert 'calculator-a becomes suspect' in history
    watched.calculator('calculator-b', **SLOW)
    # Linux reports a killed process at once; a suspended one becomes dead by its silence.
    first.suspend()
    history = history_with('running on calculator-b (attempt 2)')
    assert 'Attempt 1 on calculator-a was lost: the calculator was declared dead.' in history
    values = as_json(dispatcher, '--task', task_id)
    assert [(one['calculator'], one['end']) for one in values['attempts']] == [
        ('calculator-a', 'dead_calculator'), ('calculator-b', None)]


def test_wrong_task_ids_and_addresses_are_wrong_usage():
    for options in (['--task', 'no id'], ['--task', '<b>:aaaaaaaa:1'], ['--dispatcher', 'nowhere'],
                    ['--dispatcher', 'host:70000'], ['--dispatcher', ':1']):
        status, out, err = run_to_end(['run_monitor.py'] + options)
        assert (status, out) == (2, '')
        assert options[0] in err


def test_a_dispatcher_with_a_key_answers_only_monitors_with_the_key(watched, tmpdir):
    key = tmpdir.join('key')
    key.write('k' * 40)
    key.chmod(0o600)
    dispatcher = watched.dispatcher(key_file=str(key))
    settings = tmpdir.join('monitor.json')
    settings.write(json.dumps({'key_file': str(key)}))
    # The dispatcher does not take two monitors for two incarnations of one monitor.
    command = ['run_monitor.py', '-s', str(settings), '--dispatcher', at(dispatcher), '--json']
    first, second = run_all_to_end([command, command])
    assert (first[0], second[0]) == (0, 0)
    assert the_one_object(first[1])['answers'] is True
    status, out = ask(dispatcher, '--once')
    assert (status, 'does not answer' in out) == (1, True)


# The page. tests/browser checks it in a browser.

def request(port, path):
    """Status, headers and body of an answer."""
    asked = socket.create_connection(('127.0.0.1', port), 30)
    asked.sendall(('GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n' % path).encode('ascii'))
    received = b''.join(iter(lambda: asked.recv(65536), b''))
    asked.close()
    head, _, body = received.partition(b'\r\n\r\n')
    return int(head.split()[1]), head.decode('ascii'), body.decode('utf-8')


def test_the_page_its_status_and_its_metrics_are_served(watched):
    dispatcher = watched.dispatcher()
    watched.calculator('calculator-a')
    watched.client('client-a', tasks=20).wait()
    process = watched.run('monitor', ['--dispatcher', at(dispatcher), '--http', '127.0.0.1:0'])
    port = int(process.says(r'the page is at http://127\.0\.0\.1:(\d+)/').group(1))
    get = functools.partial(request, port)
    eventually(lambda: get('/healthz')[0] == 200, 'the dispatcher is healthy')
    status, head, body = get('/')
    assert (status, '<title>Monitor</title>' in body) == (200, True)
    assert "Content-Security-Policy: default-src 'none'" in head
    for path in ('/main.js', '/picture.js', '/page.css', '/icon.svg'):
        assert get(path)[0] == 200
    eventually(lambda: len(json.loads(get('/status.json')[2])['calculators']) == 1, 'a complete report')
    shown, reported = json.loads(get('/status.json')[2]), as_json(dispatcher)
    assert set(shown) == set(reported)
    assert shown['counts']['done'] == reported['counts']['done'] == 20
    assert 'dispatcher_ended_tasks_total{outcome="done"} 20.0' in get('/metrics')[2]
    dispatcher.kill()
    eventually(lambda: get('/healthz')[0] == 503, 'the dispatcher is silent')
    watched.restart(dispatcher)
    eventually(lambda: get('/healthz')[0] == 200, 'the dispatcher is healthy again')
    process.signal(signal.SIGTERM)
    assert process.wait() == 0


# The screen.

@pytest.fixture
def terminal(watched):
    """A function that shows the screen of a monitor in a window."""
    opened = []

    def open_one(dispatcher, program=('run_monitor.py',), **options):
        opened.append(Terminal(program + ('--dispatcher', at(dispatcher)), **options))
        return opened[-1]
    yield open_one
    for one in opened:
        one.dispose()


def fits(screen, columns, rows):
    lines = screen.text.split('\n')
    return len(lines) <= rows and max(len(line) for line in lines) <= columns


def check_terminal_is_restored(window):
    screen = window.screen
    assert not screen.other and screen.cursor_is_shown and screen.wraps
    assert window.modes == window.modes_before


def test_the_screen_fits_the_window_after_each_change_of_its_size(watched, terminal):
    dispatcher = watched.dispatcher()
    watched.calculators('abcdefghijklmnopqrst', heartbeat_interval_s=0.5, **SLOW)
    watched.client('client-a', in_flight_max=5)
    window = terminal(dispatcher, columns=80, rows=24)
    window.shows(r'alive 20')
    window.shows(r'calculator-a .*\n(.*\n)*.*and \d+ more: alive')
    window.shows('latest events')
    assert fits(window.screen, 80, 24), window.screen.text
    window.resize(200, 50)
    window.shows(r'calculator-t')
    window.shows(r'calculators .*clients +1')
    window.shows(r'client-a +5 +0 +5')
    assert fits(window.screen, 200, 50), window.screen.text
    window.resize(40, 10)
    eventually(lambda: window.read() or fits(window.screen, 40, 10), 'the screen fits the small window')
    assert window.screen.other and not window.screen.cursor_is_shown
    window.signal(signal.SIGINT)
    assert window.wait() == 0
    check_terminal_is_restored(window)


def test_the_screen_shows_a_dead_calculator_and_a_silent_dispatcher(watched, terminal):
    dispatcher = watched.dispatcher()
    calculator = watched.calculator('calculator-a', **SLOW)
    watched.client('client-a', in_flight_max=1)
    window = terminal(dispatcher)
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


def test_a_crash_restores_the_terminal(watched, terminal):
    dispatcher = watched.dispatcher()
    program = ('import sys, run_monitor\n'
               'def broken(*_):\n    raise RuntimeError("a bug")\n'
               'run_monitor.screen = broken\n'
               'run_monitor.command_line.main(run_monitor.run, sys.argv[1:])\n')
    window = terminal(dispatcher, ('-c', program), PYTHONDONTWRITEBYTECODE='1')
    assert window.wait() == 1
    assert 'RuntimeError: a bug' in window.screen.text
    check_terminal_is_restored(window)


def test_sigtstp_restores_the_terminal_and_sigcont_shows_the_screen_again(watched, terminal):
    dispatcher = watched.dispatcher()
    window = terminal(dispatcher)
    window.shows('none is registered')
    window.signal(signal.SIGTSTP)
    eventually(lambda: window.read() or not window.screen.other, 'the terminal is restored')
    window.signal(signal.SIGCONT)
    window.shows('none is registered')
    assert window.screen.other


@pytest.mark.parametrize('no_color, is_styled', [('', True), ('1', False)])
def test_the_screen_has_no_styles_with_no_color(watched, terminal, no_color, is_styled):
    dispatcher = watched.dispatcher()
    window = terminal(dispatcher, NO_COLOR=no_color)
    window.shows('none is registered')
    styles = {style for line in window.screen.styled for style, _ in line}
    assert (styles != {''}) == is_styled
