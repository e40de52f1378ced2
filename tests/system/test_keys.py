"""With a key: those who have it work as ever, nobody else is answered or believed."""

from __future__ import absolute_import, division, print_function

import os
import socket

import pytest

from net_protocol import codec
from net_protocol.guard import PROBE, Guard
from net_protocol.messages import Ping
from runtime.probe import answers
from tests.system.processes import eventually, run_to_end


@pytest.fixture
def keys(tmpdir):
    """Makes files of keys, each once: a process that has just been started may be reading the one it was given."""
    def file_of(*letters):
        path = str(tmpdir.join('key-' + ''.join(letters)))
        if not os.path.exists(path):
            with open(path, 'w') as file:
                file.write(''.join(letter * 40 + '\n' for letter in letters))
            os.chmod(path, 0o600)
        return path
    return file_of


@pytest.mark.parametrize('journal', [None, 'journal'])
def test_a_trio_with_a_key_works_also_when_the_dispatcher_is_killed(system, keys, tmpdir, journal):
    settings = {'key_file': keys('a'), 'journal': journal and str(tmpdir.join(journal))}
    dispatcher = system.dispatcher(**settings)
    for letter in 'ab':
        system.calculator('calculator-%s' % letter, capacity=4, key_file=keys('a'))
    client = system.client(tasks=60, key_file=keys('a'))
    eventually(lambda: 'registered' in dispatcher.log, 'a calculator is registered')
    dispatcher.kill()
    system.again(dispatcher, **settings)
    assert client.wait() == 0
    system.balance()
    assert client.account['answered'] == 60


def test_who_has_no_key_or_another_one_is_neither_answered_nor_believed(system, keys):
    dispatcher = system.dispatcher(key_file=keys('a'))
    system.calculator('calculator-good', key_file=keys('a'))
    strangers = [system.calculator('calculator-without'), system.calculator('calculator-other', key_file=keys('b')),
                 system.client('client-without', drain_timeout_s=0),
                 system.client('client-other', drain_timeout_s=0, key_file=keys('b'))]
    client = system.client(tasks=10, key_file=keys('a'))
    assert client.wait() == 0
    for stranger in strangers:
        stranger.says('does not answer')
        stranger.ask_to_end()
    for stranger in strangers:
        stranger.wait()
        assert stranger.account['traffic']['datagrams_in'] == 0
    dispatcher.end()
    account = dispatcher.account
    assert account['accepted'] == 10
    assert account['counts']['registered'] == 1
    assert account['traffic']['refused']['bad_signature'] > 4
    system.is_balanced = True


def test_keys_are_changed_one_process_at_a_time(system, keys):
    system.dispatcher(key_file=keys('a', 'b'))
    system.calculator('calculator-old', key_file=keys('a', 'b'))
    system.calculator('calculator-new', key_file=keys('b', 'a'))
    client = system.client(tasks=20, key_file=keys('b', 'a'))
    assert client.wait() == 0
    system.balance()


def test_a_ping_without_the_key_gets_no_pong(system, keys):
    dispatcher = system.dispatcher(key_file=keys('a'))
    host, port = dispatcher.address
    assert not answers(host, port)
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        one.bind(('127.0.0.1', 0))
        one.settimeout(0.5)
        one.sendto(codec.encode('a', 'aaaaaaaa', 1, [Ping(1)])[0], (host, port))
        with pytest.raises(socket.timeout):
            one.recvfrom(2000)
    finally:
        one.close()
    eventually(lambda: answers(host, port, Guard(PROBE, [b'a' * 40])), 'who has the key is answered')
    system.is_balanced = True


@pytest.mark.parametrize('role', ['client', 'dispatcher', 'calculator'])
def test_a_key_that_others_can_read_is_refused_before_anything_starts(role, keys, tmpdir):
    path = keys('a')
    os.chmod(path, 0o644)
    settings = tmpdir.join('settings.json')
    settings.write('{"key_file": "%s"}' % path)
    status, output, log = run_to_end(['run_%s.py' % role, '-s', str(settings)])
    assert (status, output) == (2, '')
    assert len(log.splitlines()) == 1
    assert 'chmod 600' in log
