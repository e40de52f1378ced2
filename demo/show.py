"""Shows a run while it goes on: the monitor's screen with the demo's own events, or plain lines."""

from __future__ import absolute_import, division, print_function

import sys
from collections import deque

from monitor.screen import latest, screen

MYPY = False
if MYPY:
    from typing import Any, Deque, Tuple  # noqa: F401

    from demo.director import Director  # noqa: F401

#: Notes that are kept: more than a window has lines.
NOTES_KEPT = 200

#: The time between two status lines without a screen.
STATUS_INTERVAL_S = 3.0


class Show(object):
    """What a user sees. ``terminal`` is a ``FullScreen``, or None for plain lines on standard output."""

    def __init__(self, terminal):
        # type: (Any) -> None
        self._terminal = terminal
        self._notes = deque(maxlen=NOTES_KEPT)  # type: Deque[Tuple[float, str, str]]
        self._new_notes = []  # type: Any
        self._events_shown = 0
        self._status_due_s = STATUS_INTERVAL_S
        self.is_over = False

    def note(self, at, style, sentence):
        # type: (float, str, str) -> None
        """An event that the dispatcher does not report."""
        self._notes.append((at, style, sentence))
        self._new_notes.append((at, style, sentence))

    def draw(self, now, monitor, director):
        # type: (float, Any, Director) -> None
        """Show the present state."""
        if self.is_over:
            return
        if self._terminal is not None:
            view = monitor.view(now, list(self._notes), director.title)
            self._terminal.show(screen(view, *self._terminal.size))
            return
        picture = monitor.picture
        new = latest(picture, self._new_notes, picture.events_seen - self._events_shown + len(self._new_notes))
        self._events_shown, self._new_notes = picture.events_seen, []
        for at, _, sentence in new:
            self._write(director.seconds_at(at), sentence)
        seconds = director.seconds_at(now)
        if seconds >= self._status_due_s:
            self._status_due_s += STATUS_INTERVAL_S
            record, queue = director.record, picture.facts.get('queue', {})
            self._write(seconds, '-- %d tasks sent, %d answered; %d waiting, %d running; free slots %d of %d' % (
                (record.sent, record.answered, queue.get('waiting', 0), queue.get('running', 0)) + picture.slots))

    @staticmethod
    def _write(seconds, line):
        # type: (float, str) -> None
        sys.stdout.write('%6.1f s  %s\n' % (seconds, line))
        sys.stdout.flush()
