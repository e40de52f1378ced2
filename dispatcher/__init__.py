"""The dispatcher: hands each task to a calculator that is alive and free, and tells its client one outcome."""

from __future__ import absolute_import, division, print_function
