"""The child processes of a calculator: one for each slot, started ahead of time, reused, replaced after many calls.

This is a service of ``runtime.loop``. The loop waits for the pipes of the children together with the socket, so
heartbeats are sent whatever a child does. If a child hangs, crashes or is killed, only its call is affected, and
another child replaces it.
"""

from __future__ import absolute_import, division, print_function

import hashlib
import json
from collections import deque

from calculator.calls import as_text, failure
from calculator.child import BUSY, ENDING, IDLE, Child
from net_protocol.causes import EXCEPTION, MEMORY, PROTOCOL, RESULT, TIME
from net_protocol.rows import HANDED_BACK
from runtime.clock import monotonic
from runtime.logs import log

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List, Set  # noqa: F401

    from calculator.calls import Call  # noqa: F401
    from calculator.child import Program  # noqa: F401

#: Time between two checks whether a child has ended or stopped itself. Its pipes do not always show this, because
#: processes that it started may keep them open.
LOOK_S = 0.2

#: Time from SIGTERM to SIGKILL.
GRACE_S = 0.5

#: How long a call that was assigned before a slot is free may wait while all children are busy. Then the call returns
#: to the dispatcher, because another calculator may be free.
AHEAD_S = 0.1

#: When a child has this many calls left, its successor is started, so that the slot is never empty.
SUCCESSOR_CALLS = 100

#: The longest time that a child may take to load its functions.
LOAD_S = 60.0

#: The pause after the first, second ... failed start in a row. After a child that ran a call there is no pause.
START_DELAYS_S = (0.0, 0.2, 1.0, 5.0, 10.0)

#: The largest size of the list of functions, as JSON.
FUNCTIONS_BYTES_MAX = 50000


