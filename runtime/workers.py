"""A pool of child processes that call a function with each piece of work.

``multiprocessing.Pool`` waits forever when one of its processes is killed, and on 2.7 its processes outlive a killed
parent. This pool notices a killed child at once, and a child whose parent is gone ends within a second.
"""

from __future__ import absolute_import, division, print_function

import gc
import multiprocessing
import os
import select
import signal
from collections import deque

from runtime.descriptors import selectable

MYPY = False
if MYPY:
    from typing import Any, Callable, Iterable, Iterator, List  # noqa: F401

#: Time between two checks of an idle child whether its parent runs.
LOOK_S = 1.0


class WorkerKilled(Exception):
    """A child process ended before it had done its work."""


class _Worker(object):
    """One child. ``number`` is the number of its piece, None while it is idle."""

    def __init__(self, function):
        # type: (Callable[[Any], Any]) -> None
        self.connection, end = multiprocessing.Pipe()
        selectable(self.connection)
        self.process = multiprocessing.Process(target=_serve, args=(function, end, os.getpid()))
        self.process.daemon = True
        self.process.start()
        end.close()
        self.number = None  # type: int | None

    def close(self):
        # type: () -> None
        self.connection.close()
        # A process that was just forked can lose any other signal.
        os.kill(self.process.pid, signal.SIGKILL)  # type: ignore[arg-type]
        self.process.join()


class Pool(object):
    """``jobs`` processes that call ``function``, until ``close``."""

    def __init__(self, function, jobs):
        # type: (Callable[[Any], Any], int) -> None
        self._function = function
        self._workers = []  # type: List[_Worker]
        for _ in range(jobs):
            self._workers.append(_Worker(function))

    def close(self):
        # type: () -> None
        """Kill all processes."""
        for worker in self._workers:
            worker.close()
        self._workers = []

    def results(self, work, killed):
        # type: (Iterable[Any], Callable[[Any, WorkerKilled], Any]) -> Iterator[Any]
        """See the function ``results``. The next call may begin when this iterator is exhausted."""
        pieces = enumerate(work)
        waiting = {}  # type: Any
        done = {}  # type: Any
        idle = deque(self._workers)
        asked = given = 0
        while True:
            while given in done:
                yield done.pop(given)
                given += 1
            # At most a few pieces ahead for each process, even if the first piece is slow.
            while idle and asked - given < 8 * len(self._workers):
                number, piece = next(pieces, (-1, None))
                if number < 0:
                    break
                worker = idle.popleft()
                waiting[number], worker.number = piece, number
                asked += 1
                try:
                    worker.connection.send(piece)
                except (IOError, OSError):
                    # It was killed; handled below.
                    pass
            busy = [worker for worker in self._workers if worker.number is not None]
            if not busy:
                return
            for worker in _ready(busy):
                piece = waiting.pop(worker.number)
                try:
                    done[worker.number] = worker.connection.recv()
                except (EOFError, IOError, OSError):
                    done[worker.number] = killed(piece, self._replace(worker))
                    worker = self._workers[-1]
                worker.number = None
                idle.append(worker)

    def _replace(self, worker):
        # type: (_Worker) -> WorkerKilled
        """Start a process in place of a killed one."""
        worker.process.join()
        self._workers.remove(worker)
        worker.connection.close()
        self._workers.append(_Worker(self._function))
        return WorkerKilled('a worker ended with status %s' % (worker.process.exitcode,))


def results(function, work, jobs, killed):
    # type: (Callable[[Any], Any], Iterable[Any], int, Callable[[Any, WorkerKilled], Any]) -> Iterator[Any]
    """``function(piece)`` for each piece of work, in the order of the work. ``killed(piece, error)`` makes the result
    of a piece whose process was killed. Closing the iterator ends all processes.
    """
    pool = Pool(function, jobs)
    try:
        for result in pool.results(work, killed):
            yield result
    finally:
        pool.close()


def _ready(workers):
    # type: (List[_Worker]) -> List[_Worker]
    """Wait until some workers have sent a result or ended."""
    readable = select.select([worker.connection for worker in workers], [], [])[0]
    return [worker for worker in workers if worker.connection in readable]


def _serve(function, connection, parent):
    # type: (Callable[[Any], Any], Any, int) -> None
    # A terminal sends these signals to all processes; only the parent handles them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while os.getppid() == parent:
        if connection.poll(LOOK_S):
            try:
                piece = connection.recv()
            except EOFError:
                return
            connection.send(function(piece))
            # Free the cycles that a piece may leave, because the next piece needs the memory.
            gc.collect()
