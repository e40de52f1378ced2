"""The client: submits tasks and tracks each until its outcome. ``Executor`` is the library."""

from __future__ import absolute_import, division, print_function

from client.executor import Executor, TaskExpired, TaskFailed, TaskRefused, WorkerDied
from client.futures import CancelledError, TimeoutError, as_completed, wait

__all__ = ['CancelledError', 'Executor', 'TaskExpired', 'TaskFailed', 'TaskRefused', 'TimeoutError', 'WorkerDied',
           'as_completed', 'wait']
