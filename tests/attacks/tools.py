"""The tools that the attacks need: whether they are installed, and permitted."""

from __future__ import absolute_import, division, print_function

import glob
import os
import subprocess

from tests.attacks import tracing

IS_CI = os.environ.get('CI') == 'true'

#: Tool -> Debian package.
PACKAGES = {'strace': 'strace', 'nft': 'nftables', 'ip': 'iproute2', 'faketime': 'faketime', 'npm': 'npm'}

FAKETIME = '/usr/lib/*/faketime/libfaketime.so.1'


def path_of(tool):
    """The path of a command; also looks where Debian keeps commands for administrators."""
    for folder in os.environ.get('PATH', os.defpath).split(os.pathsep) + ['/usr/sbin', '/sbin']:
        path = os.path.join(folder, tool)
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    return None


def faketime_library():
    """The path of the library that changes the wall clock, or None."""
    found = glob.glob(FAKETIME)
    return found[0] if found else None


def is_installed(tool):
    return (faketime_library() if tool == 'faketime' else path_of(tool)) is not None


def missing(tool):
    """Why a tool can't be used, or None if it can."""
    if tool == 'namespaces':
        return _missing_for_namespaces()
    is_usable = tracing.can_trace() if tool == 'strace' else is_installed(tool)
    return None if is_usable else 'needs %s (Debian: %s)%s' % (
        tool, PACKAGES[tool], ' and the permission to trace' if tool == 'strace' else '')


def _missing_for_namespaces():
    if os.geteuid() != 0:
        return 'needs root, to make network namespaces'
    absent = [tool for tool in ('ip', 'nft') if path_of(tool) is None]
    if absent:
        return 'needs %s (Debian: %s)' % (' and '.join(absent), ' '.join(PACKAGES[tool] for tool in absent))
    if not os.path.exists('/dev/net/tun'):
        return 'needs /dev/net/tun'
    with open(os.devnull, 'r+b') as nowhere:
        if subprocess.call(['unshare', '--net', 'true'], stdin=nowhere, stdout=nowhere, stderr=nowhere) != 0:
            return 'needs the permission to make network namespaces'
    return None