class Children(object):
    """Runs the calls of ``core`` in ``number`` child processes of ``program``. A child is replaced after ``calls_max``
    calls.
    """

    def __init__(self, core, program, number, calls_max):
        # type: (Any, Program, int, int) -> None
        self._core = core
        self._program = program
        self._number = number
        self._calls_max = calls_max
        # The children that load or run, and those that were asked to end.
        self._children = []  # type: List[Child]
        self._ending = []  # type: List[Child]
        self._idle = deque()  # type: Deque[Child]
        # Number of a call -> its child; and the calls that wait for a child.
        self._by_call = {}  # type: Dict[int, Child]
        self._waiting = deque()  # type: Deque[Call]
        # Those among ``_children`` that will be replaced soon. A successor is started for each.
        self._retiring = set()  # type: Set[Child]
        # When waiting calls return to the dispatcher: ``AHEAD_S`` after the newest arrived; or None.
        self._hand_back_at = None  # type: float | None
        self._look_at = 0.0
        # The number of failed starts in a row.
        self._failed_starts = 0
        self._start_at = 0.0
        self._problem = None  # type: str | None
        self._digest = None  # type: str | None

    # A service of the loop.

    def readers(self):
        # type: () -> List[Any]
        found = []  # type: List[Any]
        for children in (self._children, self._ending):
            for child in children:
                found.extend(child.readers())
        return found

    def writers(self):
        # type: () -> List[Any]
        return [child.input for child in self._children if child.unwritten and child.input is not None]

    def next_timer(self):
        # type: () -> float | None
        times = [child.due_at for children in (self._children, self._ending) for child in children]
        times.append(self._look_at)
        times.append(self._hand_back_at)
        if len(self._children) - len(self._retiring) < self._number:
            times.append(self._start_at)
        return min([time for time in times if time is not None])

    def handle(self, readable, writable, now):
        # type: (List[Any], List[Any], float) -> None
        if readable or writable:
            ready = set(readable)
            ready.update(writable)
            for child in self._children + self._ending:
                if child.take(ready):
                    self._handle_lines(now, child)
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            self._look(now)
        self._handle_due(now)
        starts, stops = self._core.take_calls()
        for number in stops:
            self._stop_call(now, number)
        self._waiting.extend(starts)
        while len(self._children) - len(self._retiring) < self._number and now >= self._start_at:
            if not self._start(now):
                break
        while self._waiting and self._idle and len(self._by_call) < self._number:
            self._give(now, self._idle.popleft(), self._waiting.popleft())
        if not self._waiting or starts:
            self._hand_back_at = now + AHEAD_S if self._waiting else None
        elif self._hand_back_at is not None and now >= self._hand_back_at:
            self._hand_back(now)

    def close(self):
        # type: () -> None
        """End all children, and wait until they have ended."""
        now = monotonic()
        for child in self._children + self._ending:
            if child.state is not ENDING:
                child.begin_to_end(now + GRACE_S)
        remaining, self._children, self._ending = self._children + self._ending, [], []
        while remaining:
            now = monotonic()
            for child in remaining:
                if child.due_at is not None and now >= child.due_at:
                    child.kill()
            remaining = [child for child in remaining if not child.has_ended()]
            if remaining:
                remaining[0].wait_a_little()

    def _hand_back(self, now):
        # type: (float) -> None
        """Return the newest waiting calls to the dispatcher, until there are as many calls as slots."""
        self._hand_back_at = None
        while self._waiting and len(self._by_call) + len(self._waiting) > self._number:
            self._core.call_not_started(now, self._waiting.pop().number, HANDED_BACK)

    # Starts.

    def _start(self, now):
        # type: (float) -> bool
        try:
            child = Child(self._program)
        except EnvironmentError as error:
            self._note_failed_start(now, 'cannot start %s: %s' % (self._program, error.strerror or error))
            return False
        child.due_at = now + LOAD_S
        self._children.append(child)
        return True

    def _note_failed_start(self, now, problem):
        # type: (float, str) -> None
        """Log why a start failed. After two failed starts in a row with no child at work, refuse waiting calls."""
        self._failed_starts += 1
        self._start_at = now + START_DELAYS_S[min(self._failed_starts, len(START_DELAYS_S)) - 1]
        if problem != self._problem:
            self._problem = problem
            log.error('%s', problem)
        # A single child may have been killed from outside. If two fail, the program or its functions are at fault.
        if self._failed_starts > 1 and not self._idle and not self._by_call:
            self._set_functions(now, [])
            while self._waiting:
                self._core.call_not_started(now, self._waiting.popleft().number)

    def _note_ready(self, now, child, line):
        # type: (float, Child, Any) -> None
        functions = checked_functions(line.get('functions'))
        if line.get('ready') is not True or functions is None:
            said = line.get('error')
            problem = 'no functions: %s' % (said if _is_text(said) else 'the list of functions is not valid')
            self._end(now, child, PROTOCOL, problem)
            return
        if self._problem is not None:
            self._problem = None
            log.info('%s works again', self._program)
        self._failed_starts = 0
        child.is_each_known, child.takes_texts = line.get('each') is True, line.get('texts') is True
        child.due_at = None
        child.state = IDLE
        self._idle.append(child)
        self._set_functions(now, functions)

    def _set_functions(self, now, functions):
        # type: (float, List[List[Any]]) -> None
        digest = hashlib.sha256(json.dumps(functions).encode('ascii')).hexdigest()[:16]
        if digest != self._digest:
            self._digest = digest
            self._core.functions_changed(now, as_text(digest), functions)

    # Calls.

    def _give(self, now, child, call):
        # type: (float, Child, Call) -> None
        child.due_at = None if call.timeout_s is None else now + call.timeout_s
        self._by_call[call.number] = child
        try:
            child.begin(call)
        except ValueError as error:
            self._note_end(now, child, None, failure(EXCEPTION, 'the arguments are not valid: %s' % error))

    def _handle_lines(self, now, child):
        # type: (float, Child) -> None
        for line in child.take_lines():
            if child.state is ENDING:
                return
            if child.state is BUSY:
                self._handle_answer(now, child, line)
            elif child.state is IDLE or not isinstance(line, dict):
                self._end(now, child, PROTOCOL, 'it wrote a line while it had no call')
            else:
                self._note_ready(now, child, line)
        if child.is_closed and child.state is not ENDING:
            # Usually the child is about to end, and its exit status shows the cause.
            child.is_closed = False
            child.wait_a_little()
            self._look_at_child(now, child)
            if child.state is not ENDING:
                self._end(now, child, PROTOCOL, 'it closed its output')

    def _handle_answer(self, now, child, line):
        # type: (float, Child, Any) -> None
        call = child.call
        if not isinstance(line, dict) or line.get('call') != call.number or ('result' in line) == ('error' in line):
            self._end(now, child, PROTOCOL, 'it wrote a line that is not a valid answer')
            return
        result = failed = None
        if 'result' in line:
            try:
                result = child.take_result(line['result'])
            except (ValueError, RuntimeError) as error:
                failed = failure(RESULT, str(error))
            else:
                if result is None:
                    # The child was sent the next part of the chunk.
                    return
        else:
            failed = self._failure_of(child, line['error'])
            if failed[u'cause'] == MEMORY:
                self._end(now, child, MEMORY, failed[u'message'])
                return
        self._note_end(now, child, result, failed)

    def _note_end(self, now, child, result, failed):
        # type: (float, Child, Any, Any) -> None
        """Report the end of a call. Its child is free, or is replaced after ``calls_max`` calls."""
        number = child.call.number
        self._forget_call(child)
        self._core.call_ended(now, number, result, failed)
        if child.calls >= self._calls_max:
            self._let_go(now, child)
            return
        child.state = IDLE
        if child.calls >= self._calls_max - SUCCESSOR_CALLS and child.calls >= SUCCESSOR_CALLS:
            self._retiring.add(child)
            # This child is used before its successor.
            self._idle.appendleft(child)
        else:
            self._idle.append(child)

    @staticmethod
    def _failure_of(child, error):
        # type: (Child, Any) -> Any
        if not isinstance(error, dict):
            error = {}
        kind, message, traceback = [error.get(key) if _is_text(error.get(key)) else ''
                                    for key in ('type', 'message', 'traceback')]
        if kind == 'MemoryError':
            return failure(MEMORY, 'it reached its memory limit')
        return failure(RESULT if kind == 'NoResult' else EXCEPTION, message, kind or 'error', traceback,
                       child.last_lines())

    @staticmethod
    def _forget(table, child):
        # type: (Any, Child) -> None
        if child in table:
            table.remove(child)

    def _forget_call(self, child):
        # type: (Child) -> None
        self._by_call.pop(child.call.number, None)
        child.call = None
        child.due_at = None

    def _stop_call(self, now, number):
        # type: (float, int) -> None
        """Stop a call whose result the core does not need any more: end its child, or drop it if it waits."""
        child = self._by_call.get(number)
        if child is None:
            self._waiting = deque(call for call in self._waiting if call.number != number)
            return
        self._forget_call(child)
        self._let_go(now, child)

    # Ends.

    def _let_go(self, now, child):
        # type: (float, Child) -> None
        """Tell a child to end. ``handle`` starts another one."""
        self._forget(self._children, child)
        self._forget(self._idle, child)
        self._retiring.discard(child)
        self._ending.append(child)
        child.begin_to_end(now + GRACE_S)

    def _end(self, now, child, cause, message):
        # type: (float, Child, str, str) -> None
        """Kill a child that failed, if it still runs, and report the failure of its call."""
        call = child.call
        # A child that ended before its first call counts as a failed start.
        is_useless = not child.calls
        if call is not None:
            # Read the rest of its output and of its standard error.
            child.take(None)
            self._forget_call(child)
        self._let_go(now, child)
        child.kill()
        if is_useless:
            self._note_failed_start(now, message)
        if call is not None:
            self._core.call_ended(now, call.number, None, failure(cause, message, stderr=child.last_lines()))

    def _look(self, now):
        # type: (float) -> None
        """Check which children have ended or stopped themselves."""
        for child in list(self._children):
            self._look_at_child(now, child)
        self._ending = [child for child in self._ending if not child.has_ended()]

    def _look_at_child(self, now, child):
        # type: (float, Child) -> None
        if not child.look():
            return
        if child.call is not None and child.take(None) and child.lines_wait():
            # It wrote an answer before it ended.
            self._handle_lines(now, child)
            if child not in self._children:
                return
        cause, message = child.cause()
        self._end(now, child, cause, message)

    def _handle_due(self, now):
        # type: (float) -> None
        for child in list(self._children):
            if child.due_at is not None and now >= child.due_at:
                if child.state is BUSY:
                    self._end(now, child, TIME, 'no result within %g s' % child.call.timeout_s)
                else:
                    self._end(now, child, TIME, 'no functions: not loaded within %g s' % LOAD_S)
        for child in self._ending:
            if child.due_at is not None and now >= child.due_at:
                child.kill()


def checked_functions(announced):
    # type: (Any) -> Any
    """[name, signature, first line of the docstring] of each function, or None if the list is not valid."""
    if not isinstance(announced, list):
        return None
    found = []
    size = 0
    for entry in announced:
        if not isinstance(entry, dict) or not _is_text(entry.get('name')):
            return None
        name, signature, doc = entry['name'], entry.get('signature'), entry.get('doc')  # type: Any, Any, Any
        if not 0 < len(name) <= 100 or not all(u' ' < character < u'\x7f' for character in name):
            return None
        found.append([name, signature[:200] if _is_text(signature) else u'', doc[:200] if _is_text(doc) else u''])
        size += len(json.dumps(found[-1])) + 1
        if size > FUNCTIONS_BYTES_MAX:
            return None
    return sorted(found)


def _is_text(value):
    # type: (Any) -> bool
    return isinstance(value, type(u''))


