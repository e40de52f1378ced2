"""The other Python of this machine: for 3.x a 2.7, for 2.7 the newest 3.x."""

from __future__ import absolute_import, division, print_function

import glob
import os
import subprocess
import sys

_ASK_VERSION = 'import sys; print("%d.%d" % sys.version_info[:2])'


def of_pyenv():
    """Interpreters that pyenv has installed."""
    root = os.environ.get('PYENV_ROOT') or os.path.expanduser('~/.pyenv')
    return sorted(glob.glob(os.path.join(root, 'versions', '*', 'bin', 'python')))


def on_path():
    """Names on PATH, the newest first. Not every name that is there runs."""
    names = ['python2.7'] + ['python3.%d' % minor for minor in range(40, 5, -1)] + ['python3']
    folders = os.environ.get('PATH', '').split(os.pathsep)
    paths = [os.path.join(folder, name) for name in names for folder in folders]
    return [path for path in paths if os.access(path, os.X_OK)]


def version_of(python):
    """The version of an interpreter, None if it does not run."""
    try:
        with open(os.devnull, 'r+b') as nowhere:
            answer = subprocess.Popen([python, '-E', '-c', _ASK_VERSION], stdin=nowhere, stdout=subprocess.PIPE,
                                      stderr=nowhere, close_fds=True).communicate()[0]
        return tuple(int(part) for part in answer.decode('ascii').split('.'))
    except (OSError, ValueError):
        return None


def find_other():
    """An interpreter of the other major version, or None."""
    for candidates in (of_pyenv, on_path):
        versions = [(version_of(python), python) for python in candidates()]
        others = [(version, python) for version, python in versions if version is not None
                  and (version >= (3, 6) if sys.version_info[0] == 2 else version == (2, 7))]
        if others:
            return max(others)[1]
    return None
