"""Other systems that do the same work, one module each.

    TITLE           its name in tables
    USED            which settings and interfaces are used, and why
    GUARANTEE       what happens to a task whose worker dies: one of the constants below
    COMMANDS        programs that must be installed
    MODULES         Python packages that must be installed
    broker(port, folder)    the command of its broker, and optionally its environment, or
    serve(port)             its broker, if that is a Python function
    work(port)              a worker: computes until it is ended
    ask(port, load)         a client: drives a ``benchmarks.load.Load`` to its end

``serve`` and ``work`` print ``READY`` when they can be used. Everything listens on a free port of loopback. A peer
imports its package inside of functions, so that it can be listed without the package.
"""

from __future__ import absolute_import, division, print_function

#: The modules of this folder that are peers, in the order of the tables of throughput and latency.
NAMES = ('nats', 'jetstream', 'jetstream_file', 'redis_streams', 'rabbitmq', 'gearman_minimal', 'majordomo',
         'celery_redis', 'dask_distributed', 'relay')

#: Peers of one question only.
OTHERS = ('beanstalkd',)

AT_MOST_ONCE = 'at most once'
AFTER_DISCONNECT = 'redelivery after a disconnect'
AFTER_SILENCE = 'redelivery after silence'
WHEN_CLAIMED = 'redelivery when another worker claims it'

READY = 'ready'
