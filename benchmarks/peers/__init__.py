"""Other systems that do the same work, one small file each, all of one shape.

    TITLE           what it is, in a table
    USED            which of its settings and ways of use were taken, and why
    COMMANDS        programs that must be there
    MODULES         Python packages that must be there
    broker(port, folder)    the command of its broker, or
    serve(port)             its broker where that is Python
    work(port)              a worker: computes for ever
    ask(port, load)         a client: drives a ``benchmarks.load.Load`` to its end

``serve`` and ``work`` call ``say_ready`` once they can be used.

Everything listens on loopback, on a port that was free a moment ago. A peer runs in the environment of the benchmarks
(``benchmarks/install``) and imports its package where it uses it, so that the list of peers needs none of them.
"""

from __future__ import absolute_import, division, print_function

import sys

#: The modules of this folder that are peers, in the order of the tables.
NAMES = ('nats', 'gearman_minimal', 'gearman_library', 'majordomo', 'beanstalkd', 'ray_actors', 'celery_redis',
         'dask_distributed', 'rq_redis', 'relay_bare', 'relay_coalescing', 'relay_queue')

READY = 'ready'


def say_ready():
    # type: () -> None
    """On standard output, where the harness waits for it."""
    print(READY)
    sys.stdout.flush()
