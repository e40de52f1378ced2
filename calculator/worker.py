"""The child process of a calculator: loads the user's functions and runs one call at a time.

It exchanges JSON lines with the calculator on duplicates of standard input and output, so that a function may print or
close these. This file imports no module of the project, so that the user's modules can have any name.

    {"ready": true, "functions": [{"name": "score", "signature": "(text, scale=1)", "doc": "..."}], "each": true,
     "texts": true}
    {"ready": false, "error": "..."}
    {"call": 7, "task": "client-a:k3f7q2xa:17", "attempt": 1, "function": "score", "arguments": "[[\"abc\"],{}]"}
    {"call": 7, "result": "6"}
    {"call": 7, "error": {"type": "ValueError", "message": "...", "traceback": "..."}}

``arguments`` is [args, kwargs] as JSON text, and so is the result: the calculator does not parse them. With ``"each":
true`` in a call, args is a list of argument lists, and the result is the list of results.
"""

from __future__ import absolute_import, division, print_function

import fcntl
import inspect
import io
import json
import os
import re
import signal
import sys
import traceback
import types

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

#: A function can read these variables, for example to make repeated execution harmless.
TASK_VARIABLE = 'FARM_TASK_ID'
ATTEMPT_VARIABLE = 'FARM_ATTEMPT'

#: Bytes of a result as JSON, which must fit in a datagram.
RESULT_BYTES_MAX = 60000

#: The largest sizes of the texts of an error. The end of a traceback is kept.
MESSAGE_CHARS_MAX = 300
TRACEBACK_CHARS_MAX = 2500

#: Announced functions, and characters of a signature or docstring.
FUNCTIONS_MAX = 500
SHORT_CHARS_MAX = 200

#: Exit status if the functions can't be loaded, and if the calculator is gone.
LOAD_FAILED = 3
ORPHANED = 4

_encode = json.JSONEncoder(separators=(',', ':'), allow_nan=False).encode
_SCALARS = frozenset([int, float, bool, type(None)])
_NAME = re.compile(r'[!-~]{1,100}\Z')
_IS_2 = sys.version_info < (3,)
if sys.version_info < (3,):
    # Until 2.7 goes.
    _TEXTS = (str, unicode)  # noqa: F821
    _text = unicode  # noqa: F821
else:
    _TEXTS = (str,)
    _text = str


class NoResult(Exception):
    """The result of a function can't be sent."""


