"""A farm between two network namespaces, with a key: as on two machines."""

from __future__ import absolute_import, division, print_function

import os
import subprocess
import sys

import pytest

from tests.source_tree import ROOT
from tests.system.processes import default_signals, environment, eventually

NAMES = ['farm-%d-%s' % (os.getpid(), end) for end in 'ab']
ADDRESSES = ['10.79.0.1', '10.79.0.2']
KEY = 'k' * 48


def ip(*arguments):
    subprocess.check_call(('ip',) + arguments)


@pytest.fixture
def namespaces():
    """Two, joined by a pair of devices."""
    try:
        with open(os.devnull, 'w') as nothing:
            subprocess.check_call(['ip', 'netns', 'add', NAMES[0]], stderr=nothing)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip('needs ip, and the right to make namespaces')
    try:
        ip('netns', 'add', NAMES[1])
        ip('link', 'add', 'fa%d' % os.getpid(), 'netns', NAMES[0], 'type', 'veth', 'peer', 'name',
           'fb%d' % os.getpid(), 'netns', NAMES[1])
        for name, device, address in zip(NAMES, 'ab', ADDRESSES):
            ip('-n', name, 'address', 'add', address + '/24', 'dev', 'f%s%d' % (device, os.getpid()))
            ip('-n', name, 'link', 'set', 'f%s%d' % (device, os.getpid()), 'up')
            ip('-n', name, 'link', 'set', 'lo', 'up')
        yield NAMES
    finally:
        for name in NAMES:
            subprocess.call(['ip', 'netns', 'delete', name])


def test_a_farm_on_two_machines_with_a_key(namespaces, tmpdir):
    key = tmpdir.join('farm.key')
    key.write(KEY)
    key.chmod(0o600)
    tmpdir.join('farm.json').write('{"listen": {"host": "0.0.0.0", "port": 5555}, "key_file": "%s"}' % key)
    tmpdir.join('calculator.json').write(
        '{"listen": {"host": "0.0.0.0", "port": 0}, "key_file": "%s", "work": "%s"}' % (
            key, os.path.join(ROOT, 'config', 'work.py')))
    tmpdir.join('client.json').write('{"key_file": "%s"}' % key)
    started = []

    def start(name, program, *arguments):
        log = tmpdir.join('%s-%d.log' % (program, len(started))).open('wb')
        started.append(subprocess.Popen(
            ['ip', 'netns', 'exec', name, sys.executable, 'run_%s.py' % program] + list(arguments),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=ROOT, env=environment(), close_fds=True,
            preexec_fn=default_signals))
        return started[-1]
    where = ['--dispatcher', ADDRESSES[0] + ':5555']
    try:
        start(namespaces[0], 'dispatcher', '-s', str(tmpdir.join('farm.json')))
        start(namespaces[1], 'calculator', '-s', str(tmpdir.join('calculator.json')), *where)
        client = start(namespaces[1], 'client', '-s', str(tmpdir.join('client.json')), '--map', 'square', *where)
        assert client.communicate(b'1\n2\n3\n')[0] == b'1\n4\n9\n' and client.returncode == 0
        stranger = start(namespaces[1], 'client', '--functions', *where)
        assert stranger.wait() == 1
        log = tmpdir.join('dispatcher-0.log')
        eventually(lambda: 'bad_signature' in log.read() or 'signature' in log.read(), 'the stranger is refused')
    finally:
        for process in started[::-1]:
            if process.poll() is None:
                process.terminate()
            # On 2.7 nothing may be asked twice (until 2.7 goes).
            if process.stdin is not None and not process.stdin.closed:
                process.communicate()
