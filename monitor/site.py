"""What is answered to a browser or a scraper: a table of paths. Nothing that is asked changes anything.

Nothing that others wrote (a name, a reason) ever becomes markup: it travels as JSON, and the page puts it down as text.
"""

from __future__ import absolute_import, division, print_function

import json
import re

from monitor import metrics
from monitor.answers import task_as_values
from monitor.words import story
from net_protocol import fields
from net_protocol.compat import text_type

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Tuple  # noqa: F401

    from monitor.core import MonitorCore  # noqa: F401
    from monitor.feed import Feed  # noqa: F401

JSON = 'application/json'
TEXT = 'text/plain; charset=utf-8'
STREAM = 'text/event-stream'

#: A name that leads to this machine only if its owner wants it to. A page elsewhere whose name is made to lead here
#: (DNS rebinding) is turned away by it: that page's own name stands in its questions.
_NUMBER = re.compile(r'[0-9.]+\Z|[0-9a-f:]*:[0-9a-f:.]*\Z')
OWN_NAMES = frozenset(['localhost', ''])



class Site(object):
    """Answers for one monitor.

    ``files`` are the page's own, {path: (content type, bytes)}; ``make(status, content type, body, is_stream)`` makes
    an answer; ``names`` are the host names under which it may be asked, beside numbers.
    """

    def __init__(self, core, feed, files, make, names=()):
        # type: (MonitorCore, Feed, Dict[str, Tuple[str, bytes]], Callable[..., Any], Any) -> None
        self._core = core
        self._feed = feed
        self._files = files
        self._make = make
        self._names = OWN_NAMES | set(names)
        self._paths = {'/events': self._events, '/status.json': self._status, '/task.json': self._task,
                       '/metrics': self._metrics, '/healthz': self._health}

    def respond(self, now, request):
        # type: (float, Any) -> None
        """Answer a request, now or when the dispatcher has said what is asked for."""
        if request.host not in self._names and not _NUMBER.match(request.host):
            request.answer(self._make(421, TEXT, b'this is not the name of this page\n'))
        elif request.path in self._paths:
            self._paths[request.path](now, request)
        elif request.path in self._files:
            content_type, body = self._files[request.path]
            request.answer(self._make(200, content_type, body))
        else:
            request.answer(self._make(404, TEXT, b'there is nothing here\n'))

    # What is broadcast.

    def news(self, now):
        # type: (float) -> bytes
        """To all that watch, with every report."""
        return as_event(self._feed.news(now))

    def silence(self, now):
        # type: (float) -> bytes
        """To all that watch, while there are none."""
        return as_event(self._feed.silence(now))

    # Paths.

    def _events(self, now, request):
        # type: (float, Any) -> None
        request.answer(self._make(200, STREAM, b'retry: 2000\n\n' + as_event(self._feed.everything(now)), True))

    def _status(self, now, request):
        # type: (float, Any) -> None
        core = self._core
        values = core.picture.as_status(now, core.silence_s(now), core.is_silent(now))
        request.answer(self._make(200, JSON, as_json(values)))

    def _health(self, now, request):
        # type: (float, Any) -> None
        is_well = self._core.picture.at is not None and not self._core.is_silent(now)
        request.answer(self._make(200 if is_well else 503, TEXT, b'ok\n' if is_well else b'the dispatcher is silent\n'))

    def _metrics(self, now, request):
        # type: (float, Any) -> None
        text = metrics.metrics(self._core.picture, self._core.is_silent(now))
        request.answer(self._make(200, metrics.CONTENT_TYPE, text.encode('utf-8')))

    def _task(self, now, request):
        # type: (float, Any) -> None
        try:
            # Of what an id is made of, the colon alone may come escaped.
            given = text_type(request.query).replace(u'%3A', u':').replace(u'%3a', u':')
            task_id = fields.task_id(given[len('id='):] if given.startswith('id=') else None)
        except fields.FieldRefused as error:
            request.answer(self._make(400, TEXT, ('expected %s\n' % error).encode('ascii')))
            return

        def take(rows):
            # type: (Any) -> None
            values = dict(task_as_values(task_id, rows), story=story(task_id, rows))
            request.answer(self._make(503 if rows is None else 200, JSON, as_json(values)))

        if not self._core.ask_about(now, task_id, take):
            request.answer(self._make(503, TEXT, b'too many ask at the same time\n'))


def as_json(values):
    # type: (Any) -> bytes
    """JSON in ASCII."""
    return json.dumps(values, sort_keys=True).encode('ascii')


def as_event(values):
    # type: (Any) -> bytes
    """An event of a stream. JSON has no line feed in it, so one line is enough."""
    return b'data: ' + json.dumps(values).encode('ascii') + b'\n\n'
