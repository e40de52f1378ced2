"""With a key: those who have it work as ever; others are neither answered nor believed."""

from __future__ import absolute_import, division, print_function

import os
import socket
import sys

import pytest

from net_protocol import codec
from net_protocol.rows import PROBE
from net_protocol.seals import CHECKSUM, Signature
from runtime.probe import answers
from tests.system.processes import eventually


@pytest.fixture
def keys(tmpdir):
    """Makes files of keys, each once: a process that was just started may be reading it."""
    def file_of(*letters):
        path = str(tmpdir.join('key-' + ''.join(letters)))
        if not os.path.exists(path):
            with open(path, 'w') as file:
                file.write(''.join(letter * 40 + '\n' for letter in letters))
            os.chmod(path, 0o600)
        return path
    return file_of


def test_a_trio_with_a_key_works_also_when_the_dispatcher_is_killed(system, keys, tmpdir):
    settings = {'key_file': keys('a'), 'journal': str(tmpdir.join('journal'))}
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


def test_without_the_key_or_with_another_one_nobody_is_answered_or_believed(system, keys):
    dispatcher = system.dispatcher(key_file=keys('a'))
    system.calculator('calculator-good', key_file=keys('a'))
    strangers = [system.calculator('calculator-without'), system.calculator('calculator-other', key_file=keys('b')),
                 system.client('client-without', drain_timeout_s=0),
                 system.client('client-other', drain_timeout_s=0, key_file=keys('b'))]
    client = system.client(tasks=10, key_file=keys('a'))
    assert client.wait() == 0
    for stranger in strangers:
        stranger.says('does not answer; trying again from another port')
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


def test_a_hello_without_the_key_gets_no_greeting(system, keys):
    dispatcher = system.dispatcher(key_file=keys('a'))
    host, port = dispatcher.address
    assert not answers(host, port, CHECKSUM)
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        one.bind(('127.0.0.1', 0))
        one.settimeout(0.5)
        one.sendto(codec.hello(CHECKSUM, codec.head(PROBE, 'a', 'aaaaaaaa', ''), 1), (host, port))
        with pytest.raises(socket.timeout):
            one.recvfrom(2000)
    finally:
        one.close()
    eventually(lambda: answers(host, port, Signature([b'a' * 40])), 'with the key it is answered')
    system.is_balanced = True


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='only Linux has all of 127.0.0.0/8 on loopback')
def test_a_dispatcher_on_all_addresses_works_at_any_of_them(system, keys):
    dispatcher = system.dispatcher(listen={'host': '0.0.0.0', 'port': 0}, key_file=keys('a'))
    # Its datagrams to here come from 127.0.0.1, and not from where they are expected.
    system.address = ('127.0.0.2', dispatcher.address[1])
    system.calculator('calculator', capacity=4, key_file=keys('a'))
    client = system.client(tasks=50, key_file=keys('a'))
    assert client.wait() == 0
    system.balance()
    assert client.account['answered'] == 50
    # Nothing had to be tried twice.
    assert client.account['counts']['channel_openings'] == 1
    assert client.account['duration_s'] < 5
