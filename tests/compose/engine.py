"""Our own container engine, which one SIGKILL removes.

`dockerd` runs in its own mount, network and process namespaces. Its bridges and the containers' interfaces are in that
network namespace, its mounts in that mount namespace, and it is the first process of that process namespace. When it
ends, the kernel ends containerd, the shims and all containers, and removes the mounts and the bridges. Another engine
on the machine is not affected. Only a directory and empty control groups have to be removed by us.

The engine does not use iptables or forwarding: the containers only communicate with each other, over one bridge.
"""

from __future__ import absolute_import, division, print_function

import glob
import os
import shutil
import signal
import subprocess
import tempfile

from tests.compose.commands import Failed, find_command, run, wait_until

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0

# containerd and dockerd also write outside of their directories: sockets in /run, directories in /opt, a key in
# /etc/docker. Here these are file systems in memory that disappear with the mount namespace.
INSIDE = """
set -e
mount -t tmpfs tmpfs /opt
mount -t tmpfs tmpfs /run
mkdir /run/etc /run/etc.work
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/etc.work /etc
exec "$@"
"""


class Engine(object):
    def __init__(self):
        # A short path for the engine's sockets: the path of a socket has at most 107 bytes.
        self.directory = tempfile.mkdtemp(prefix='compose-test-', dir='/tmp')
        self._address = 'unix://%s/docker.sock' % self.directory
        self._log_path = os.path.join(self.directory, 'dockerd.log')
        self._control_group = '/' + os.path.basename(self.directory)
        self._process = None

    def start(self):
        """Start the engine and wait until it answers. Otherwise raises Failed with the end of its log."""
        dockerd = find_command('dockerd')
        if dockerd is None:
            raise Failed('no dockerd on this machine')
        settings_path = os.path.join(self.directory, 'daemon.json')
        with open(settings_path, 'w') as settings:
            settings.write('{}\n')
        command = [
            # The engine ends with this process, also after SIGKILL.
            'setpriv', '--pdeathsig', 'KILL',
            'unshare', '--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc',
            'sh', '-c', INSIDE, 'sh',
            dockerd,
            '--host', self._address,
            '--config-file', settings_path,
            '--data-root', os.path.join(self.directory, 'data'),
            '--exec-root', os.path.join(self.directory, 'exec'),
            '--pidfile', os.path.join(self.directory, 'pid'),
            '--cgroup-parent', self._control_group,
            '--exec-opt', 'native.cgroupdriver=cgroupfs',
            '--bridge', 'none', '--iptables=false', '--ip6tables=false', '--ip-forward=false',
        ]
        with open(self._log_path, 'wb') as log:
            self._process = subprocess.Popen(command, env=self.environment(), stdin=subprocess.DEVNULL, stdout=log,
                                             stderr=subprocess.STDOUT)
        wait_until(self._has_answered_or_ended, 'the engine answers', START_TIMEOUT_S, self.log_tail)
        if self._process.poll() is not None:
            raise Failed('the engine ended at its start:\n%s' % self.log_tail())

    def environment(self):
        """The environment for the engine's clients, without the user's variables for another engine."""
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(('DOCKER_', 'COMPOSE_')) and name != 'PYTHON_IMAGE'}
        environment.update(DOCKER_HOST=self._address, DOCKER_CONFIG=self.directory)
        return environment

    def docker(self, *arguments, **options):
        return run(('docker',) + arguments, env=self.environment(), **options)

    def version(self):
        return self.docker('version', '--format', '{{.Server.Version}}').stdout.strip()

    def import_image(self, archive, name, changes=()):
        """Make an image from a file system in a tar archive. `changes` are instructions of a Dockerfile."""
        arguments = ['import']
        for change in changes:
            arguments += ['--change', change]
        self.docker(*(arguments + [archive, name]), timeout_s=120.0)

    def log_tail(self):
        with open(self._log_path) as log:
            return ''.join(log.readlines()[-20:])

    def stop(self):
        """End the engine and all containers, and remove its directory and control groups."""
        if self._process is not None:
            # The first process of the namespace; its parent then reaps it and ends.
            for pid in _children_of(self._process.pid):
                os.kill(pid, signal.SIGKILL)
            try:
                self._process.wait(timeout=STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for group in glob.glob('/sys/fs/cgroup%s' % self._control_group) + glob.glob(
                '/sys/fs/cgroup/*%s' % self._control_group):
            _remove_control_group(group)
        shutil.rmtree(self.directory)

    def _has_answered_or_ended(self):
        return (self._process is None or self._process.poll() is not None
                or self.docker('info', check=False).returncode == 0)


def _children_of(pid):
    try:
        with open('/proc/%d/task/%d/children' % (pid, pid)) as children:
            return [int(child) for child in children.read().split()]
    except OSError:
        return []


def _remove_control_group(path):
    # rmdir removes a control group with its files, the innermost group first.
    for directory, _, _ in os.walk(path, topdown=False):
        os.rmdir(directory)
