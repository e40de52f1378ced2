"""Options that all programs have, wrong settings and options, and closed standard streams."""

from __future__ import absolute_import, division, print_function

import json
import os
import signal
import socket
import sys

import pytest

from net_protocol import __version__
from runtime.launcher import run
from tests.source_tree import ROOT
from tests.system.processes import a_port_where_nobody_listens, run_all_to_end, run_to_end

PROGRAMS = ['run_client.py', 'run_calculator.py', 'run_dispatcher.py']


def output_of(arguments):
    """Standard output of a program that ends with status 0 and no standard error."""
    status, out, err = run_to_end(arguments)
    assert (status, err) == (0, ''), (status, out, err)
    return out


@pytest.mark.parametrize('program', PROGRAMS)
def test_version_prints_program_and_version(program):
    assert output_of([program, '--version']) == '%s %s\n' % (program, __version__)


# --check

@pytest.mark.parametrize('program', PROGRAMS)
def test_the_output_of_check_is_a_file_of_settings(program, tmpdir):
    changed = tmpdir.join('changed.json')
    changed.write('{"name": "somebody"}')
    text = checked(program, '-s', str(changed))
    settings = json.loads(text)
    assert settings['name'] == 'somebody'
    assert dict(json.loads(checked(program)), name='somebody') == settings
    complete = tmpdir.join('complete.json')
    complete.write(text)
    assert checked(program, '-s', str(complete)) == text
    assert output_of([program, '-s', str(complete), '--check', '--json']) == text


def checked(program, *arguments):
    """Standard output of ``--check``. Only the dispatcher also prints its time line, to standard error."""
    status, out, err = run_to_end([program, '--check'] + list(arguments))
    assert status == 0
    assert (err != '') == (program == 'run_dispatcher.py')
    return out


# --probe

def test_probe_says_whether_a_process_answers(system, tmpdir):
    dispatcher = system.dispatcher()
    in_order = system.calculator('in-order')
    frozen = system.calculator('frozen', outage={'check_interval_s': 0.1, 'probability': 1, 'kind': 'freeze',
                                                 'duration_s': [3600, 3600]})
    frozen.says('out of order')
    nowhere = ('127.0.0.1', a_port_where_nobody_listens())
    # A client has no known port: its probe asks its dispatcher.
    probes = [(0, 'client', 'dispatcher', dispatcher.address), (0, 'dispatcher', 'listen', dispatcher.address),
              (0, 'calculator', 'listen', in_order.address), (1, 'calculator', 'listen', frozen.address),
              (1, 'client', 'dispatcher', nowhere), (1, 'dispatcher', 'listen', nowhere),
              (1, 'calculator', 'listen', nowhere)]
    commands = []
    for number, (_, role, key, address) in enumerate(probes):
        path = tmpdir.join('probe-%d.json' % number)
        path.write(json.dumps({key: {'host': address[0], 'port': address[1]}}))
        commands.append(['run_%s.py' % role, '-s', str(path), '--probe'])
    for (status, _, _, address), found in zip(probes, run_all_to_end(commands)):
        words = ('answers', 'does not answer')[status]
        assert found == (status, '%s port %d %s\n' % (address + (words,)), '')
    # A calculator that is stopped during an outage leaves the dispatcher.
    assert frozen.end() == 0
    frozen.says('in order again')
    system.balance()
    assert frozen.account['counts']['freezes'] == 1
    assert dispatcher.account['counts']['left'] == 2


# Wrong settings and options: status 2 and one line.

#: Program -> a file of settings that it refuses, and words in the error. More of them, without processes:
#: tests/runtime/test_settings.py and tests/common/test_schema.py.
WRONG_SETTINGS = {
    'run_client.py': ('{"name": }', 'not JSON'),
    'run_calculator.py': ('{"outage": {"kind": "explode"}}', 'outage.kind: found "explode", expected one of "crash"'),
    'run_dispatcher.py': ('{"suspect_after_missed": 5, "dead_after_missed": 5}',
                          'dead_after_missed: found 5, expected more than suspect_after_missed (5)'),
}


def refusal(program, arguments):
    """The error of a program that does not start."""
    status, out, err = run_to_end([program] + arguments)
    assert (status, out, err.count('\n')) == (2, '', 1), (status, out, err)
    assert err.startswith(program + ': ')
    return err.rstrip()


@pytest.mark.parametrize('program', sorted(WRONG_SETTINGS))
def test_the_error_for_wrong_settings_names_the_file_and_the_value(program, tmpdir):
    text, words = WRONG_SETTINGS[program]
    path = tmpdir.join('wrong.json')
    path.write(text)
    line = refusal(program, ['-s', str(path)])
    assert line.startswith('%s: %s: ' % (program, path)) and words in line


@pytest.mark.parametrize('program, hint', [
    # A second calculator on one machine usually has this error. A dispatcher needs a port that its peers know.
    ('run_calculator.py', '; settings {"listen": {"port": 0}} take any free one'), ('run_dispatcher.py', '')])
def test_a_port_that_is_taken_is_refused(program, hint, tmpdir):
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(('127.0.0.1', 0))
    port = taken.getsockname()[1]
    path = tmpdir.join('listen.json')
    path.write('{"listen": {"host": "127.0.0.1", "port": %d}}' % port)
    line = refusal(program, ['-s', str(path)])
    taken.close()
    assert line == '%s: cannot listen on 127.0.0.1 port %d: Address already in use%s' % (program, port, hint)


@pytest.mark.parametrize('role, number, tasks, status', [
    ('client', signal.SIGINT, [], 0), ('calculator', signal.SIGTERM, [], 0),
    ('client', signal.SIGINT, ['--tasks', '3'], 1)], ids=['client', 'calculator', 'client with --tasks'])
def test_a_process_whose_dispatcher_has_no_address_yet_waits_and_can_be_stopped(system, role, number, tasks, status):
    nobody = {'host': 'nobody.invalid', 'port': 5555}
    process = system.start(role, role, {'dispatcher': nobody}, ['--json'] + tasks)
    process.says('waiting for the name "nobody.invalid" to resolve .*')
    assert process.is_running
    process.signal(number)
    assert process.wait() == status
    system.balance()
    assert process.account['sent' if role == 'client' else 'assigned'] == 0


# Closed standard streams.

@pytest.mark.parametrize('closed', [(0,), (1,), (2,), (0, 1, 2)], ids=repr)
@pytest.mark.parametrize('program, options', [
    ('run_dispatcher.py', ['--check']), ('run_demo.py', ['--calculators', '0'])])
def test_a_closed_standard_stream_only_loses_its_output(program, options, closed):
    def close():
        for descriptor in closed:
            os.close(descriptor)

    status, out, err = run([sys.executable, os.path.join(ROOT, program)] + options, before=close)
    is_usage = program == 'run_demo.py'
    assert status == (2 if is_usage else 0), err
    assert bool(out) == (1 not in closed and not is_usage)
    assert bool(err) == (2 not in closed)
