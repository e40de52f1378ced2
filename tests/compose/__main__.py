"""Runs docker-compose.yml on its own container engine, and removes the engine and all files afterwards.

    tests/compose/run                       Debian's docker-compose on Debian's engine
    tests/compose/run --compose PATH        another docker-compose

Needs root on Debian or a derived distribution, and installs missing packages. The images are made here, under the names
in docker-compose.yml; no registry is used. A run takes a minute, the first one two minutes. If the checks can't run,
the reason is printed and the status is 0; with CI=true it is 1.
"""

from __future__ import absolute_import, division, print_function

import argparse
import os
import signal
import sys
import time

from tests.compose import images
from tests.compose.checks import FULL, SHORT
from tests.compose.commands import Failed, find_command, run
from tests.compose.composition import Composition
from tests.compose.engine import Engine

PYTHON_2_IMAGE = 'python:2.7-slim'
#: Command -> Debian package.
PACKAGES = {'dockerd': 'docker.io', 'docker': 'docker.io', 'docker-compose': 'docker-compose',
            'debootstrap': 'debootstrap'}
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
UPDATE_TIMEOUT_S = 120.0
INSTALL_TIMEOUT_S = 300.0
#: Debian's maintainer scripts ask this program whether a service may be started. By default it does not exist.
SERVICE_POLICY = '/usr/sbin/policy-rc.d'


def main():
    parser = argparse.ArgumentParser(prog='tests/compose/run', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--compose', default='docker-compose', metavar='PATH', help='the docker-compose to run')
    options = parser.parse_args()
    # These signals end the program by an exception, so that the engine is removed.
    for number in ENDS:
        signal.signal(number, _raise_exit)
    engine = None
    try:
        try:
            install_what_is_missing()
            engine = Engine()
            engine.start()
            versions = run([options.compose, 'version']).stdout.splitlines()[0], engine.version()
            compositions = make_compositions(engine, options.compose)
        except Failed as exc:
            print('docker-compose.yml was NOT run on an engine: %s' % exc)
            return 1 if os.environ.get('CI') == 'true' else 0
        print('%s, engine %s' % versions)
        held = [result for checks, composition in compositions for result in try_all(checks, composition)]
    finally:
        # A second Ctrl-C does not interrupt the removal.
        for number in ENDS:
            signal.signal(number, signal.SIG_IGN)
        if engine is not None:
            engine.stop()
    known = sum(len(checks) for checks, _ in compositions)
    failed = held.count(False)
    print('\n%d passed, %d failed, %d skipped' % (held.count(True), failed, known - len(held)))
    return 1 if failed else 0


def _raise_exit(number, _frame):
    sys.exit(128 + number)


def install_what_is_missing():
    if os.geteuid() != 0:
        raise Failed('only root can start an engine')
    missing = sorted({package for command, package in PACKAGES.items() if find_command(command) is None})
    if not missing:
        return
    if find_command('apt-get') is None:
        raise Failed('%s missing, and there is no apt-get to install them' % ', '.join(missing))
    print('installing %s' % ' '.join(missing))
    environment = dict(os.environ, DEBIAN_FRONTEND='noninteractive')
    # The package must not start its engine.
    hold_services = not os.path.exists(SERVICE_POLICY)
    if hold_services:
        with open(SERVICE_POLICY, 'w') as policy:
            policy.write('#!/bin/sh\nexit 101\n')
        os.chmod(SERVICE_POLICY, 0o755)
    try:
        apt_get = ['apt-get', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=3', '--quiet', '--yes']
        # One of several sources of packages may not answer.
        run(apt_get + ['update'], timeout_s=UPDATE_TIMEOUT_S, env=environment, check=False)
        run(apt_get + ['install', '--no-install-recommends'] + missing, timeout_s=INSTALL_TIMEOUT_S, env=environment)
    finally:
        if hold_services:
            os.remove(SERVICE_POLICY)


def make_compositions(engine, compose):
    """Make the images; returns pairs of checks and the composition that they are for."""
    default = Composition(engine, compose)
    engine.import_image(images.debian_with_python(engine.directory), default.image())
    compositions = [(FULL, default)]
    python_2 = images.find_python_2()
    if python_2 is None:
        print('no Python 2.7 on this machine to make %s from' % PYTHON_2_IMAGE)
    else:
        archive = os.path.join(engine.directory, 'python-2.7.tar')
        images.interpreter_with_libraries(python_2, archive)
        engine.import_image(archive, PYTHON_2_IMAGE, ['ENV LD_LIBRARY_PATH=/usr/local/lib'])
        compositions.append((SHORT, Composition(engine, compose, PYTHON_2_IMAGE)))
    return compositions


def try_all(checks, composition):
    """Yield whether each check passed, up to the first failure: each check continues from the one before."""
    print('\non %s' % composition.image())
    for what, check in checks:
        started_at = time.monotonic()
        try:
            check(composition)
        except Failed as exc:
            print('FAILED  %5.1f s  %s\n%s' % (time.monotonic() - started_at, what, exc))
            composition.show_logs()
            composition.down()
            yield False
            return
        print('ok      %5.1f s  %s' % (time.monotonic() - started_at, what))
        yield True


if __name__ == '__main__':
    sys.exit(main())
