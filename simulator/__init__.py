"""The three real cores in virtual time, on a network that fails in every way a network can.

One seed draws one world: its sizes, settings, faults and moments. An auditor that sees everything holds what happens
against the promises, after every step. Nothing here touches the operating system; a second of virtual time costs what
its messages cost.
"""

from __future__ import absolute_import, division, print_function
