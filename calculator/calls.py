"""What the core of a calculator and its child processes say to each other.

The core appends ``Call`` records and the numbers of calls to stop; ``Children`` takes them after each turn, and calls
``functions_changed``, ``call_ended`` and ``call_not_started`` of the core.
"""

from __future__ import absolute_import, division, print_function

from net_protocol.limits import FAILURE_CHARS_MAX

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401


class Call(object):
    """One attempt, as a child gets it. ``arguments`` is [args, kwargs] as JSON in a text; with ``is_each`` args is a
    list of argument lists. ``timeout_s`` is None for no limit.
    """

    __slots__ = ('number', 'task_id', 'attempt', 'function', 'arguments', 'is_each', 'timeout_s')

    def __init__(self, number, task_id, attempt, function, arguments, is_each, timeout_s):
        # type: (int, str, int, str, Any, bool, float | None) -> None
        self.number = number
        self.task_id = task_id
        self.attempt = attempt
        self.function = function
        self.arguments = arguments
        self.is_each = is_each
        self.timeout_s = timeout_s


def failure(cause, message, kind=None, traceback=None, stderr=None):
    # type: (str, Any, Any, Any, Any) -> Any
    """What is reported of a call without a result: an object for the ``error`` field of a ``result`` row."""
    most = FAILURE_CHARS_MAX
    found = {u'cause': as_text(cause), u'message': as_text(message)[:most[u'message']]}
    if kind:
        found[u'type'] = as_text(kind)[:most[u'type']]
    # Of these the end says more.
    if traceback:
        found[u'traceback'] = as_text(traceback)[-most[u'traceback']:]
    if stderr:
        found[u'stderr'] = as_text(stderr)[-most[u'stderr']:]
    return found


def as_text(value):
    # type: (Any) -> Any
    """What 2.7 calls a ``str`` may be bytes (until 2.7 goes)."""
    return value.decode('utf-8', 'replace') if isinstance(value, bytes) else value
