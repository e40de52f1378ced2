"""The former name of ``net_protocol.sketch``."""

from __future__ import absolute_import, division, print_function

from net_protocol.sketch import RELATIVE_ERROR, SHORTEST_S, Sketch  # noqa: F401


class Durations(Sketch):
    """A sketch under its former name."""

    __slots__ = ()

    @property
    def count(self):
        # type: () -> int
        return self.number

    def percentile(self, share):
        # type: (float) -> float | None
        return self.quantile(share)
