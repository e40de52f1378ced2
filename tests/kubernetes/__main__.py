"""Checks deploy/kubernetes/ without a cluster.

    tests/kubernetes/run

The manifests have to agree with the schemas of the newest and of an older Kubernetes, without unknown fields, and with
our own rules. The containers run on our own engine (tests/compose/engine.py) with the user, group, command and modes of
files of their pods; volumes and names, which a cluster would provide, are made here. That needs root. If a check can't
run, the reason is printed and the status is 0; with CI=true it is 1.
"""

from __future__ import absolute_import, division, print_function

import binascii
import json
import os
import re
import shutil
import signal
import sys
import tempfile

import kubernetes_validate
import yaml

from runtime import archive
from tests.compose import images
from tests.compose.commands import Failed, find_command, run, wait_until
from tests.compose.engine import Engine
from tests.source_tree import ROOT

FOLDER = os.path.join(ROOT, 'deploy', 'kubernetes')
OLDEST = '1.29'
FARM_MAX_BYTES = 1 << 20  # of a ConfigMap
CALCULATORS = 3
START_TIMEOUT_S = 60.0
TASKS = 30


def documents(text):
    return [one for one in yaml.safe_load_all(text) if one]


def sources():
    """The manifests in deploy/kubernetes."""
    found = []
    for name in sorted(os.listdir(FOLDER)):
        if name.endswith('.yaml') and name != 'kustomization.yaml':
            with open(os.path.join(FOLDER, name)) as file:
                found += documents(file.read())
    return found


