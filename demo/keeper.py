"""A small process that outlives the demo by a moment, and leaves nothing behind.

It leads the process group that all processes of the demo belong to, and waits for the end of its standard input, whose
other end only the demo holds. That end comes however the demo ends: properly, by an error of its own, or by SIGKILL,
which nobody can catch. Then it removes the folder that it was given and kills the whole group, itself included. While
it lives, the number of the group can't be given to anybody else, so it never kills a stranger.
"""

from __future__ import absolute_import, division, print_function

import os
import shutil
import signal
import sys


def keep(folder):
    # type: (str) -> None
    """Wait for the end of standard input, then clean up. ``folder`` may be empty: then none is removed."""
    while os.read(0, 4096):
        pass
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == '__main__':
    keep(sys.argv[1])
