"""What the dispatcher is doing, for people to look at: asked over the protocol, shown in a terminal or a browser."""

from __future__ import absolute_import, division, print_function
