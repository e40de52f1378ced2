"""``concurrent.futures`` on 3.x; on 2.7 the part of it that ``client.executor`` needs.

Until 2.7 goes: then this file is one import.
"""

from __future__ import absolute_import, division, print_function

import sys
import threading
from time import sleep

if sys.version_info >= (3,):
    from concurrent.futures import (
        ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, CancelledError, Executor, Future, TimeoutError, as_completed,
        wait)
    zip_lazily = zip
else:
    from itertools import izip as zip_lazily

    from runtime.clock import monotonic

    FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED = 'FIRST_COMPLETED', 'FIRST_EXCEPTION', 'ALL_COMPLETED'

    class CancelledError(Exception):
        pass

    class TimeoutError(Exception):  # noqa: A001
        pass

    class Executor(object):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.shutdown(wait=True)
            return False

    class Future(object):
        def __init__(self):
            self._condition = threading.Condition()
            self._state = 'PENDING'
            self._result = self._exception = None
            self._callbacks = []

        def cancel(self):
            with self._condition:
                if self._state == 'FINISHED':
                    return False
                if self._state == 'CANCELLED':
                    return True
                self._state = 'CANCELLED'
                self._condition.notify_all()
            self._call_back()
            return True

        def set_running_or_notify_cancel(self):
            return self._state != 'CANCELLED'

        def cancelled(self):
            return self._state == 'CANCELLED'

        @staticmethod
        def running():
            return False

        def done(self):
            return self._state != 'PENDING'

        def add_done_callback(self, function):
            with self._condition:
                if self._state == 'PENDING':
                    self._callbacks.append(function)
                    return
            function(self)

        def result(self, timeout=None):
            exception = self.exception(timeout)
            if exception is not None:
                raise exception
            return self._result

        def exception(self, timeout=None):
            end_at = None if timeout is None else monotonic() + timeout
            with self._condition:
                while self._state == 'PENDING':
                    left_s = 3600.0 if end_at is None else end_at - monotonic()
                    if left_s <= 0:
                        raise TimeoutError()
                    # A wait without a time-out cannot be interrupted by Ctrl-C.
                    self._condition.wait(left_s)
                if self._state == 'CANCELLED':
                    raise CancelledError()
                return self._exception

        def set_result(self, result):
            self._end(result, None)

        def set_exception(self, exception):
            self._end(None, exception)

        def _end(self, result, exception):
            with self._condition:
                if self._state != 'PENDING':
                    raise ValueError('this future is already done')
                self._result, self._exception, self._state = result, exception, 'FINISHED'
                self._condition.notify_all()
            self._call_back()

        def _call_back(self):
            for function in self._callbacks:
                function(self)

    def as_completed(fs, timeout=None):
        end_at = None if timeout is None else monotonic() + timeout
        pending = set(fs)
        while pending:
            done = {future for future in pending if future.done()}
            for future in done:
                yield future
            pending -= done
            if pending and not done:
                if end_at is not None and monotonic() >= end_at:
                    raise TimeoutError()
                sleep(0.005)

    def wait(fs, timeout=None, return_when=ALL_COMPLETED):
        end_at = None if timeout is None else monotonic() + timeout
        fs = set(fs)
        while True:
            done = {future for future in fs if future.done()}
            has_failed = any(not future.cancelled() and future.exception() is not None for future in done)
            if len(done) == len(fs) or (done and return_when == FIRST_COMPLETED) \
                    or (has_failed and return_when == FIRST_EXCEPTION) \
                    or (end_at is not None and monotonic() >= end_at):
                return done, fs - done
            sleep(0.005)

__all__ = ['ALL_COMPLETED', 'FIRST_COMPLETED', 'FIRST_EXCEPTION', 'CancelledError', 'Executor', 'Future',
           'TimeoutError', 'as_completed', 'wait', 'zip_lazily']
