"""Runs commands and waits for conditions, with time limits."""

from __future__ import absolute_import, division, print_function

import os
import subprocess

from runtime import launcher

POLL_S = 0.25


class Failed(Exception):
    """A check failed. The text says what was expected and what was found."""


def run(arguments, timeout_s=60.0, env=None, check=True):
    """Run a command without standard input and return it with its output.

    Raises Failed if it can't be started, does not end within `timeout_s`, or, with `check`, has an exit status other
    than 0.
    """
    try:
        completed = subprocess.run(arguments, check=False, timeout=timeout_s, env=env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    except OSError as exc:
        raise Failed("can't run %s: %s" % (arguments[0], exc))
    except subprocess.TimeoutExpired:
        raise Failed('`%s` did not end within %d s' % (' '.join(arguments), timeout_s))
    if check and completed.returncode != 0:
        raise Failed('`%s` ended with %d:\n%s' % (
            ' '.join(arguments), completed.returncode, (completed.stdout + completed.stderr).strip()))
    return completed


def wait_until(condition, what, timeout_s, seen=None):
    """Poll until `condition()` is true. After `timeout_s` raise Failed with `what` and the result of `seen()`."""
    if not launcher.wait_until(condition, timeout_s, POLL_S):
        raise Failed('%s: not within %d s%s' % (what, timeout_s, '; seen: %s' % seen() if seen else ''))


def find_command(name):
    """The path of a command on PATH, or in folders for administrators that root's PATH may lack."""
    for directory in os.environ.get('PATH', os.defpath).split(os.pathsep) + ['/usr/sbin', '/sbin']:
        path = os.path.join(directory, name)
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    return None
