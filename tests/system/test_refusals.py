"""What is wrong outside is said in one line before anything starts: exit status 2, no traceback."""

from __future__ import absolute_import, division, print_function

import io
import os
import signal
import socket
import subprocess
import sys

import pytest

from runtime.launcher import run
from tests.source_tree import ROOT
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
        path = listening_on(tmpdir, '127.0.0.1', taken.getsockname()[1])
        line = one_line(program, ['-s', path])
        # A second calculator on one machine meets this first; a dispatcher's port has to be known to others.
        hint = '; settings {"listen": {"port": 0}} take any free one' if program == 'run_calculator.py' else ''
        assert line == '%s: cannot listen on 127.0.0.1 port %d: Address already in use%s' % (
            program, taken.getsockname()[1], hint)
    finally:
        taken.close()


@pytest.mark.parametrize('host', [
    '192.0.2.1',  # An address for examples (RFC 5737): of no machine.
    'nobody.invalid', 'a..b', 'x' * 64 + '.example', '999.1.1.1', '[::1]',
])
def test_an_address_that_is_not_ours_is_refused(tmpdir, host):
    for program in DAEMONS:
        assert 'cannot listen on %s port 0: ' % host in one_line(program, ['-s', listening_on(tmpdir, host, 0)])


#: In a network namespace of its own a program finds a loopback interface that is down: it has no IPv6 address.
NO_NETWORK = ['unshare', '--user', '--net', '--map-root-user']


def has_namespaces():
    with open(os.devnull, 'wb') as nowhere:
        try:
            return subprocess.call(NO_NETWORK + ['true'], stdout=nowhere, stderr=nowhere) == 0
        except OSError:
            return False


@pytest.mark.skipif(not has_namespaces(), reason='this machine lets us make no network namespace')
@pytest.mark.parametrize('arguments', [[], ['--tasks', '1', '--json']], ids=['for people', 'for programs'])
def test_a_client_whose_machine_lacks_the_family_of_the_dispatcher_is_refused(tmpdir, arguments):
    path = str(tmpdir.join('client.json'))
    with io.open(path, 'w', encoding='utf-8') as file:
        file.write(u'{"dispatcher": {"host": "::1"}}')
    command = NO_NETWORK + [sys.executable, os.path.join(ROOT, 'run_client.py'), '-s', path] + arguments
    status, out, err = run(command)
    assert (status, out) == (2, '')
    assert err == 'run_client.py: cannot reach ::1 from here: cannot listen on ::1: Cannot assign requested address\n'


def test_a_calculator_that_could_never_reach_its_dispatcher_is_refused(tmpdir):
    path = str(tmpdir.join('calculator.json'))
    with io.open(path, 'w', encoding='utf-8') as file:
        file.write(u'{"dispatcher": {"host": "::1"}, "listen": {"port": 0}}')
    assert one_line('run_calculator.py', ['-s', path]) == (
        'run_calculator.py: dispatcher.host ::1 is IPv6, listen.host 127.0.0.1 is IPv4: both must be of one family')


def test_wrong_usage_is_status_2():
    for program, arguments in [('run_client.py', ['--duration', 'nan']), ('run_dispatcher.py', ['--tasks', '3']),
                               ('run_calculator.py', ['--seed', 'x']), ('run_simulator.py', ['--runs', '0'])]:
        status, out, err = run_to_end([program] + arguments)
        assert (status, out, err.count('\n')) == (2, '', 1) and err.startswith('%s: ' % program), err


@pytest.mark.parametrize('role', ['client', 'calculator'])
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM], ids=['SIGINT', 'SIGTERM'])
def test_whoever_waits_for_a_name_says_so_and_can_be_told_to_end(system, role, number):
    nobody = {'host': 'nobody.invalid', 'port': 5555}
    process = system.start(role, role, {'dispatcher': nobody}, ['--json'])
    process.says('waiting for the name "nobody.invalid" to appear .*')
    assert process.is_running
    process.signal(number)
    assert process.wait() == 0
    system.balance()
    assert process.account['sent' if role == 'client' else 'assigned'] == 0


def test_a_client_that_was_asked_for_tasks_and_never_found_its_dispatcher_is_status_1(system):
    client = system.client(tasks=3, dispatcher={'host': 'nobody.invalid', 'port': 5555})
    client.says('waiting for the name "nobody.invalid" to appear .*')
    client.signal(signal.SIGINT)
    assert client.wait() == 1
    system.balance()


def listening_on(tmpdir, host, port):
    path = str(tmpdir.join('listen.json'))
    with io.open(path, 'w', encoding='utf-8') as file:
        file.write(u'{"listen": {"host": "%s", "port": %d}}' % (host, port))
    return path
