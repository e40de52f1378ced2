"""The services of docker-compose.yml on our own engine."""

from __future__ import absolute_import, division, print_function

import json
import re
import sys

from tests.compose.commands import Failed, run, wait_until

MYPY = False
if MYPY:
    import subprocess  # noqa: F401

SERVICES = ('dispatcher', 'calculator', 'client', 'monitor')
#: Services with a health check: dispatcher and monitor.
CHECKED = 2
HEALTHY_TIMEOUT_S = 60.0
#: The last lines of each container's log, for a failure.
LOG_LINES_SHOWN = 40


class Composition(object):
    def __init__(self, engine, compose, image=None):
        """`compose` is the command; `image` is the value of PYTHON_IMAGE, which is not set for None."""
        self.engine = engine
        self._compose = compose
        self._environment = engine.environment()
        if image is not None:
            self._environment['PYTHON_IMAGE'] = image

    def compose(self, *arguments, **options):
        # With --file, docker-compose does not read a user's override file.
        return run((self._compose, '--file', 'docker-compose.yml') + arguments, env=self._environment, **options)

    def image(self):
        """The image that all services run on."""
        images = set(re.findall(r'^ +image: (\S+)$', self.compose('config').stdout, re.MULTILINE))
        if len(images) != 1:
            raise Failed('expected one image for all services, found %s' % sorted(images))
        return images.pop()

    def up(self, calculators):
        self.compose('up', '--detach', '--scale', 'calculator=%d' % calculators)

    def down(self):
        self.compose('down', '--volumes', '--remove-orphans', timeout_s=90.0)

    def containers(self, service):
        """Ids of a service's containers, also of stopped ones."""
        listed = self.engine.docker('ps', '--all', '--no-trunc', '--quiet',
                                    '--filter', 'label=com.docker.compose.service=%s' % service)
        return listed.stdout.split()

    def only(self, service):
        """The id of a service's only container."""
        found = self.containers(service)
        if len(found) != 1:
            raise Failed('%d containers of %s' % (len(found), service))
        return found[0]

    def inspect(self, container):
        return json.loads(self.engine.docker('inspect', container).stdout)[0]

    def health(self):
        """Container name -> healthy, unhealthy or starting; without a health check, its status."""
        facts = [self.inspect(container) for service in SERVICES for container in self.containers(service)]
        return {fact['Name'].lstrip('/'): fact['State'].get('Health', {}).get('Status', fact['State']['Status'])
                for fact in facts}

    def wait_until_healthy(self, containers):
        expected = ['healthy'] * CHECKED + ['running'] * (containers - CHECKED)
        wait_until(lambda: sorted(self.health().values()) == expected,
                   '%d healthy or running containers' % containers, HEALTHY_TIMEOUT_S, self.health)

    def output(self, container):
        """Standard output and standard error."""
        log = self.engine.docker('logs', container)
        return log.stdout, log.stderr

    def show_logs(self):
        """Print the status of each container, and the end of its log."""
        for service in SERVICES:
            for container in self.containers(service):
                fact = self.inspect(container)
                print('---- %s: %s, exit status %d, user %s' % (
                    fact['Name'].lstrip('/'), fact['State']['Status'], fact['State']['ExitCode'],
                    fact['Config']['User']))
                for stream, text in zip(('out', 'err'), self.output(container)):
                    for line in text.splitlines()[-LOG_LINES_SHOWN:]:
                        print('%s| %s' % (stream, line))
                health = fact['State'].get('Health', {})
                for probe in health.get('Log', [])[-1:]:
                    print('probe %d| %s' % (probe['ExitCode'], probe['Output'].strip()))
        sys.stdout.flush()
