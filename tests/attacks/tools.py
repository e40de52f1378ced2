"""The tools of Debian's that the attacks use, whether they are here and may do what they have to do."""

from __future__ import absolute_import, division, print_function

import glob
import os
import subprocess

from tests.attacks import tracing

IS_CI = os.environ.get('CI') == 'true'

#: Tool -> Debian's package that has it.
PACKAGES = {'strace': 'strace', 'nft': 'nftables', 'ip': 'iproute2', 'faketime': 'faketime', 'npm': 'npm'}

FAKETIME = '/usr/lib/*/faketime/libfaketime.so.1'


def path_of(tool):
    """The path of a command, also one for administrators that PATH may leave out."""
    for folder in os.environ.get('PATH', os.defpath).split(os.pathsep) + ['/usr/sbin', '/sbin']:
        path = os.path.join(folder, tool)
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    return None


def faketime_library():
    """Where Debian keeps the library that lies about the time."""
    found = glob.glob(FAKETIME)
    return found[0] if found else None


def is_there(tool):
    """Whether what a package brings is installed."""
    return (faketime_library() if tool == 'faketime' else path_of(tool)) is not None


def missing(tool):
    """Why something can't be used here, None where it can."""
    return _CHECKS[tool]()


def _strace():
    return None if tracing.can_trace() else 'needs strace (Debian: strace), and the right to trace'


def _namespaces():
    if os.geteuid() != 0:
        return 'needs root, to make network namespaces'
    absent = [tool for tool in ('ip', 'nft') if path_of(tool) is None]
    if absent:
        return 'needs %s (Debian: %s)' % (' and '.join(absent), ' '.join(PACKAGES[tool] for tool in absent))
    if not os.path.exists('/dev/net/tun'):
        return 'needs /dev/net/tun'
    with open(os.devnull, 'r+b') as nowhere:
        if subprocess.call(['unshare', '--net', 'true'], stdin=nowhere, stdout=nowhere, stderr=nowhere) != 0:
            return 'needs the right to make network namespaces'
    return None


def _faketime():
    return None if faketime_library() else 'needs libfaketime (Debian: faketime)'


def _npm():
    return None if path_of('npm') else 'needs npm, to fetch the corpus (Debian: npm)'


_CHECKS = {'strace': _strace, 'namespaces': _namespaces, 'faketime': _faketime,
           'npm': _npm}
