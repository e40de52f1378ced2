"""What is wrong outside is said in one line before anything starts: exit status 2, no traceback."""

from __future__ import absolute_import, division, print_function

import signal
import socket

import pytest

from tests.system.processes import run_to_end

DAEMONS = ['run_calculator.py', 'run_dispatcher.py']

#: Program -> the text of a settings file that it refuses, and words that the one line must have. What else is refused
#: is tested without processes, in tests/runtime/test_settings.py and tests/common/test_schema.py.
WRONG_SETTINGS = {
    'run_client.py': ('{"name": }', 'not JSON'),
    'run_calculator.py': ('{"outage": {"kind": "explode"}}', 'outage.kind: found "explode", expected one of "crash"'),
    'run_dispatcher.py': ('{"suspect_after_missed": 5, "dead_after_missed": 5}',
                          'dead_after_missed: found 5, expected more than suspect_after_missed (5)'),
}


def one_line(program, arguments):
    """Run a program that has to refuse to start; returns what it says."""
    status, out, err = run_to_end([program] + arguments)
    assert (status, out) == (2, ''), (status, out, err)
    lines = err.splitlines()
    assert len(lines) == 1 and lines[0].startswith(program + ': '), err
    return lines[0]


@pytest.mark.parametrize('program', sorted(WRONG_SETTINGS))
def test_wrong_settings_are_refused_with_what_was_found_and_what_is_expected(program, tmpdir):
    text, words = WRONG_SETTINGS[program]
    path = tmpdir.join('wrong.json')
    path.write(text)
    line = one_line(program, ['-s', str(path)])
    assert line.startswith('%s: %s: ' % (program, path)) and words in line


@pytest.mark.parametrize('program', DAEMONS)
def test_a_port_that_is_taken_is_refused(program, tmpdir):
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(('127.0.0.1', 0))
    try:
        path = tmpdir.join('listen.json')
        path.write('{"listen": {"host": "127.0.0.1", "port": %d}}' % taken.getsockname()[1])
        line = one_line(program, ['-s', str(path)])
        # A second calculator on one machine meets this first; a dispatcher's port has to be known to others.
        hint = '; settings {"listen": {"port": 0}} take any free one' if program == 'run_calculator.py' else ''
        assert line == '%s: cannot listen on 127.0.0.1 port %d: Address already in use%s' % (
            program, taken.getsockname()[1], hint)
    finally:
        taken.close()


def test_wrong_usage_is_status_2():
    for program, arguments in [('run_client.py', ['--duration', 'nan']), ('run_dispatcher.py', ['--tasks', '3']),
                               ('run_calculator.py', ['--seed', 'x']), ('run_simulator.py', ['--runs', '0'])]:
        status, out, err = run_to_end([program] + arguments)
        assert (status, out, err.count('\n')) == (2, '', 1) and err.startswith('%s: ' % program), err


@pytest.mark.parametrize('role, number, tasks, status', [
    ('client', signal.SIGINT, [], 0), ('calculator', signal.SIGTERM, [], 0),
    ('client', signal.SIGINT, ['--tasks', '3'], 1)], ids=['client', 'calculator', 'client that was asked for tasks'])
def test_whoever_waits_for_a_name_says_so_and_can_be_told_to_end(system, role, number, tasks, status):
    nobody = {'host': 'nobody.invalid', 'port': 5555}
    process = system.start(role, role, {'dispatcher': nobody}, ['--json'] + tasks)
    process.says('waiting for the name "nobody.invalid" to resolve .*')
    assert process.is_running
    process.signal(number)
    assert process.wait() == status
    system.balance()
    assert process.account['sent' if role == 'client' else 'assigned'] == 0
