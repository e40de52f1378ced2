"""Run the tests: ``python3 -m tests [--all] [--environment] [arguments for pytest]``.

The command installs the packages of requirements-dev.txt into the environment .venv/VERSION, the first time and after
that file has changed. It runs pytest there, with two workers on each processor. Nothing is installed outside of the
checkout. Without arguments, tests with the marker ``slow`` are left out: they take long, and do not depend on the
Python. ``--all`` runs all steps of continuous integration (.ci/run; some install Debian packages, as root).
``--environment`` makes the environment and prints its Python.
"""

from __future__ import absolute_import, division, print_function

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REQUIREMENTS = os.path.join(ROOT, 'requirements-dev.txt')
VERSION = '%d.%d' % sys.version_info[:2]
ENVIRONMENT = os.path.join(ROOT, '.venv', VERSION)
PYTHON = os.path.join(ENVIRONMENT, 'bin', 'python')
STAMP = os.path.join(ENVIRONMENT, '.installed')

# 2.7 has no venv module (until 2.7 goes). Later versions of virtualenv have dependencies.
VIRTUALENV = 'virtualenv>=16.7.12,<17'
# The pip of 3.6 fails if the newest release of a package is too new for it. A later pip takes an older release.
OLD_PIP = 'pip>=20.3.4,<21.4'
#: Retries of pip. A network that drops everything is found within a minute.
RETRIES = '2'


class CannotInstall(Exception):
    """One line: what is missing, and how to get it."""


def main(arguments):
    if os.name != 'posix':
        print('The tests run on Linux and macOS.', file=sys.stderr)
        return 2
    if arguments[:1] in (['-h'], ['--help']):
        print(__doc__.strip())
        return 0
    if '--all' in arguments:
        return subprocess.call(['bash', os.path.join(ROOT, '.ci', 'run')])
    try:
        make_environment()
    except CannotInstall as error:
        print(error, file=sys.stderr)
        return 2
    if arguments == ['--environment']:
        print(PYTHON)
        return 0
    chosen = arguments or ['-m', 'not slow']
    # Most tests wait for real processes, and so a processor has two workers. A debugger needs the tests in one process.
    workers = [] if any(one.startswith(('-n', '--pdb', '-s', '--trace')) for one in chosen) else [
        '-n', '%d' % (2 * os.sysconf('SC_NPROCESSORS_ONLN'))]
    return subprocess.call([PYTHON, '-m', 'pytest'] + workers + chosen, cwd=ROOT)


def make_environment():
    """Make the environment and install the packages, if necessary. Raises ``CannotInstall``."""
    is_runnable = os.path.exists(PYTHON) and call_quietly([PYTHON, '-c', ''])[0] == 0
    if is_runnable and os.path.exists(STAMP) and os.path.getmtime(STAMP) >= os.path.getmtime(REQUIREMENTS):
        return
    if not is_runnable:
        print('== making .venv/%s with %s' % (VERSION, sys.executable))
        sys.stdout.flush()
        (make_with_virtualenv if sys.version_info < (3,) else make_with_venv)()
    print('== installing requirements-dev.txt into .venv/%s' % VERSION)
    sys.stdout.flush()
    if sys.version_info < (3, 7):
        install(['--upgrade', OLD_PIP])
    install(['-r', REQUIREMENTS])
    open(STAMP, 'w').close()


def make_with_venv():
    status, output = call_quietly([sys.executable, '-m', 'venv', '--clear', ENVIRONMENT])
    if status != 0:
        # Debian has ensurepip in another package. The pip of this Python can install into an environment without pip.
        status, output = call_quietly([sys.executable, '-m', 'venv', '--clear', '--without-pip', ENVIRONMENT])
        if status != 0 or call_quietly([sys.executable, '-m', 'pip', '--version'])[0] != 0:
            if os.path.lexists(PYTHON):
                # The next run must not use this environment, which lacks pip.
                os.remove(PYTHON)
            raise CannotInstall('The tests need pip and venv, which %s lacks: on Debian and Ubuntu install them, as '
                                'root, with "apt-get update && apt-get install python3-venv"; elsewhere see '
                                'https://pip.pypa.io.' % sys.executable)


def make_with_virtualenv():
    """2.7: install virtualenv into a folder of the checkout, and make the environment with it (until 2.7 goes)."""
    folder = os.path.join(ROOT, '.venv', 'virtualenv-' + VERSION)
    status, output = call_quietly([sys.executable, '-m', 'pip', '--disable-pip-version-check', 'install', '--quiet',
                                   '--upgrade', '--target', folder, VIRTUALENV])
    if status != 0:
        raise CannotInstall('The tests need virtualenv on Python 2.7, and %s -m pip could not install it: %s' % (
            sys.executable, reason(output)))
    status, output = call_quietly([sys.executable, '-m', 'virtualenv', '--no-download', ENVIRONMENT],
                                  env=dict(os.environ, PYTHONPATH=folder))
    if status != 0:
        raise CannotInstall('virtualenv failed: %s' % last_line(output))


def install(arguments):
    """Install packages into the environment, with its pip or, if it has none, with the pip of this Python."""
    if call_quietly([PYTHON, '-m', 'pip', '--version'])[0] == 0:
        pip = [PYTHON, '-m', 'pip']
        where = []  # type: list
    else:
        pip = [sys.executable, '-m', 'pip']
        where = ['--target', os.path.join(ENVIRONMENT, 'lib', 'python' + VERSION, 'site-packages')]
    status, output = call_quietly(pip + ['--disable-pip-version-check', 'install', '--quiet'] + where + arguments,
                                  env=dict({'PIP_RETRIES': RETRIES}, PIP_NO_PYTHON_VERSION_WARNING='1', **os.environ))
    if status != 0:
        raise CannotInstall('pip could not install %s: %s' % (
            os.path.relpath(arguments[-1], ROOT) if os.path.isabs(arguments[-1]) else arguments[-1], reason(output)))


def reason(output):
    """The reason of a failure of pip. Without a connection, the last line of pip does not contain the reason."""
    broken = re.findall("connection broken by '(.*)': /", output)
    if broken:
        return ('no connection to the package index; the first run needs the network, or a mirror (PIP_INDEX_URL): '
                + re.sub('<[^>]* object at [^>]*>[:,] ', '', broken[-1]))
    return last_line(output)


def call_quietly(command, env=None):
    """The exit status and the output of the command."""
    try:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT, env=env)
    except OSError as error:
        return 127, str(error)
    output = child.communicate()[0]
    return child.returncode, output.decode('utf-8', 'replace')


def last_line(output):
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith(('WARNING', 'DEPRECATION'))]
    return lines[-1].strip() if lines else 'it printed nothing'


if __name__ == '__main__':
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
