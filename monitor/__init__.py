"""The monitor: requests status reports from the dispatcher and shows them in a terminal or a browser."""

from __future__ import absolute_import, division, print_function
