"""The checks of docker-compose.yml. Each continues from the state after the one before."""

from __future__ import absolute_import, division, print_function

import json
import re
import time

from tests.compose.commands import Failed, wait_until
from tests.compose.composition import SERVICES

CALCULATORS = 3
KILLED_STATUS = 128 + 9
#: A calculator is dead after five missed heartbeats, one a second; the rest is for a slow machine.
DEAD_TIMEOUT_S = 30.0
#: After five seconds of silence a process looks up the address again, at intervals of up to half a minute.
FOUND_TIMEOUT_S = 60.0
#: There is about one answer a second.
ANSWER_TIMEOUT_S = 60.0
ANSWERS = 3
#: The engine's default.
GRACE_DEFAULT_S = 10

#: Time for a health check, as the dispatcher has, to find a container unhealthy.
JUDGED_S = 25.0

OTHER_SETTINGS = """
import os
with open('/dev/shm/calculator.json', 'w') as file:
    file.write('%s')
os.execvp('python', ['python', 'run_calculator.py', '-s', '/dev/shm/calculator.json'])
"""
PROBE_OF_RIGHTS = """
import os
for path in ('/app/written', '/tmp/written', '/written'):
    try:
        open(path, 'w').close()
    except EnvironmentError:
        continue
    print('can write ' + path)
print('user %d' % os.getuid())
with open('/proc/1/status') as status:
    print(''.join(line for line in status if line.startswith(('CapEff', 'CapBnd', 'NoNewPrivs'))))
"""
PROBE_OF_PAGE = """
import json
try:
    from urllib.request import urlopen
except ImportError:
    from urllib2 import urlopen
told = json.loads(urlopen('http://127.0.0.1:8080/status.json').read().decode('ascii'))
alive = told['calculator_states'].get('alive', 0)
print('well' if told['answers'] and alive >= 3 else 'answers %s, alive %d' % (told['answers'], alive))
"""
RIGHTS = ['user 65534', 'CapEff: 0000000000000000', 'CapBnd: 0000000000000000', 'NoNewPrivs: 1']


def file_is_valid(composition):
    composition.compose('config', '--quiet')


def is_a_valid_stack(composition):
    asked = composition.engine.docker('stack', 'config', '--compose-file', 'docker-compose.yml', check=False)
    if asked.returncode != 0:
        # Docker has this command since version 23.
        raise Failed(asked.stderr.strip())


def start_all(composition):
    composition.up(CALCULATORS)
    composition.wait_until_healthy(len(SERVICES) - 1 + CALCULATORS)


def has_no_rights(composition):
    for service in SERVICES:
        for container in composition.containers(service):
            seen = composition.engine.docker('exec', container, 'python', '-c', PROBE_OF_RIGHTS).stdout
            lines = [' '.join(line.split()) for line in seen.splitlines() if line]
            if lines != RIGHTS:
                raise Failed('%s: %s instead of %s' % (service, lines, RIGHTS))


def grace_is_longer_than_drain(composition):
    for service in SERVICES:
        with open('config/compose/%s.json' % service) as settings:
            # A monitor has nothing to drain.
            drain_s = json.load(settings).get('drain_timeout_s', 0)
        for container in composition.containers(service):
            grace_s = composition.inspect(container)['Config'].get('StopTimeout', GRACE_DEFAULT_S)
            # After its drain a client may need three seconds to cancel its tasks.
            if grace_s < drain_s + 5:
                raise Failed('%s drains for up to %s s and is killed after %s s' % (service, drain_s, grace_s))


def answered(composition):
    """The number of answers in the last progress line of the client's log."""
    counts = re.findall(r'answered (\d+)', composition.output(composition.only('client'))[1])
    return int(counts[-1]) if counts else 0


def check_answers(composition):
    before = answered(composition)
    wait_until(lambda: answered(composition) >= before + ANSWERS, '%d more answers' % ANSWERS, ANSWER_TIMEOUT_S)


def survives_a_calculator(composition):
    victim = composition.containers('calculator')[0]
    name = composition.inspect(victim)['Config']['Hostname']
    dispatcher = composition.only('dispatcher')
    composition.engine.docker('kill', victim)
    wait_until(lambda: re.search(r'%s.*\bdead\b' % name, composition.output(dispatcher)[1]),
               'the dispatcher says that calculator %s is dead' % name, DEAD_TIMEOUT_S)
    check_answers(composition)
    if composition.inspect(victim)['State']['Status'] != 'exited':
        raise Failed('a container that docker kill ended was started again')


def keeps_a_calculator_in_an_outage(composition):
    settings = {'dispatcher': {'host': 'dispatcher'}, 'listen': {'host': '0.0.0.0'},
                'outage': {'check_interval_s': 1, 'probability': 1, 'duration_s': [3600, 3600]}}
    # The command of the service, with settings in the only writable folder.
    started = composition.compose('run', '--detach', '--no-deps', 'calculator', 'python', '-c', OTHER_SETTINGS % (
        json.dumps(settings),))
    container = composition.inspect(started.stdout.split()[-1])['Id']
    wait_until(lambda: 'Out of order' in composition.output(container)[1], 'an outage begins', DEAD_TIMEOUT_S)
    time.sleep(JUDGED_S)
    state = composition.inspect(container)['State']
    composition.engine.docker('rm', '--force', container)
    if not state['Running'] or state.get('Health', {}).get('Status') == 'unhealthy':
        raise Failed('a swarm would replace a calculator in an outage: %s' % json.dumps(state))


