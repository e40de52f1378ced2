"""Functions that fail in many ways, or do what a function of a calculator should not do."""

from __future__ import absolute_import, division, print_function

import ctypes
import os
import signal
import subprocess
import sys
import time


def square(x):
    """The square of a number."""
    return x * x


def task():
    return [os.environ['FARM_TASK_ID'], int(os.environ['FARM_ATTEMPT'])]


def whoami():
    return os.getpid()


def sleep(seconds):
    time.sleep(seconds)
    return 'slept'


def segmentation_fault():
    ctypes.string_at(0)


def vanish():
    os._exit(0)


def allocate():
    kept = []
    while True:
        kept.append(bytearray(10000000))


def loop():
    while True:
        pass


def stubborn():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(1)


def stop_itself():
    os.kill(os.getpid(), signal.SIGSTOP)


def leave():
    sys.exit('enough')


def recurse(n=0):
    return recurse(n + 1)


def large():
    return 'x' * (1 << 28)


def many():
    return list(range(20000))


def no_json():
    return object()


def no_number():
    return float('nan')


def fail(message):
    sys.stderr.write('before the end\n')
    raise ValueError(message)


def loud():
    sys.stdout.write('x' * 1000000)
    sys.stdout.flush()
    sys.stderr.write('y' * 1000000)
    sys.stderr.flush()
    return 'said'


def close_output():
    sys.stdout.close()
    os.close(1)
    return 'closed'


def grandchild():
    return subprocess.Popen(['sleep', '1000']).pid


def fork():
    return os.fork()


def _private():
    pass
