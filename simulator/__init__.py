"""The three real cores in virtual time, on a simulated network with all kinds of faults.

One seed determines one world: its size, settings, faults and their times. Auditors observe all processes and check the
promises after every step. Nothing here touches the operating system.
"""

from __future__ import absolute_import, division, print_function
