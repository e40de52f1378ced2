"""How much of the machine other processes used during a run.

A figure means nothing if other processes used the processors meanwhile. Each run compares how long they were busy
(``/proc/stat``) with the processor time of this process and its descendants (``/proc/PID/stat``); others used the
rest. Interrupts count on neither side, because the kernel attributes them to no process.
"""

from __future__ import absolute_import, division, print_function

import ctypes
import os
import platform
import signal

from runtime.clock import monotonic

#: A run is not compared if others used more than this share of all processor time. Kernel threads, a shell and a
#: monitor use 1 or 2 %. At 5 % a median of several runs still means something, at 20 % it means nothing.
OTHERS_SHARE_MAX = 0.05

_TICKS_PER_S = os.sysconf('SC_CLK_TCK')

# prctl(2): orphaned descendants become children of this process; a child is killed if its parent dies.
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class ProcessTimes(object):
    """One line of ``/proc/PID/stat``: the parent, and processor seconds, also of the children that have ended."""

    __slots__ = ('pid', 'parent', 'cpu_s')

    def __init__(self, line):
        # The name is in brackets and may contain anything, so fields are counted from the last bracket.
        self.pid = int(line.split(' ', 1)[0])
        fields = line[line.rindex(')') + 2:].split()
        self.parent = int(fields[1])
        self.cpu_s = sum(int(field) for field in fields[11:15]) / _TICKS_PER_S


def all_processes():
    for name in os.listdir('/proc'):
        if name.isdigit():
            try:
                with open('/proc/%s/stat' % name) as file:
                    yield ProcessTimes(file.read())
            except (IOError, OSError):
                # It ended meanwhile.
                continue


def descendants(root, processes):
    """``root`` itself and its descendants."""
    children = {}
    for process in processes:
        children.setdefault(process.parent, []).append(process)
    found = [process for process in processes if process.pid == root]
    for process in found:
        found.extend(children.get(process.pid, ()))
    return found


def cpu_of(root):
    """Processor seconds of a process and its descendants."""
    return sum(process.cpu_s for process in descendants(root, list(all_processes())))


def busy_s(text):
    """Processor seconds of all processors from the text of ``/proc/stat``: user, nice, system and stolen."""
    for line in text.splitlines():
        if line.startswith('cpu '):
            fields = [int(field) for field in line.split()[1:]]
            stolen = fields[7] if len(fields) > 7 else 0
            return (fields[0] + fields[1] + fields[2] + stolen) / _TICKS_PER_S
    raise ValueError('/proc/stat has no line of all processors')


class Watch(object):
    """Measures how much of the machine others used since its construction."""

    def __init__(self):
        self._at, self._busy_s, self._own_s = _moment()

    def others_share(self):
        """The share of all processor time that other processes used; at least 0."""
        at, busy, own = _moment()
        available = (at - self._at) * processors()
        return max(0.0, (busy - self._busy_s) - (own - self._own_s)) / available if available > 0 else 0.0


def _moment():
    with open('/proc/stat') as file:
        return monotonic(), busy_s(file.read()), cpu_of(os.getpid())


def processors():
    return os.sysconf('SC_NPROCESSORS_ONLN')


def memory_bytes(pid, peak=False):
    """The resident memory of one process, now or at its peak."""
    with open('/proc/%d/status' % pid) as file:
        for line in file:
            if line.startswith('VmHWM:' if peak else 'VmRSS:'):
                return int(line.split()[1]) * 1024
    return 0


def adopt_orphans():
    """Make this process the parent of its orphaned descendants."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent():
    """Called in a child before its program starts: it is killed if its parent dies."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def facts():
    """The facts about the machine that a reader of the figures must know."""
    return {'processors': processors(), 'model': _processor_model(), 'kernel': platform.release(),
            'system': platform.platform(), 'harness_python': platform.python_version(),
            'memory_bytes': os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')}


def _processor_model():
    try:
        with open('/proc/cpuinfo') as file:
            for line in file:
                if line.startswith('model name'):
                    return line.split(':', 1)[1].strip()
    except (IOError, OSError):
        pass
    return platform.machine()
