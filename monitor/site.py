"""The answers to browsers and scrapers: a table of paths. All requests are read-only.

A text of another process (a name, a reason) never becomes markup: it is sent as JSON, and the page inserts it as text.
"""

from __future__ import absolute_import, division, print_function

import json
import re

from common.compat import text_type
from monitor import metrics
from monitor.answers import task_as_values
from monitor.words import story
from net_protocol import columns

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Tuple  # noqa: F401

    from monitor.core import MonitorCore  # noqa: F401
    from monitor.feed import Feed  # noqa: F401

JSON = 'application/json'
TEXT = 'text/plain; charset=utf-8'
STREAM = 'text/event-stream'

#: Addresses and these names are always accepted as Host, other names only if the settings list them. This prevents DNS
#: rebinding: a foreign page whose name resolves to this machine sends its own name.
_NUMBER = re.compile(r'[0-9.]+\Z|[0-9a-f:]*:[0-9a-f:.]*\Z')
OWN_NAMES = frozenset(['localhost', ''])


class Site(object):
    """The answers of one monitor.

    ``files`` are those of the page, {path: (content type, bytes)}; ``make(status, content type, body, is_stream)``
    makes an answer; ``names`` are further host names of the site.
    """

    def __init__(self, core, feed, files, make, names=()):
        # type: (MonitorCore, Feed, Dict[str, Tuple[str, bytes]], Callable[..., Any], Any) -> None
        self._core = core
        self._feed = feed
        self._files = files
        self._make = make
        self._names = OWN_NAMES.union(name.lower() for name in names)
        self._paths = {'/events': self._events, '/status.json': self._status, '/task.json': self._task,
                       '/metrics': self._metrics, '/healthz': self._health}

    def respond(self, now, request):
        # type: (float, Any) -> None
        """Answer a request, at once or when the dispatcher has answered."""
        if request.host not in self._names and not _NUMBER.match(request.host):
            request.answer(self._make(421, TEXT, b'unknown host name: the setting http_hosts lists further ones\n'))
        elif request.path in self._paths:
            self._paths[request.path](now, request)
        elif request.path in self._files:
            content_type, body = self._files[request.path]
            request.answer(self._make(200, content_type, body))
        else:
            request.answer(self._make(404, TEXT, b'not found\n'))

    # Messages to all open pages.

    def news(self, now):
        # type: (float) -> bytes
        return as_event(self._feed.news(now))

    def silence(self, now):
        # type: (float) -> bytes
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
        text = metrics.metrics(self._core.picture, self._core.is_silent(now), 'clients=1' in request.query.split('&'))
        request.answer(self._make(200, metrics.CONTENT_TYPE, text.encode('utf-8')))

    def _task(self, now, request):
        # type: (float, Any) -> None
        try:
            # Of the characters of a task id only the colon is ever escaped.
            given = text_type(request.query).replace(u'%3A', u':').replace(u'%3a', u':')
            task_id = given[len('id='):] if given.startswith('id=') else u''
            columns.task_id([task_id])
        except columns.FieldRefused as error:
            request.answer(self._make(400, TEXT, ('expected %s\n' % error).encode('ascii')))
            return

        def take(rows):
            # type: (Any) -> None
            values = dict(task_as_values(task_id, rows), story=story(task_id, rows))
            request.answer(self._make(503 if rows is None else 200, JSON, as_json(values)))

        if not self._core.ask_about(now, task_id, take):
            request.answer(self._make(503, TEXT, b'too many requests at a time\n'))


def as_json(values):
    # type: (Any) -> bytes
    return json.dumps(values, sort_keys=True).encode('ascii')


def as_event(values):
    # type: (Any) -> bytes
    """An event of a stream. JSON contains no line feed."""
    return b'data: ' + json.dumps(values).encode('ascii') + b'\n\n'
