"""Everything that touches the operating system: clock, socket, signals, files, the terminal, and the one loop."""

from __future__ import absolute_import, division, print_function
