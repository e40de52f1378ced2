"""The dispatcher on one machine, clients and calculators on another. Needs root on Linux."""

from __future__ import absolute_import, division, print_function

import io
import os
import re
import sys

import pytest

from runtime.clock import monotonic
from runtime.launcher import run
from tests.source_tree import ROOT
from tests.system.namespaces import TwoMachines, skip_without_namespaces
from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER, Process

VIRTUAL = '10.96.0.1'
PORT = 5555

#: The longest time without answers after the dispatcher moved behind a virtual address.
MOVED_S = 15.0


@pytest.fixture
def machines(request, tmpdir, told_to_end):
    skip_without_namespaces()
    made = TwoMachines(str(tmpdir))
    try:
        made.here.has_address('10.9.0.2')
        made.there.has_address('10.9.0.1')
        yield made
    finally:
        made.dispose()
        if getattr(request.node, 'system_test_failed', True):
            print(made.report())


def forward(machine, target):
    """Forward datagrams for the virtual address to ``target``, as a Kubernetes service does."""
    machine.run('nft', 'flush chain ip nat output')
    machine.run('nft', 'add rule ip nat output ip daddr %s udp dport %d dnat to %s:%d' % (VIRTUAL, PORT, target, PORT))


def test_a_dispatcher_that_moves_behind_a_virtual_address_is_found(machines):
    here, there = machines.here, machines.there
    here.run('ip', 'route', 'add', 'default', 'dev', 'cable')
    here.run('nft', 'add table ip nat')
    here.run('nft', 'add chain ip nat output { type nat hook output priority -100; }')
    forward(here, '10.9.0.1')
    machines.machine = there
    first = machines.dispatcher(listen={'host': '10.9.0.1', 'port': PORT})
    machines.machine = here
    machines.address = (VIRTUAL, PORT)
    calculator = machines.calculator('calculator', capacity=4, listen={'host': '0.0.0.0', 'port': 0})
    client = machines.client(task_interval_s=[0.1, 0.1], arguments=['--log-level', 'debug'])
    client.says('answered after', times=5)
    first.kill()
    there.has_address_no_more('10.9.0.1')
    there.has_address('10.9.0.3')
    machines.machine = there
    second = machines.start(DISPATCHER, 'second', {'listen': {'host': '10.9.0.3', 'port': PORT}}, ['--json'])
    assert second.address == ('10.9.0.3', PORT)
    forward(here, '10.9.0.3')
    moved_at = monotonic()
    second.says('Calculator calculator registered', bound_s=MOVED_S)
    client.says('answered after', client.log.count('answered after') + 5, MOVED_S)
    took_s = monotonic() - moved_at
    print('works again after %.1f s' % took_s)
    assert took_s <= MOVED_S
    client.says('does not answer; trying again from another port')
    calculator.says('does not answer; trying again from another port')
    machines.balance()
    # The client resubmitted the tasks that the first dispatcher had not answered.
    assert client.account['sent'] == client.account['answered'] > 5


def test_a_farm_on_two_machines_with_a_key(machines, tmpdir):
    key, settings = tmpdir.join('farm.key'), tmpdir.join('client.json')
    key.write('k' * 48)
    key.chmod(0o600)
    settings.write('{"key_file": "%s"}' % key)
    machines.machine = machines.there
    dispatcher = machines.dispatcher(listen={'host': '10.9.0.1', 'port': PORT}, key_file=str(key))
    machines.machine = machines.here
    machines.calculator('calculator', listen={'host': '0.0.0.0', 'port': 0}, key_file=str(key),
                        work=os.path.join(ROOT, 'config', 'work.py'))
    client = machines.here.wrapper + [sys.executable, os.path.join(ROOT, 'run_client.py'), '--dispatcher',
                                      '10.9.0.1:%d' % PORT]
    assert run(client + ['-s', str(settings), '--map', 'square'], '1\n2\n3\n')[:2] == (0, '1\n4\n9\n')
    # A client without the key.
    assert run(client + ['--functions'])[0] == 1
    dispatcher.says('bad_signature')


def blocks_of_the_manual():
    """The commands of each block in docs/operations.md, "Several machines"."""
    with io.open(os.path.join(ROOT, 'docs', 'operations.md'), encoding='utf-8') as file:
        section = file.read().split(u'## Several machines')[1].split(u'\n## ')[0]
    return [re.findall(r'^\$ (.*)', block, re.MULTILINE) for block in section.split(u'```')[1::2]]


@pytest.fixture
def checkouts(tmpdir):
    """Two folders with the programs, and a folder for PATH in which ``python3`` is this Python."""
    path = tmpdir.mkdir('bin')
    path.join('python3').write('#!/bin/sh\nexec %s "$@"\n' % sys.executable)
    path.join('python3').chmod(0o755)
    made = [tmpdir.mkdir('there'), tmpdir.mkdir('here')]
    for folder in made:
        for program in ('run_dispatcher.py', 'run_calculator.py', 'run_client.py'):
            folder.join(program).mksymlinkto(os.path.join(ROOT, program))
    return made, path


def test_the_commands_in_the_manual_for_several_machines_work(machines, checkouts, tmpdir):
    for machine in (machines.here, machines.there):
        machine.run('nft', 'add table inet filter')
        machine.run('nft', 'add chain inet filter input { type filter hook input priority 0; policy drop; }')
        machine.run('nft', 'add rule inet filter input ct state established,related accept')
    (there, here), path = checkouts
    started = {}
    for machine, folder, commands in zip((machines.there, machines.here), (there, here), blocks_of_the_manual()):
        if folder is here:
            # The copy has the mode of the file.
            there.join('key').copy(here.join('key'), mode=True)
        for command in commands:
            shell = machine.wrapper + ['sh', '-c', 'cd %s; PATH=%s:$PATH; %s' % (folder, path, command)]
            role = re.match('python3 run_([a-z]+)', command)
            if role is None:
                machine.run(*shell[len(machine.wrapper):])
                continue
            # The program replaces the shell, so it gets the signals.
            shell[-1] = shell[-1].replace('; python3 run_', '; exec python3 run_')
            started[role.group(1)] = machines.adopt(Process(role.group(1), role.group(1), shell, str(tmpdir), None))
            assert started[role.group(1)].address
    client = started[CLIENT]
    assert client.wait() == 0
    assert re.search(r'answered +5 ', client.output)
    started[DISPATCHER].says('registered from 10.9.0.2:')
    for name in (CALCULATOR, DISPATCHER):
        started[name].ask_to_end()
        assert started[name].wait() == 0
    assert 'without a key' not in machines.report()


@pytest.mark.parametrize('payload_bytes', [900, 1150])
def test_tasks_are_done_over_a_path_that_drops_fragments(machines, payload_bytes):
    for machine in (machines.here, machines.there):
        # A tunnel has such a path.
        machine.run('ip', 'link', 'set', 'cable', 'mtu', '1420')
        machine.run('nft', 'add table ip cut')
        # This priority is before the kernel reassembles fragments.
        machine.run('nft', 'add chain ip cut pre { type filter hook prerouting priority -450; }')
        machine.run('nft', 'add rule ip cut pre ip frag-off & 0x3fff != 0 counter drop')
    machines.machine = machines.there
    machines.dispatcher(listen={'host': '10.9.0.1', 'port': PORT})
    machines.machine = machines.here
    machines.calculator('calculator', capacity=8, listen={'host': '0.0.0.0', 'port': 0})
    client = machines.client(tasks=40, task_interval_s=[0, 0], in_flight_max=10, payload_bytes=payload_bytes)
    assert client.wait() == 0
    machines.balance()
