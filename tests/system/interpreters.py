"""Finds an interpreter of the other major version: for 3.x a 2.7, for 2.7 the newest 3.x."""

from __future__ import absolute_import, division, print_function

import glob
import os
import sys

from runtime.launcher import run

_ASK_VERSION = 'import sys; print("%d.%d" % sys.version_info[:2])'


def of_pyenv():
    root = os.environ.get('PYENV_ROOT') or os.path.expanduser('~/.pyenv')
    return sorted(glob.glob(os.path.join(root, 'versions', '*', 'bin', 'python')))


def on_path():
    """Interpreters on PATH, the newest first. With pyenv, some of these names do not run."""
    names = ['python2.7'] + ['python3.%d' % minor for minor in range(40, 5, -1)] + ['python3']
    folders = os.environ.get('PATH', '').split(os.pathsep)
    paths = [os.path.join(folder, name) for name in names for folder in folders]
    return [path for path in paths if os.access(path, os.X_OK)]


def version_of(python):
    """The version of an interpreter as a tuple; None if it does not run."""
    try:
        answer = run([python, '-E', '-c', _ASK_VERSION])[1]
        return tuple(int(part) for part in answer.split('.'))
    except (OSError, ValueError):
        return None


def find_other():
    for candidates in (of_pyenv, on_path):
        versions = [(version_of(python), python) for python in candidates()]
        others = [(version, python) for version, python in versions if version is not None
                  and (version >= (3, 6) if sys.version_info[0] == 2 else version == (2, 7))]
        if others:
            return max(others)[1]
    return None
