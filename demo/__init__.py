"""The whole system on this machine: real processes, some of which fail, and a report at the end."""

from __future__ import absolute_import, division, print_function
