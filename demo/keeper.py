"""A small process that ends shortly after the demo and cleans up.

It leads the process group of all processes of the demo, and waits for the end of its standard input, whose other end
only the demo holds. That end comes however the demo ends: normally, by an error, or by SIGKILL. Then it removes the
folder that it was given and kills the whole group, itself included. While it exists, the system gives the number of the
group to no other one, so it never kills a foreign process.
"""

from __future__ import absolute_import, division, print_function

import os
import shutil
import signal
import sys


def keep(folder):
    # type: (str) -> None
    """Wait for the end of standard input, then clean up. With an empty ``folder``, none is removed."""
    while os.read(0, 4096):
        pass
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == '__main__':
    keep(sys.argv[1])
