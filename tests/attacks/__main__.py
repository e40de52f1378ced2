"""Attacks on real processes: kills, bad networks, suspensions, clock steps, failing calls, replay, floods, fuzz, soak.

    make attacks                               all of them, some five minutes of two cores
    make attacks ARGS="kills network"          some of them
    make attacks PYTHON=python2.7 ARGS=fuzz    on another Python
    EXHAUSTIVE=1 make attacks ARGS=kills       much further than there is time for each time

Most of it runs wherever the tests run. Some needs root, for network namespaces, or packages of Debian's (strace,
nftables, iproute2, faketime, npm), which are installed here where that is allowed. What can't run is skipped and says
why; where CI=true that is a failure instead, because whatever is left out there would count as passed.
"""

from __future__ import absolute_import, division, print_function

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time

from runtime import launcher
from tests.attacks import tools
from tests.source_tree import ROOT
from tests.system.interpreters import find_other

#: What runs beside one another: most of it mostly waits. The floods measure and are left alone.
STAGES = (('kills', 'journal', 'network'), ('time', 'calls', 'replay', 'fuzz', 'soak'), ('floods',))
ALL = [name for stage in STAGES for name in stage]
#: Some attack one Python after the other; both halves run at the same time: title and arguments of pytest.
HALVES = ((' of this Python', ['-k', 'not second_python']), (' of the other Python', ['-k', 'second_python']))
SPLIT = ('kills', 'journal', 'network', 'time', 'calls', 'replay')
#: Each time a fifth of the million.
SOAK_TASKS = 200000 if not os.environ.get('EXHAUSTIVE') else 1000000

#: Each attack is ended after this time. Most take less than two minutes.
BOUND_S = 240.0 if not os.environ.get('EXHAUSTIVE') else 7200.0
INSTALL_BOUND_S = '300'
POLL_S = 0.1
#: How long it may take to end.
GRACE_S = 20.0


class Attack(object):
    """One of them, running, in a session of its own."""

    def __init__(self, name, title, arguments):
        self.name = name
        self.title = title
        self._arguments = arguments
        self.began_at = time.time()
        self.status = None
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        if name == 'soak':
            command = ['-m', 'tests.attacks.soak'] + list(arguments)
        else:
            command = ['-m', 'pytest', '-q', '--durations=3', '-o', 'python_files=attack_*.py',
                       os.path.join('tests', 'attacks', 'attack_%s.py' % name)] + list(arguments)
        with open(os.devnull, 'rb') as nothing:
            self._popen = subprocess.Popen([sys.executable] + command, stdin=nothing, stdout=self._output,
                                           stderr=subprocess.STDOUT, cwd=ROOT, close_fds=True, preexec_fn=os.setsid)

    def again(self):
        """The same, begun once more."""
        return Attack(self.name, self.title + ', once more and alone', self._arguments)

    def is_over(self):
        """Whether it has ended; past its bound it is ended."""
        self.status = self._popen.poll()
        if self.status is None and time.time() - self.began_at > BOUND_S:
            # pytest ends the processes that it started; what is left after that is killed with it.
            self.end(signal.SIGTERM)
            print('%s did not end within %d s' % (self.title, BOUND_S))
            self.status = 1
        return self.status is not None

    def end(self, number):
        """Ask it to end, and kill it if it does not."""
        end_at = time.time() + GRACE_S
        if self._popen.poll() is None:
            self._popen.send_signal(number)
        while self._popen.poll() is None and time.time() < end_at:
            time.sleep(POLL_S)
        if self._popen.poll() is None:
            os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()

    def report(self):
        """What it printed, under a heading."""
        self._output.seek(0)
        return '== %s, %.0f s, exit status %s\n%s' % (
            self.title, time.time() - self.began_at, self.status, self._output.read().decode('utf-8', 'replace'))


def run_stage(names, soak_tasks, halves):
    """Run these beside one another, and what fails once more, alone; returns the names of those that fail again."""
    running = []
    for name in names:
        if name in SPLIT:
            running += [Attack(name, name + title, arguments) for title, arguments in halves]
        elif name == 'soak':
            # Without another Python the second one fails in continuous integration, and is left out elsewhere.
            pythons = [sys.executable, find_other()]
            running += [Attack(name, name + title, ['--tasks', '%d' % soak_tasks, '--python', python or ''])
                        for (title, _), python in zip(halves, pythons) if python or tools.IS_CI]
        else:
            running.append(Attack(name, name, []))
    late = [attack for attack in run_to_end(running) if attack.status != 0]
    return [attack.name for one in late for attack in run_to_end([one.again()]) if attack.status != 0]


def run_to_end(attacks):
    """Wait for these and print what each says; returns them in the order in which they end."""
    running, over = list(attacks), []
    try:
        while running:
            time.sleep(POLL_S)
            for attack in [attack for attack in running if attack.is_over()]:
                running.remove(attack)
                over.append(attack)
                print(attack.report())
                sys.stdout.flush()
    finally:
        for attack in running:
            attack.end(signal.SIGTERM)
    return over


def install_what_is_missing():
    """Packages of Debian's where we are root, and Python's into the environment that runs this. The attacks
    themselves say what they lack."""
    packages = sorted({package for tool, package in tools.PACKAGES.items() if not tools.is_there(tool)})
    if packages and os.geteuid() == 0 and tools.path_of('apt-get'):
        print('== installing %s' % ' '.join(packages))
        for words in (['update', '-q'], ['install', '-y', '-q', '--no-install-recommends'] + packages):
            quietly('apt-get', *words)
    quietly(sys.executable, '-m', 'pip', '--disable-pip-version-check', 'install', '-q', '-r',
            os.path.join('tests', 'attacks', 'requirements.txt'))


def quietly(*command):
    """Run it, and say so if it fails; that is no failure here."""
    status, out, err = launcher.run(('timeout', INSTALL_BOUND_S) + command, cwd=ROOT,
                                    environment=dict(os.environ, DEBIAN_FRONTEND='noninteractive'))
    if status != 0:
        print('`%s` ended with %s: %s' % (' '.join(command), status, (out + err)[-500:]))


def main():
    """Run what was asked for; returns the exit status."""
    parser = argparse.ArgumentParser(prog='tests/attacks/run', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('attacks', nargs='*', metavar='ATTACK', help='one of %s (default: all)' % ', '.join(ALL))
    parser.add_argument('--soak-tasks', type=int, default=SOAK_TASKS, metavar='N', help='default: %(default)s')
    parser.add_argument('--one-python', action='store_true', help='leave out what attacks a second Python')
    options = parser.parse_args()
    wanted = options.attacks or ALL
    unknown = sorted(set(wanted) - set(ALL))
    if unknown:
        parser.error('no such attack: %s' % ', '.join(unknown))
    signal.signal(signal.SIGTERM, _interrupt)
    install_what_is_missing()
    failed = []
    for stage in STAGES:
        failed += run_stage([name for name in stage if name in wanted], options.soak_tasks,
                            HALVES[:1] if options.one_python else HALVES)
    print('attacks passed: %d of %d%s' % (
        len(wanted) - len(set(failed)), len(wanted), '; FAILED: %s' % ', '.join(failed) if failed else ''))
    return 1 if failed else 0


def _interrupt(number, frame):
    raise KeyboardInterrupt


if __name__ == '__main__':
    sys.exit(main())
