"""The wire: rows, their bytes, channels, the turn, timers.

Everything in here is pure: no socket, no clock, no thread, no global random. Time comes in as an argument called
``now`` (monotonic seconds), randomness as a generator handed to the constructor, and what is to be sent is
collected for the shell in ``runtime`` to send. So the same code runs in real processes, in tests and in virtual
time.
"""

from __future__ import absolute_import, division, print_function

__version__ = '0.2.0'
