"""What every program does beside its work: --check, --probe, --version, --help."""

from __future__ import absolute_import, division, print_function

import json

import pytest

from net_protocol import __version__
from tests.system.processes import a_port_where_nobody_listens, run_all_to_end, run_to_end

PROGRAMS = ['run_client.py', 'run_calculator.py', 'run_dispatcher.py']


def said(arguments, status=0):
    """Standard output of a program that ends by itself with this status and writes nothing to standard error."""
    found, out, err = run_to_end(arguments)
    assert (found, err) == (status, ''), (found, out, err)
    return out


@pytest.mark.parametrize('program', PROGRAMS)
def test_version_and_help(program):
    assert said([program, '--version']) == '%s %s\n' % (program, __version__)
    text = said([program, '--help'])
    for option in ('--settings', '--check', '--probe', '--seed', '--json', '--log-level', '--version'):
        assert option in text
    assert ('--tasks' in text) == (program == 'run_client.py')


@pytest.mark.parametrize('program', PROGRAMS)
def test_check_prints_settings_that_can_be_used_as_they_are(program, tmpdir):
    changed = tmpdir.join('changed.json')
    changed.write('{"name": "somebody"}')
    text = checked(program, '-s', str(changed))
    settings = json.loads(text)
    assert settings['name'] == 'somebody'
    assert dict(json.loads(checked(program)), name='somebody') == settings
    complete = tmpdir.join('complete.json')
    complete.write(text)
    assert checked(program, '-s', str(complete)) == text
    # For programs nothing stands beside it.
    assert said([program, '-s', str(complete), '--check', '--json']) == text


def checked(program, *arguments):
    """Standard output of ``--check``. Only the dispatcher writes to standard error too: its time line."""
    status, out, err = run_to_end([program, '--check'] + list(arguments))
    assert status == 0
    assert (err != '') == (program == 'run_dispatcher.py')
    return out


def test_check_of_the_dispatcher_prints_the_time_line_of_its_settings(tmpdir):
    path = tmpdir.join('dispatcher.json')
    path.write('{"suspect_after_missed": 7, "dead_after_missed": 11, "answer_timeout_s": 50}')
    status, _, err = run_to_end(['run_dispatcher.py', '-s', str(path), '--check'])
    assert status == 0
    lines = [line.split() for line in err.splitlines()]
    # Heartbeat interval, suspect, dead, until what it held runs elsewhere, and until what was still sent to it does.
    assert ['1', '7.5', '11.5', '11.5', '11.5'] in lines


def test_probe_tells_who_answers(system, tmpdir):
    dispatcher = system.dispatcher()
    in_order = system.calculator('in-order')
    # Frozen within a tenth of a second, for good.
    frozen = system.calculator('frozen', outage={'check_interval_s': 0.1, 'probability': 1, 'kind': 'freeze',
                                                 'duration_s': [3600, 3600]})
    frozen.says('out of order')
    nowhere = ('127.0.0.1', a_port_where_nobody_listens())
    # A client asks whether its dispatcher answers: it has no port of its own that anybody knows.
    asked = [('client', 'dispatcher', dispatcher.address), ('dispatcher', 'listen', dispatcher.address),
             ('calculator', 'listen', in_order.address), ('calculator', 'listen', frozen.address),
             ('client', 'dispatcher', nowhere), ('dispatcher', 'listen', nowhere), ('calculator', 'listen', nowhere)]
    said = run_all_to_end([probe(tmpdir, number, *question) for number, question in enumerate(asked)])
    yes = '%s port %d answers\n'
    no = '%s port %d does not answer\n'
    expected = [(0, yes), (0, yes), (0, yes), (1, no), (1, no), (1, no), (1, no)]
    assert said == [(status, answer % address, '') for (status, answer), (_, _, address) in zip(expected, asked)]
    # One that is asked to end comes back to leave.
    assert frozen.end() == 0
    frozen.says('in order again')
    system.balance()
    assert frozen.account['counts']['freezes'] == 1
    assert dispatcher.account['counts']['left'] == 2


def test_probe_tells_why_nobody_can_be_asked(tmpdir):
    status, out, err = run_to_end(probe(tmpdir, 1, 'client', 'dispatcher', ('nobody.invalid', 5555)))
    assert (status, err) == (1, '')
    begin = 'nobody.invalid port 5555 does not answer: '
    assert out.startswith(begin) and len(out) > len(begin) + 10


def probe(tmpdir, number, role, key, address):
    path = tmpdir.join('probe-%d.json' % number)
    path.write(json.dumps({key: {'host': address[0], 'port': address[1]}}))
    return ['run_%s.py' % role, '-s', str(path), '--probe']
