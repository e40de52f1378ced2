"""The programs and the library from one file."""

from __future__ import absolute_import, division, print_function

import subprocess
import sys

import pytest

from runtime import archive
from runtime.launcher import run
from tests.source_tree import ROOT
from tests.system.processes import default_signals, environment, eventually

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


def start(pyz, log, *arguments):
    return subprocess.Popen([sys.executable, str(pyz)] + list(arguments), stderr=log.open('wb'), cwd=str(log.dirpath()),
                            stdout=subprocess.PIPE, env=environment(), close_fds=True, preexec_fn=default_signals)


def test_one_file_is_a_farm(pyz, tmpdir):
    tmpdir.join('work.py').write(WORK)
    tmpdir.join('dispatcher.json').write('{"listen": {"port": 0}}')
    log = tmpdir.join('dispatcher.log')
    processes = [start(pyz, log, 'dispatcher', '-s', 'dispatcher.json')]
    try:
        eventually(lambda: 'listening on' in log.read(), 'it listens')
        address = log.read().split('listening on ')[1].split(',')[0]
        processes.append(start(pyz, tmpdir.join('calculator.log'), 'calculator', '--work', 'work.py', '--port', '0',
                               '--dispatcher', address))
        client = start(pyz, tmpdir.join('client.log'), 'client', '--dispatcher', address, '--call', 'double', '4')
        assert client.communicate()[0] == b'8\n', tmpdir.join('client.log').read()
        out = subprocess.check_output([sys.executable, '-c', LIBRARY % (str(pyz), address)], env=environment())
        assert out == b'42\n'
        report = start(pyz, tmpdir.join('monitor.log'), 'monitor', '--dispatcher', address, '--once').communicate()[0]
        assert b'calculator' in report
    finally:
        for process in processes[::-1]:
            process.terminate()
            process.communicate()


def test_a_program_that_is_not_there_is_said(pyz):
    status, _, err = run([sys.executable, str(pyz), 'demo'])
    assert 'PROGRAM is one of client, dispatcher' in err and status == 2


def test_the_same_tree_gives_the_same_bytes(pyz, tmpdir):
    again = tmpdir.join('again.pyz')
    archive.build(str(again), ROOT)
    assert again.read_binary() == pyz.read_binary()
