"""The protocol: rows, their encoding, channels, the turn, timers.

Everything here is pure: no socket, clock, thread or global random. Time is an argument called ``now`` (monotonic
seconds), and constructors take a random generator. Output is collected, and the shell in ``runtime`` sends it. So the
same code runs in real processes, in tests and in virtual time.
"""

from __future__ import absolute_import, division, print_function

__version__ = '0.2.0'
