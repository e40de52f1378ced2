"""The former name of ``net_protocol.sketch``."""

from __future__ import absolute_import, division, print_function

from net_protocol.sketch import Sketch, difference, quantile  # noqa: F401


class Histogram(Sketch):
    """A sketch under its former name."""

    __slots__ = ()

    @property
    def longest_s(self):
        # type: () -> float
        return self.max_s or 0.0
