"""The programs and the library in one zip file."""

from __future__ import absolute_import, division, print_function

import re
import signal
import sys

import pytest

from runtime import archive
from runtime.launcher import Child, run
from tests.source_tree import ROOT
from tests.system.processes import environment, eventually

WORK = u'def double(x):\n    return 2 * x\n'

LIBRARY = '''import sys
sys.path.insert(0, %r)
from client import Executor
with Executor(%r) as farm:
    print(farm.submit('double', 21).result(60))
'''


@pytest.fixture(scope='module')
def pyz(tmpdir_factory):
    target = tmpdir_factory.mktemp('archive').join('farm.pyz')
    assert archive.build(str(target), ROOT) > 100
    return target


def test_a_farm_runs_from_the_file(pyz, tmpdir):
    tmpdir.join('work.py').write(WORK)
    tmpdir.join('dispatcher.json').write('{"listen": {"port": 0}}')
    processes = []

    def start(*arguments):
        processes.append(Child([sys.executable, str(pyz)] + list(arguments), str(tmpdir.join('%d' % len(processes))),
                               cwd=str(tmpdir), environment=environment()))
        return processes[-1]

    def output_of(process):
        eventually(lambda: not process.is_running, 'the end of %s' % process.command)
        return process.output
    try:
        dispatcher = start('dispatcher', '-s', 'dispatcher.json')
        eventually(lambda: 'listening on' in dispatcher.log, 'the dispatcher listens')
        address = dispatcher.log.split('listening on ')[1].split(',')[0]
        calculator = start('calculator', '--work', 'work.py', '--port', '0', '--dispatcher', address)
        client = start('client', '--dispatcher', address, '--call', 'double', '4')
        assert output_of(client) == '8\n', client.log
        assert run([sys.executable, '-c', LIBRARY % (str(pyz), address)], environment=environment())[1] == '42\n'
        assert 'calculator' in output_of(start('monitor', '--dispatcher', address, '--once'))
        for process, line in ((calculator, r'calls +2   failed 0'), (dispatcher, r'tasks accepted +2 ')):
            process.signal(signal.SIGTERM)
            assert re.search(line, output_of(process)), process.output
            assert process.exit_status == 0
    finally:
        for process in processes[::-1]:
            process.dispose()


@pytest.mark.parametrize('options', [[program, '--version'] for program in archive.PROGRAMS] + [
    ['simulator', '--runs', '2', '--jobs', '2'],
    ['simulator', '--preset', 'calm', '--measure', '--precision', '0.5', '--report', 'report.html'],
    ['simulator', '--preset', 'calm', '--events', 'events.jsonl']])
def test_every_program_runs_from_the_file(pyz, tmpdir, options):
    status, out, err = run([sys.executable, str(pyz)] + options, cwd=str(tmpdir), environment=environment())
    assert (status, err) == (0, ''), err
    assert out


@pytest.mark.parametrize('option, status', [('--help', 0), ('demo', 2)])
def test_the_help_and_the_error_for_an_unknown_program_list_the_programs(pyz, option, status):
    found, out, err = run([sys.executable, str(pyz), option], environment=environment())
    assert found == status
    # Standard output has the help, standard error the error.
    text, other = (out, err) if status == 0 else (err, out)
    assert 'PROGRAM is one of client, dispatcher' in text
    assert other == ''


def test_the_same_tree_gives_the_same_bytes(pyz, tmpdir):
    second = tmpdir.join('second.pyz')
    archive.build(str(second), ROOT)
    assert second.read_binary() == pyz.read_binary()