def survives_a_dispatcher(composition):
    before = _address(composition, 'dispatcher')
    composition.engine.docker('kill', composition.only('dispatcher'))
    # The calculators that start now get the free address, so that the new dispatcher gets another one.
    composition.compose('up', '--detach', '--no-deps', '--scale', 'calculator=%d' % (CALCULATORS + 1), 'calculator')
    composition.compose('up', '--detach', '--no-deps', '--force-recreate', 'dispatcher')
    after = _address(composition, 'dispatcher')
    if before == after:
        raise Failed('the new dispatcher got the old address, %s; this check needs another one' % after)
    for container in composition.containers('calculator'):
        name = composition.inspect(container)['Config']['Hostname']
        wait_until(lambda name=name: re.search(r'%s.*\bregistered\b' % name,
                                               composition.output(composition.only('dispatcher'))[1]),
                   'calculator %s finds the new dispatcher' % name, FOUND_TIMEOUT_S)
    check_answers(composition)
    composition.wait_until_healthy(len(SERVICES) + CALCULATORS)


def _address(composition, service):
    networks = composition.inspect(composition.only(service))['NetworkSettings']['Networks']
    return ', '.join(network['IPAddress'] for network in networks.values())


def page_is_served(composition):
    wait_until(lambda: 'well' in composition.engine.docker(
        'exec', composition.only('monitor'), 'python', '-c', PROBE_OF_PAGE).stdout,
        'the page shows the dispatcher and all calculators', FOUND_TIMEOUT_S)


def client_tells_its_statistics(composition):
    composition.compose('stop', 'client', timeout_s=60.0)
    _statistics(composition)


def all_stop(composition):
    running = [container for service in SERVICES for container in composition.containers(service)
               if composition.inspect(container)['State']['Running']]
    composition.compose('stop', timeout_s=120.0)
    for container in running:
        fact = composition.inspect(container)
        if fact['State']['Running'] or fact['State']['ExitCode'] != 0:
            raise Failed('%s ended with %d%s' % (
                fact['Name'], fact['State']['ExitCode'],
                ', killed after its grace period' if fact['State']['ExitCode'] == KILLED_STATUS else ''))


def stopped_together_they_agree(composition):
    all_stop(composition)
    client = _statistics(composition)
    account = composition.output(composition.only('dispatcher'))[0]
    found = re.search(r'^tasks accepted +(\d+) +done (\d+),', account, re.MULTILINE)
    if not found or (client['sent'], client['answered']) != (int(found.group(1)), int(found.group(2))):
        raise Failed('the accounts of client and dispatcher differ')


def _statistics(composition):
    """The statistics that the client printed at its end: sent, answered, unanswered."""
    container = composition.only('client')
    status = composition.inspect(container)['State']['ExitCode']
    counts = {name: int(count) for name, count in re.findall(
        r'^(sent|answered|unanswered) +(\d+)\b', composition.output(container)[0], re.MULTILINE)}
    print('           client: exit status %d, %s' % (status, json.dumps(counts, sort_keys=True)))
    if len(counts) != 3:
        raise Failed('no statistics in the log of the client')
    if status != 0 or counts['sent'] != counts['answered'] + counts['unanswered'] or counts['answered'] == 0:
        raise Failed('the client did not drain, or its statistics do not add up')
    return counts


def nothing_is_left(composition):
    composition.down()
    left = composition.engine.docker('ps', '--all', '--quiet').stdout + composition.engine.docker(
        'network', 'ls', '--quiet', '--filter', 'driver=bridge').stdout
    if left:
        raise Failed('containers or networks are left: %s' % left.split())


def runs_python_2(composition):
    for service in SERVICES:
        for container in composition.containers(service):
            said = composition.engine.docker('exec', container, 'python', '--version')
            if 'Python 2.7' not in said.stdout + said.stderr:
                raise Failed('%s runs %s' % (service, said.stdout + said.stderr))


FULL = (
    ('docker-compose config is valid', file_is_valid),
    ('docker stack config is valid', is_a_valid_stack),
    ('a dispatcher, %d calculators, a client and a monitor start' % CALCULATORS, start_all),
    ('no process is root, has a capability, or can write a file', has_no_rights),
    ('the grace period is longer than the drain', grace_is_longer_than_drain),
    ('tasks are answered', check_answers),
    ('a calculator is killed: the dispatcher notices it, tasks are answered', survives_a_calculator),
    ('a calculator in an outage is not unhealthy', keeps_a_calculator_in_an_outage),
    ('the dispatcher is killed and restarted at another address: all calculators find it', survives_a_dispatcher),
    ('the monitor finds it too, and serves its page', page_is_served),
    ('the client is stopped: its statistics are in its log', client_tells_its_statistics),
    ('the others drain and stop', all_stop),
    ('down leaves no containers or networks', nothing_is_left),
)

SHORT = (
    ('docker-compose config is valid', file_is_valid),
    ('a dispatcher, %d calculators, a client and a monitor start' % CALCULATORS, start_all),
    ('all services run Python 2.7', runs_python_2),
    ('tasks are answered', check_answers),
    ('the monitor serves its page', page_is_served),
    ('all are stopped together: the accounts of client and dispatcher agree', stopped_together_they_agree),
    ('down leaves no containers or networks', nothing_is_left),
)
