"""The client: sends notional tasks at random intervals and keeps statistics of what became of them."""

from __future__ import absolute_import, division, print_function