class Link(object):
    """Lines from and to the calculator."""

    def __init__(self):
        # type: () -> None
        self._reader = io.open(_moved(0), 'rb')  # noqa: SIM115
        self._writer = _moved(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        if nothing > 2:
            os.close(nothing)
        self.lines = iter(self._reader.readline, b'')  # type: Any

    def send(self, text):
        # type: (str) -> None
        data = text.encode('ascii') + b'\n'
        while data:
            data = data[os.write(self._writer, data):]

    def watch(self):
        # type: () -> None
        """For systems without PR_SET_PDEATHSIG: read in a thread, which kills this process and its group as soon as the
        calculator is gone. A function that never releases the interpreter lock prevents this.
        """
        import threading

        waiting = []  # type: List[bytes]
        condition = threading.Condition()
        reader = self._reader

        def read():
            # type: () -> None
            for line in iter(reader.readline, b''):
                with condition:
                    waiting.append(line)
                    condition.notify()
            os.killpg(0, signal.SIGKILL)

        def lines():
            # type: () -> Any
            while True:
                with condition:
                    while not waiting:
                        # On 2.7 a wait without a time-out blocks signals.
                        condition.wait(3600)
                    line = waiting.pop(0)
                yield line
        thread = threading.Thread(target=read)
        thread.daemon = True
        thread.start()
        self.lines = lines()


def _moved(descriptor):
    # type: (int) -> int
    """A duplicate that child processes do not inherit."""
    duplicate = os.dup(descriptor)
    fcntl.fcntl(duplicate, fcntl.F_SETFD, fcntl.fcntl(duplicate, fcntl.F_GETFD) | fcntl.FD_CLOEXEC)
    return duplicate


# The user's functions.

def load(kind, target):
    # type: (str, str) -> Any
    """The module of a file (``kind`` is "file") or of a dotted name ("module")."""
    if kind == 'module':
        sys.path.insert(0, os.getcwd())
        __import__(target)
        return sys.modules[target]
    path = os.path.abspath(target)
    sys.path.insert(0, os.path.dirname(path))
    name = os.path.splitext(os.path.basename(path))[0]
    if name in sys.modules:
        name = 'work_' + name
    module = types.ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    with io.open(path, 'rb') as source:
        code = compile(source.read(), path, 'exec', 0, True)
    exec(code, module.__dict__)
    return module


def public_functions(module):
    # type: (Any) -> Dict[str, Any]
    """The functions to offer: those in ``__all__`` if it exists, else the public ones of the module."""
    listed = getattr(module, '__all__', None)
    if listed is not None:
        found = {name: getattr(module, name) for name in listed}
    else:
        found = {name: value for name, value in vars(module).items()
                 if not name.startswith('_') and getattr(value, '__module__', None) == module.__name__
                 and not inspect.isclass(value)}
    return {name: value for name, value in found.items() if callable(value) and _NAME.match(name)}


def described(functions):
    # type: (Dict[str, Any]) -> List[Dict[str, str]]
    return [{'name': name, 'signature': _signature(functions[name])[:SHORT_CHARS_MAX],
             'doc': _first_line(functions[name])[:SHORT_CHARS_MAX]} for name in sorted(functions)[:FUNCTIONS_MAX]]


def _signature(function):
    # type: (Any) -> str
    try:
        if _IS_2:
            return inspect.formatargspec(*inspect.getargspec(function))  # type: ignore[attr-defined]
        return str(inspect.signature(function))
    except (TypeError, ValueError):
        return '(...)'


def _first_line(function):
    # type: (Any) -> Any
    lines = (inspect.getdoc(function) or '').splitlines()
    return _as_text(lines[0]) if lines else ''


def _as_text(value):
    # type: (Any) -> Any
    return value.decode('utf-8', 'replace') if isinstance(value, bytes) else value


# Calls.

def answer(functions, asked):
    # type: (Dict[str, Any], Any) -> str
    """The line that answers a call."""
    number = asked['call']
    os.environ[TASK_VARIABLE] = str(asked['task'])
    os.environ[ATTEMPT_VARIABLE] = str(asked['attempt'])
    try:
        function = functions.get(asked['function'])
        if function is None:
            raise LookupError('no function %s' % asked['function'])
        arguments, keywords = json.loads(asked['arguments'])
        if asked.get('each'):
            result = [function(*each) for each in arguments]
        else:
            result = function(*arguments, **keywords)
        return '{"call": %d, "result": %s}' % (number, json.dumps(encoded(result)))
    except MemoryError:
        # Do not allocate memory first.
        return '{"call": %d, "error": {"type": "MemoryError", "message": "", "traceback": ""}}' % number
    except BaseException:
        return '{"call": %d, "error": %s}' % (number, json.dumps(error_of(*sys.exc_info())))


def encoded(result):
    # type: (Any) -> str
    """A result as JSON. Raises ``NoResult``."""
    if not is_small(result):
        raise NoResult('the result takes more than %d bytes as JSON; store it and return its location' % (
            RESULT_BYTES_MAX,))
    try:
        text = _encode(result)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise NoResult('the result is not JSON: %s' % error)
    if len(text) > RESULT_BYTES_MAX:
        raise NoResult('the result takes %d bytes as JSON, limit %d; store it and return its location' % (
            len(text), RESULT_BYTES_MAX))
    return text


def is_small(value):
    # type: (Any) -> bool
    """Whether a result may fit: JSON takes at least one byte for each character and each element."""
    left = RESULT_BYTES_MAX
    level = [value]
    depth = 0
    while level and depth < 1000:
        depth += 1
        below = []  # type: List[Any]
        # Skip a list of numbers quickly: numbers are short.
        for item in () if _SCALARS.issuperset(map(type, level)) else level:
            if isinstance(item, _TEXTS):
                left -= len(item)
            elif isinstance(item, (list, tuple, dict)):
                left -= len(item)
                if left >= 0:
                    below.extend(item)
                    if isinstance(item, dict):
                        below.extend(item.values())
            if left < 0:
                return False
        level = below
    return True


def error_of(kind, error, trace):
    # type: (Any, Any, Any) -> Dict[str, Any]
    try:
        message = _as_text(str(error)) if not _IS_2 else _text(error)
    except Exception:
        message = 'an error without a text'
    # Without the frame of this file.
    lines = traceback.format_exception(kind, error, trace.tb_next or trace)
    return {'type': 'NoResult' if kind is NoResult else kind.__name__[:100], 'message': message[:MESSAGE_CHARS_MAX],
            'traceback': _as_text(''.join(lines))[-TRACEBACK_CHARS_MAX:]}


def main(arguments):
    # type: (List[str]) -> int
    """``arguments``: "file" or "module", what to load, and "watch" where the thread is needed."""
    kind, target = arguments[:2]
    link = Link()
    if 'watch' in arguments[2:]:
        link.watch()
    try:
        functions = public_functions(load(kind, target))
        announced = described(functions)
    except BaseException:
        traceback.print_exc()
        error = error_of(*sys.exc_info())
        shown = '%s: %s' % (error['type'], error['message'])
        link.send(json.dumps({'ready': False, 'error': shown[:MESSAGE_CHARS_MAX]}))
        return LOAD_FAILED
    link.send(json.dumps({'ready': True, 'functions': announced, 'each': True, 'texts': True}))
    process = os.getpid()
    for line in link.lines:
        text = answer(functions, json.loads(line.decode('utf-8')))
        if os.getpid() != process:
            # The function forked, and this is the child.
            os._exit(0)
        link.send(text)
    return ORPHANED


if __name__ == '__main__':
    # Modules must not be loaded from the directory of this file.
    if sys.path and sys.path[0] == os.path.dirname(os.path.abspath(__file__ if '__file__' in globals() else '.')):
        del sys.path[0]
    sys.exit(main(sys.argv[1:]))
