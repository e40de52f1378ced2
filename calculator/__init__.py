"""The calculator: works on tasks for a while, breaks down from time to time, and comes back."""

from __future__ import absolute_import, division, print_function
