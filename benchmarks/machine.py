"""The machine as the kernel shows it: what its processors did, and how much of that was ours.

A figure is worth nothing if somebody else had the processors meanwhile. So each run reads how long they were busy
(``/proc/stat``) and how much of that went into our own processes (``/proc/PID/stat`` of this process and all that
descend from it); the rest was taken by others. Interrupts are left out on both sides: the kernel books them on no
process, whoever caused them.
"""

from __future__ import absolute_import, division, print_function

import ctypes
import os
import platform
import signal

from runtime.clock import monotonic

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterator, List  # noqa: F401

#: The share of all processor time that others may take before a run is not compared. Kernel threads, a shell and a
#: monitor take 1 or 2 %; at 5 % a median of some runs still means something, at 20 % it means nothing.
OTHERS_SHARE_MAX = 0.05

_TICKS_PER_S = os.sysconf('SC_CLK_TCK')

# prctl(2): our orphans become our children, so that nothing we started is out of sight; a child dies with us.
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class ProcessTimes(object):
    """One line of ``/proc/PID/stat``: whose child it is, and its processor seconds, those of its dead children too."""

    __slots__ = ('pid', 'parent', 'session', 'cpu_s', 'children_s')

    def __init__(self, line):
        # type: (str) -> None
        # The name stands in brackets and may hold anything, so what follows is counted from the last one.
        self.pid = int(line.split(' ', 1)[0])
        fields = line[line.rindex(')') + 2:].split()
        self.parent = int(fields[1])
        self.session = int(fields[3])
        self.cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
        self.children_s = (int(fields[13]) + int(fields[14])) / _TICKS_PER_S


def all_processes():
    # type: () -> Iterator[ProcessTimes]
    """Every process there is."""
    for name in os.listdir('/proc'):
        if name.isdigit():
            try:
                with open('/proc/%s/stat' % name) as file:
                    yield ProcessTimes(file.read())
            except (IOError, OSError):
                # It ended meanwhile.
                continue


def descendants(root, processes):
    # type: (int, List[ProcessTimes]) -> List[ProcessTimes]
    """``root`` itself and all that descend from it."""
    children = {}  # type: Dict[int, List[ProcessTimes]]
    found = []  # type: List[ProcessTimes]
    for process in processes:
        children.setdefault(process.parent, []).append(process)
        if process.pid == root:
            found.append(process)
    for process in found:
        found.extend(children.get(process.pid, ()))
    return found


def cpu_of(root):
    # type: (int) -> float
    """Processor seconds of a process and everything below it, as far as the kernel still knows of it."""
    return sum(process.cpu_s + process.children_s for process in descendants(root, list(all_processes())))


def busy_s(text):
    # type: (str) -> float
    """Processor seconds of all processors from the text of ``/proc/stat``: user, nice, system and stolen."""
    for line in text.splitlines():
        if line.startswith('cpu '):
            fields = [int(field) for field in line.split()[1:]]
            stolen = fields[7] if len(fields) > 7 else 0
            return (fields[0] + fields[1] + fields[2] + stolen) / _TICKS_PER_S
    raise ValueError('/proc/stat has no line of all processors')


class Watch(object):
    """From its construction to ``others_share()``: how much of the machine others took."""

    def __init__(self):
        # type: () -> None
        self._at, self._busy_s, self._own_s = _moment()

    def others_share(self):
        # type: () -> float
        """The share of all processor time since then that went into processes that are not ours; from 0."""
        at, busy, own = _moment()
        available = (at - self._at) * processors()
        return max(0.0, (busy - self._busy_s) - (own - self._own_s)) / available if available > 0 else 0.0


def _moment():
    # type: () -> Any
    with open('/proc/stat') as file:
        return monotonic(), busy_s(file.read()), cpu_of(os.getpid())


def processors():
    # type: () -> int
    """How many processors there are."""
    return os.sysconf('SC_NPROCESSORS_ONLN')


def memory_bytes(pid):
    # type: (int) -> int
    """The resident memory of one process."""
    with open('/proc/%d/statm' % pid) as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def peak_memory_bytes(pid):
    # type: (int) -> int
    """The most memory that one process has had resident."""
    with open('/proc/%d/status' % pid) as file:
        for line in file:
            if line.startswith('VmHWM:'):
                return int(line.split()[1]) * 1024
    return 0


def command_line(pid):
    # type: (int) -> str
    """As the process shows it; empty where it has ended."""
    try:
        with open('/proc/%d/cmdline' % pid) as file:
            return file.read().replace('\0', ' ')
    except (IOError, OSError):
        return ''


def adopt_orphans():
    # type: () -> None
    """Make this process the parent of whatever its children leave behind."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent():
    # type: () -> None
    """Runs in a child before its program: where we are killed, it is killed too."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def facts():
    # type: () -> Dict[str, Any]
    """What a reader must know of the machine to read the figures."""
    return {'processors': processors(), 'model': _processor_model(), 'kernel': platform.release(),
            'system': platform.platform(), 'harness_python': platform.python_version(),
            'memory_bytes': os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')}


def _processor_model():
    # type: () -> str
    try:
        with open('/proc/cpuinfo') as file:
            for line in file:
                if line.startswith('model name'):
                    return line.split(':', 1)[1].strip()
    except (IOError, OSError):
        pass
    return platform.machine()
