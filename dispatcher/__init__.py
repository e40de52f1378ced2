"""The dispatcher: assigns each task to a live calculator with a free slot, and sends one outcome to its client."""

from __future__ import absolute_import, division, print_function
