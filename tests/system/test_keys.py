"""Processes with a key work together; processes without it get no answer."""

from __future__ import absolute_import, division, print_function

import os
import sys

import pytest

from tests.system.processes import eventually


@pytest.fixture
def keys(tmpdir):
    """A function that returns a file with some keys. It writes each file once: a process may be reading it."""
    def file_of(*letters):
        path = str(tmpdir.join('key-' + ''.join(letters)))
        if not os.path.exists(path):
            with open(path, 'w') as file:
                file.write(''.join(letter * 40 + '\n' for letter in letters))
            os.chmod(path, 0o600)
        return path
    return file_of


def test_tasks_are_done_with_a_key_also_during_its_change_and_after_a_restart(system, keys, tmpdir):
    # The first key of a file signs, all of them are accepted: during a change, processes have them in another order.
    settings = {'key_file': keys('a', 'b'), 'journal': str(tmpdir.join('journal'))}
    dispatcher = system.dispatcher(**settings)
    for letters in ('ab', 'ba'):
        system.calculator('calculator-%s' % letters, capacity=4, key_file=keys(*letters))
    client = system.client(tasks=60, key_file=keys('b', 'a'))
    eventually(lambda: 'registered' in dispatcher.log, 'a calculator is registered')
    dispatcher.kill()
    system.restart(dispatcher, **settings)
    assert client.wait() == 0
    system.balance()


def test_a_process_without_the_key_or_with_another_one_gets_no_answer(system, keys):
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


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='only Linux has all of 127.0.0.0/8 on loopback')
def test_a_dispatcher_on_all_addresses_answers_at_each_of_them(system, keys):
    dispatcher = system.dispatcher(listen={'host': '0.0.0.0', 'port': 0}, key_file=keys('a'))
    # The dispatcher's datagrams come from 127.0.0.1, another address than the one that was asked.
    system.address = ('127.0.0.2', dispatcher.address[1])
    system.calculator('calculator', capacity=4, key_file=keys('a'))
    client = system.client(tasks=50, key_file=keys('a'))
    assert client.wait() == 0
    system.balance()
    assert client.account['counts']['channel_openings'] == 1
    assert client.account['duration_s'] < 5
