"""``run_client.py``, telling the harness more at its end than people want to read.

Added to its account: its processor seconds without the start of Python, and its response times at many shares.
"""

from __future__ import absolute_import, division, print_function

import resource

import run_client
from benchmarks.figures import SHARES
from client import core
from client.statistics import Statistics
from runtime import command_line

MYPY = False
if MYPY:
    from typing import Any, Dict  # noqa: F401


def _cpu_s():
    # type: () -> float
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class FullStatistics(Statistics):
    """Made when the client is about to run, asked when it has ended."""

    def __init__(self):
        # type: () -> None
        super(FullStatistics, self).__init__()
        self._cpu_s = _cpu_s()

    def as_dict(self, now):
        # type: (float) -> Dict[str, Any]
        return dict(super(FullStatistics, self).as_dict(now), cpu_s=_cpu_s() - self._cpu_s,
                    quantiles_s=[self.response_time.percentile(share) for share in SHARES])


if __name__ == '__main__':
    core.Statistics = FullStatistics  # type: ignore[misc]
    command_line.main(run_client.run)
