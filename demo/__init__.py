"""The whole system on this machine, for people to watch: real processes, some trouble, and what became of each task."""

from __future__ import absolute_import, division, print_function
