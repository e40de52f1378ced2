"""Maps a trivial function over many numbers and reports how long that took. A program of its own, to run on 2.7 too.

    python -m benchmarks.mapping farm HOST:PORT CALLS      ours, with config/work.py
    python -m benchmarks.mapping call HOST:PORT CALLS      ours, one call after the other
    python -m benchmarks.mapping pool WORKERS CALLS        concurrent.futures.ProcessPoolExecutor
    python -m benchmarks.mapping dask WORKERS CALLS        the Executor of Dask, with a cluster on this machine
"""

from __future__ import absolute_import, division, print_function

import json
import sys

from benchmarks.figures import median
from runtime.clock import monotonic

CHUNK = 100
#: Calls before the measurement, so that all processes have started.
WARM_UP = 2000


def square(x):
    return x * x


def squares(numbers):
    return [x * x for x in numbers]


def measure(calls, plain, chunked):
    """Calls per second of ``plain(numbers)``, and of ``chunked(numbers)`` with ten times as many."""
    found = {}
    for size, function, number in ((1, plain, calls), (CHUNK, chunked, 10 * calls)):
        list(function(range(WARM_UP)))
        began_at = monotonic()
        total = sum(function(range(number)))
        found['calls_per_s_%d' % size] = number / (monotonic() - began_at)
        if total != (number - 1) * number * (2 * number - 1) // 6:
            raise ValueError('the sum of the results is wrong')
    return found


def farm(address, calls):
    from client import Executor
    with Executor(address) as executor:
        return measure(calls, lambda numbers: executor.map('square', numbers),
                       lambda numbers: executor.map('square', numbers, chunksize=CHUNK, in_flight_max=40 * CHUNK))


def call(address, calls):
    """Seconds from ``submit`` to the result in the thread that called, one call after the other."""
    from client import Executor
    taken_s = []
    with Executor(address) as executor:
        for number in range(calls):
            began_at = monotonic()
            executor.submit('square', number).result()
            taken_s.append(monotonic() - began_at)
    return {'call_us': 1e6 * median(taken_s[calls // 10:])}


def pool(workers, calls):
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(int(workers)) as executor:
        return measure(calls, lambda numbers: executor.map(square, numbers),
                       lambda numbers: executor.map(square, numbers, chunksize=CHUNK))


def dask(workers, calls):
    from distributed import Client, LocalCluster
    with LocalCluster(n_workers=int(workers), threads_per_worker=1, dashboard_address=None) as cluster, \
            Client(cluster) as client, client.get_executor(pure=False) as executor:
        def chunked(numbers):
            # Its map takes no chunks.
            parts = [numbers[first:first + CHUNK] for first in range(0, len(numbers), CHUNK)]
            return (result for results in executor.map(squares, parts) for result in results)
        return measure(calls, lambda numbers: executor.map(square, numbers), chunked)


if __name__ == '__main__':
    print(json.dumps({'farm': farm, 'call': call, 'pool': pool, 'dask': dask}[sys.argv[1]](
        sys.argv[2], int(sys.argv[3]))))
