"""The interface between the core of a calculator and its child processes.

After each turn ``Children`` takes the ``Call`` records to start and the numbers of calls to stop from the core. It
calls ``functions_changed``, ``call_ended`` and ``call_not_started`` of the core.
"""

from __future__ import absolute_import, division, print_function

from net_protocol.limits import FAILURE_CHARS_MAX

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401


class Call(object):
    """An attempt for a child. ``arguments`` is [args, kwargs] as JSON text; with ``is_each`` args is a list of argument
    lists. ``timeout_s`` is None for no limit.
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
    """The failure of a call: an object for a ``failed`` row."""
    most = FAILURE_CHARS_MAX
    found = {u'cause': as_text(cause), u'message': as_text(message)[:most[u'message']]}
    if kind:
        found[u'type'] = as_text(kind)[:most[u'type']]
    # The end of these texts is more useful than the beginning.
    if traceback:
        found[u'traceback'] = as_text(traceback)[-most[u'traceback']:]
    if stderr:
        found[u'stderr'] = as_text(stderr)[-most[u'stderr']:]
    return found


def as_text(value):
    # type: (Any) -> Any
    """``value`` decoded if it is bytes, as a ``str`` of 2.7 is (until 2.7 goes)."""
    return value.decode('utf-8', 'replace') if isinstance(value, bytes) else value