def check_schema(manifests):
    for version in (OLDEST, kubernetes_validate.latest_version()):
        for manifest in manifests:
            try:
                kubernetes_validate.validate(manifest, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                raise Failed('%s, Kubernetes %s: %s: %s' % (
                    manifest['kind'], version, '.'.join(str(key) for key in error.path), error.message))


def check_rules(manifests):
    """Rules that the schemas do not have."""
    kinds = {(one['kind'], one['metadata']['name']): one['spec'] for one in manifests if 'spec' in one}
    if sorted(kinds) != [('Deployment', 'calculator'), ('Service', 'dispatcher'), ('StatefulSet', 'dispatcher')]:
        raise Failed('unknown manifests: %s' % sorted(kinds))
    service, dispatcher = kinds['Service', 'dispatcher'], kinds['StatefulSet', 'dispatcher']
    if service['clusterIP'] != 'None':
        raise Failed('the service has a virtual address')
    for settings, spec in (('dispatcher', dispatcher), ('calculator', kinds['Deployment', 'calculator'])):
        pod = spec['template']['spec']
        labels = spec['template']['metadata']['labels']
        if spec['selector']['matchLabels'] != labels:
            raise Failed('%s: the selector does not select its pods' % settings)
        with open(os.path.join(FOLDER, settings + '.json')) as file:
            drain_s = json.load(file)['drain_timeout_s']
        if pod['terminationGracePeriodSeconds'] < drain_s + 15:
            raise Failed('%s: a pod is killed while it drains' % settings)
        secret = [volume['secret'] for volume in pod['volumes'] if 'secret' in volume][0]
        if secret['defaultMode'] != 0o440 or pod['securityContext']['fsGroup'] != pod['securityContext']['runAsGroup']:
            raise Failed('%s: the programs refuse a key with this mode' % settings)
    if service['selector'] != dispatcher['template']['metadata']['labels']:
        raise Failed('the service does not select the dispatcher')
    with open(os.path.join(FOLDER, 'calculator.json')) as file:
        if json.load(file)['listen']['port'] != 0:
            raise Failed('calculators have a fixed port')


def make_files(folder):
    """Copy the folder, and make the files that docs/kubernetes.md tells users to make."""
    shutil.copytree(FOLDER, folder)
    archive.build(os.path.join(folder, 'farm.pyz'), ROOT)
    with open(os.path.join(folder, 'key'), 'wb') as key:
        key.write(binascii.hexlify(os.urandom(32)))


def check_rendered(folder):
    kubectl = find_command('kubectl')
    if kubectl is None:
        raise Failed('no kubectl on this machine')
    rendered = documents(run([kubectl, 'kustomize', folder]).stdout)
    check_schema(rendered)
    check_rules(rendered)
    for one in rendered:
        size = len(json.dumps([one.get('data'), one.get('binaryData')]))
        if one['kind'] == 'ConfigMap' and size > FARM_MAX_BYTES:
            raise Failed('%s has %d bytes' % (one['metadata']['name'], size))


class Pods(object):
    """The containers of the manifests on an engine."""

    def __init__(self, engine, folder, manifests):
        self.engine = engine
        self.pods = {one['metadata']['name']: one['spec']['template']['spec']
                     for one in manifests if 'template' in one.get('spec', {})}
        group = self.pods['dispatcher']['securityContext']['fsGroup']
        self.volumes = {'farm': folder + ':/app:ro', 'key': os.path.join(folder, 'secret') + ':/key:ro',
                        'journal': os.path.join(folder, 'journal') + ':/journal'}
        os.mkdir(os.path.join(folder, 'secret'))
        secret = os.path.join(folder, 'secret', 'key')
        shutil.move(os.path.join(folder, 'key'), secret)
        os.chmod(secret, 0o440)
        os.chown(secret, 0, group)
        os.mkdir(os.path.join(folder, 'journal'))
        os.chown(os.path.join(folder, 'journal'), 0, group)
        os.chmod(os.path.join(folder, 'journal'), 0o2775)
        os.chmod(folder, 0o755)
        engine.docker('network', 'create', '--internal', 'pods')

    def start(self, pod, name, command=None):
        """Start a container of a pod, or with ``command`` another program in such a container."""
        spec = self.pods[pod]
        container = spec['containers'][0]
        rights = spec['securityContext']
        options = ['--user', '%d:%d' % (rights['runAsUser'], rights['runAsGroup']), '--read-only', '--cap-drop', 'ALL',
                   '--security-opt', 'no-new-privileges', '--init', '--network', 'pods', '--hostname', name]
        if command is None:
            options += ['--network-alias', pod]
            command = [word.replace('$(POD)', name) for word in container['command']]
        for mount in container['volumeMounts']:
            options += ['--volume', self.volumes[mount['name']]]
        self.engine.docker(*(['run', '--detach', '--name', name] + options + [container['image']] + command))

    def stop(self, name):
        grace_s = self.pods[name.split('-')[0]]['terminationGracePeriodSeconds']
        self.engine.docker('stop', '--time', str(grace_s), name, timeout_s=120.0)
        if self.status(name) != 0:
            raise Failed('%s ended with %d:\n%s' % (name, self.status(name), self.log(name)))

    def status(self, name):
        return json.loads(self.engine.docker('inspect', name).stdout)[0]['State']['ExitCode']

    def log(self, name):
        log = self.engine.docker('logs', name)
        return log.stdout + log.stderr


def check_running(folder, manifests):
    if os.geteuid() != 0:
        raise Failed('only root can start an engine')
    engine = Engine()
    try:
        engine.start()
        engine.import_image(images.debian_with_python(engine.directory), 'python:3.13-slim')
        pods = Pods(engine, folder, manifests)
        pods.start('dispatcher', 'dispatcher-0')
        names = ['calculator-%d' % number for number in range(CALCULATORS)]
        for name in names:
            pods.start('calculator', name)
        probe = pods.pods['dispatcher']['containers'][0]['readinessProbe']['exec']['command']
        wait_until(lambda: engine.docker('exec', 'dispatcher-0', *probe, check=False).returncode == 0,
                   'the dispatcher is ready', START_TIMEOUT_S, lambda: pods.log('dispatcher-0'))
        wait_until(lambda: all(name + ' registered' in pods.log('dispatcher-0') for name in names),
                   'all calculators are registered', START_TIMEOUT_S, lambda: pods.log('dispatcher-0'))
        pods.start('calculator', 'client', ['python', '/app/farm.pyz', 'client', '-s', '/app/client.json',
                                            '--tasks', str(TASKS), '--json', '--log-level', 'error'])
        wait_until(lambda: re.search('running [1-9]', pods.log('dispatcher-0')), 'a task runs', START_TIMEOUT_S,
                   lambda: pods.log('dispatcher-0'))
        pods.stop(names[0])
        if 'abandoned 0' not in pods.log(names[0]):
            raise Failed('%s did not drain:\n%s' % (names[0], pods.log(names[0])))
        engine.docker('wait', 'client', timeout_s=120.0)
        account = json.loads(pods.log('client'))
        if account['answered'] != TASKS:
            raise Failed('not all tasks were answered: %s' % account)
        for name in names[1:] + ['dispatcher-0']:
            pods.stop(name)
        for name in names:
            if name + ' left' not in pods.log('dispatcher-0'):
                raise Failed('%s did not leave:\n%s' % (name, pods.log('dispatcher-0')))
    finally:
        engine.stop()


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    where = tempfile.mkdtemp(prefix='kubernetes-test-')
    folder = os.path.join(where, 'kubernetes')
    manifests = sources()
    failed = left_out = 0
    checks = (
        ('the schemas of Kubernetes %s and %s' % (OLDEST, kubernetes_validate.latest_version()),
         lambda: check_schema(manifests)),
        ('no virtual address, the time to stop, the mode of the key', lambda: check_rules(manifests)),
        ('what kubectl kustomize makes of them', lambda: check_rendered(folder)),
        ('the containers as user 65534: %d tasks are answered, calculators leave' % TASKS,
         lambda: check_running(folder, manifests)))
    try:
        make_files(folder)
        for what, check in checks:
            try:
                check()
            except Failed as error:
                is_left_out = 'on this machine' in str(error) or 'only root' in str(error)
                left_out += is_left_out
                failed += not is_left_out
                print('%s %s: %s' % ('NOT RUN' if is_left_out else 'FAILED ', what, error))
            else:
                print('ok      %s' % what)
    finally:
        shutil.rmtree(where)
    return 1 if failed or (left_out and os.environ.get('CI') == 'true') else 0


if __name__ == '__main__':
    sys.exit(main())
