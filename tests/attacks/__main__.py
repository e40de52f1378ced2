"""Attacks on real processes: kills, bad networks, suspensions, clock steps, failing calls, replay, floods, fuzz, soak.

    make attacks                               all attacks, about five minutes on two cores
    make attacks ARGS="kills network"          some of them
    make attacks PYTHON=python2.7 ARGS=fuzz    on another Python
    EXHAUSTIVE=1 make attacks ARGS=kills       many more kill points

Some attacks need root (network namespaces) or Debian packages (strace, nftables, iproute2, faketime, npm). As root,
this command installs missing packages. An attack that can't run is skipped and prints the reason; with CI=true it
fails.
"""

from __future__ import absolute_import, division, print_function

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time

from runtime import launcher
from runtime.clock import monotonic
from tests.attacks import tools
from tests.source_tree import ROOT
from tests.system.interpreters import find_other

#: The attacks of one stage run in parallel: most of them mostly wait. The floods measure rates and run alone.
STAGES = (('kills', 'journal', 'network'), ('time', 'calls', 'replay', 'fuzz', 'soak'), ('floods',))
ALL = [name for stage in STAGES for name in stage]
#: Title and pytest arguments of the two halves of an attack on both major versions of Python. They run in parallel.
HALVES = ((' of this Python', ['-k', 'not second_python']), (' of the other Python', ['-k', 'second_python']))
SPLIT = ('kills', 'journal', 'network', 'time', 'calls', 'replay')
SOAK_TASKS = 200000 if not os.environ.get('EXHAUSTIVE') else 1000000

#: The time limit of each attack. Most take less than two minutes.
BOUND_S = 240.0 if not os.environ.get('EXHAUSTIVE') else 7200.0
INSTALL_BOUND_S = '300'
POLL_S = 0.1
#: From the signal that ends an attack to SIGKILL.
GRACE_S = 20.0


class Attack(launcher.Child):
    """A running attack, in its own session. Its output goes to a file in ``folder``."""

    def __init__(self, folder, name, title, arguments):
        self.folder = folder
        self.name = name
        self.title = title
        self.arguments = arguments
        self.began_at = monotonic()
        if name == 'soak':
            command = ['-m', 'tests.attacks.soak']
        else:
            command = ['-m', 'pytest', '-q', '--durations=3', '-o', 'python_files=attack_*.py',
                       os.path.join('tests', 'attacks', 'attack_%s.py' % name)]
        super(Attack, self).__init__([sys.executable] + command + arguments, os.path.join(folder, title),
                                     before=launcher.own_session)

    def has_ended(self):
        """Whether the attack has ended. After the time limit it is ended, and has failed."""
        if self.is_running and monotonic() - self.began_at > BOUND_S:
            self.end()
            print('%s did not end within %d s' % (self.title, BOUND_S))
        return not self.is_running

    def end(self):
        """Send SIGTERM: pytest then ends the processes that it started. Kill the whole session if that takes long."""
        self.signal(signal.SIGTERM)
        launcher.wait_until(lambda: not self.is_running, GRACE_S, POLL_S)
        self.dispose_session()

    def report(self):
        """The output under a heading."""
        return '== %s, %.0f s, exit status %s\n%s%s' % (
            self.title, monotonic() - self.began_at, self.exit_status, self.output, self.log)


def run_stage(folder, names, soak_tasks, halves):
    """Run these attacks in parallel, then each failed one once more, alone. Returns the names of attacks that failed
    twice.
    """
    running = []
    for name in names:
        if name in SPLIT:
            running += [Attack(folder, name, name + title, arguments) for title, arguments in halves]
        elif name == 'soak':
            # With CI=true a missing second Python is a failure.
            pythons = [sys.executable, find_other()]
            running += [Attack(folder, name, name + title, ['--tasks', '%d' % soak_tasks, '--python', python or ''])
                        for (title, _), python in zip(halves, pythons) if python or tools.IS_CI]
        else:
            running.append(Attack(folder, name, name, []))
    failed = [attack for attack in run_to_end(running) if attack.exit_status != 0]
    return [attack.name for attack in failed for second in run_to_end([
        Attack(folder, attack.name, attack.title + ', alone', attack.arguments)]) if second.exit_status != 0]


def run_to_end(attacks):
    """Wait for these attacks and print their reports. Returns them in the order in which they ended."""
    running, ended = list(attacks), []
    try:
        while running:
            time.sleep(POLL_S)
            for attack in [attack for attack in running if attack.has_ended()]:
                running.remove(attack)
                ended.append(attack)
                print(attack.report())
                sys.stdout.flush()
    finally:
        for attack in running:
            attack.end()
    return ended


def install_missing_packages():
    """Install Debian packages if this process is root, and the Python packages into its environment."""
    packages = sorted({package for tool, package in tools.PACKAGES.items() if not tools.is_installed(tool)})
    if packages and os.geteuid() == 0 and tools.path_of('apt-get'):
        print('== installing %s' % ' '.join(packages))
        for words in (['update', '-q'], ['install', '-y', '-q', '--no-install-recommends'] + packages):
            try_to_run('apt-get', *words)
    try_to_run(sys.executable, '-m', 'pip', '--disable-pip-version-check', 'install', '-q', '-r',
               os.path.join('tests', 'attacks', 'requirements.txt'))


def try_to_run(*command):
    """Run a command whose failure is printed and ignored: the attacks report missing tools themselves."""
    status, out, err = launcher.run(('timeout', INSTALL_BOUND_S) + command, cwd=ROOT,
                                    environment=dict(os.environ, DEBIAN_FRONTEND='noninteractive'))
    if status != 0:
        print('`%s` failed with exit status %s: %s' % (' '.join(command), status, (out + err)[-500:]))


def main():
    """Run the chosen attacks; returns the exit status."""
    parser = argparse.ArgumentParser(prog='tests/attacks/run', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('attacks', nargs='*', metavar='ATTACK', help='one of %s (default: all)' % ', '.join(ALL))
    parser.add_argument('--soak-tasks', type=int, default=SOAK_TASKS, metavar='N', help='default: %(default)s')
    parser.add_argument('--one-python', action='store_true', help='attack processes of this Python only')
    options = parser.parse_args()
    chosen = options.attacks or ALL
    unknown = sorted(set(chosen) - set(ALL))
    if unknown:
        parser.error('unknown attack: %s' % ', '.join(unknown))
    signal.signal(signal.SIGTERM, _interrupt)
    install_missing_packages()
    failed = []
    folder = tempfile.mkdtemp()
    try:
        for stage in STAGES:
            failed += run_stage(folder, [name for name in stage if name in chosen], options.soak_tasks,
                                HALVES[:1] if options.one_python else HALVES)
    finally:
        shutil.rmtree(folder)
    print('attacks passed: %d of %d%s' % (
        len(chosen) - len(set(failed)), len(chosen), '; FAILED: %s' % ', '.join(failed) if failed else ''))
    return 1 if failed else 0


def _interrupt(number, frame):
    raise KeyboardInterrupt


if __name__ == '__main__':
    sys.exit(main())
