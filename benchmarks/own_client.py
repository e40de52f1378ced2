"""``run_client.py`` with more figures in its account: processor seconds without the start of Python, and quantiles."""

from __future__ import absolute_import, division, print_function

import run_client
from benchmarks.figures import SHARES
from benchmarks.load import cpu_s
from client import core
from client.statistics import Statistics
from runtime import command_line


class FullStatistics(Statistics):
    """Constructed before the client runs, read after it has ended."""

    def __init__(self):
        super(FullStatistics, self).__init__()
        self._cpu_s = cpu_s()

    def as_dict(self, now):
        return dict(super(FullStatistics, self).as_dict(now), cpu_s=cpu_s() - self._cpu_s,
                    quantiles_s=[self.response_time.quantile(share) for share in SHARES])


if __name__ == '__main__':
    core.Statistics = FullStatistics  # type: ignore[misc]
    command_line.main(run_client.run)
