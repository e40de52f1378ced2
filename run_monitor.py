#!/usr/bin/env python
"""See what the dispatcher is doing: live in this terminal or in a browser, as one report, as JSON, or as the story of
one task.

Ctrl-C ends it. Exit status 1: the dispatcher does not answer.
"""

from __future__ import absolute_import, division, print_function

import runtime.early  # noqa: F401  isort:skip

import argparse
import io
import json
import os
import socket
import sys
import time

from monitor import answers
from monitor.cases import Cases
from monitor.core import MonitorCore
from monitor.feed import Feed
from monitor.picture import Picture
from monitor.screen import View, as_text, screen
from monitor.settings import SETTINGS
from monitor.site import Site
from monitor.words import BAD, GOOD, HEADING, LOUD, PAST, PLAIN, story
from net_protocol import fields
from net_protocol.compat import text_type
from net_protocol.guard import PROBE
from runtime import command_line, logs, process
from runtime import settings as settings_file
from runtime.clock import monotonic
from runtime.console import LiveLine
from runtime.endpoint import Endpoint
from runtime.full_screen import FullScreen
from runtime.http_server import HttpServer, Response
from runtime.keys import guard_of
from runtime.loop import Loop
from runtime.names import Peer, wait_for_name
from runtime.signals import StopSignals

#: For one report: between two questions, and how long nothing may be heard.
ONCE_INTERVAL_S = 0.25
SILENCE_MAX_S = 3.0
#: What its rates are taken from.
RATES_OF_S = 1.0

#: Between two looks at the size of the window, and two pictures.
LOOK_S = 0.1
DRAW_S = 0.5

#: A report that is printed has as many lines as it needs.
REPORT_COLUMNS, REPORT_ROWS = 120, 100000

CONTENT_TYPES = {'html': 'text/html; charset=utf-8', 'css': 'text/css; charset=utf-8',
                 'js': 'text/javascript; charset=utf-8', 'svg': 'image/svg+xml'}

STYLES = {HEADING: '\x1b[1m', PAST: '\x1b[2m', GOOD: '\x1b[32m', BAD: '\x1b[33m', LOUD: '\x1b[1;31m', PLAIN: ''}


def parsed(argv):
    """The options."""
    parser = command_line.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='With no settings file every setting has its default; config/monitor.json is a sample.')
    parser.add_argument('-s', '--settings', metavar='FILE', help='settings as JSON (default: none, all defaults)')
    parser.add_argument('--check', action='store_true', help='print the settings in force, ask nobody')
    parser.add_argument('--dispatcher', type=host_and_port, metavar='HOST:PORT',
                        help='where the dispatcher is, instead of what the settings say')
    parser.add_argument('--once', action='store_true', help='print one report and end')
    parser.add_argument('--json', action='store_true', help='the same for programs: exactly one JSON object')
    parser.add_argument('--task', type=task_id, metavar='ID',
                        help='tell what became of a task and what it waits for, and end')
    parser.add_argument('--http', type=host_and_port, metavar='HOST:PORT',
                        help='serve a live page, /metrics, /status.json and /healthz there; port 0: any free one')
    command_line.add_version(parser)
    return parser.parse_args(argv)


def host_and_port(text):
    """``HOST:PORT`` or ``[HOST]:PORT``, for argparse."""
    host, _, port = text.rpartition(':')
    host = host[1:-1] if host.startswith('[') and host.endswith(']') else host
    if not host or not 0 <= int(port) < 65536:
        raise ValueError
    return host, int(port)


def task_id(text):
    """A task id, for argparse."""
    return fields.task_id(text if isinstance(text, text_type) else text.decode('utf-8', 'replace'))


host_and_port.__name__ = 'HOST:PORT'
task_id.__name__ = 'task id NAME:INCARNATION:NUMBER'


class Quiet(object):
    """A log that nobody reads: what matters is on the screen."""

    def event(self, event):
        """Nothing."""

    def refusal(self, cause, detail, address):
        """Nothing."""

    def peer_moved(self, peer):
        """Nothing."""

    def peer_silence(self, peer, is_silent):
        """Nothing."""


class Monitor(object):
    """One monitor process: a core on a loop, and whoever shows what it knows."""

    def __init__(self, settings, signals, interval_s):
        self.signals = signals
        self.peer = Peer(settings['dispatcher']['host'], settings['dispatcher']['port'])
        self.picture = Picture()
        self._guard = guard_of(settings, PROBE)
        self.on_report = lambda now: None
        self.core = MonitorCore(process.default_name('monitor', os.getpid()), process.new_incarnation(),
                                process.generator(None), self.peer, interval_s, self.picture, self._note_report)

    def run(self, hooks, guest=None):
        """Until it is stopped; ``hooks`` are pairs of an interval and what to do then."""
        # A dispatcher that is not found is one that does not answer: whoever looks is told so, and it may be found yet.
        if guest is None:
            wait_for_name(self.peer, self.signals, monotonic, lambda *_: None, monotonic() + SILENCE_MAX_S)
        if self.peer.address is None:
            self.peer.family = socket.AF_INET
            endpoint = Endpoint(socket.AF_INET, ('0.0.0.0', 0))
        else:
            endpoint = process.any_port_towards(self.peer)
        loop = Loop(self.core, endpoint, self.signals, monotonic, Quiet(), self.peer, self._guard)
        for interval_s, action in hooks:
            loop.every(interval_s, action)
        if guest is not None:
            loop.attend(guest)
        process.run_loop(loop, endpoint, self.peer)

    def _note_report(self, now):
        self.on_report(now)

    def view(self, now):
        """What there is to see."""
        return View(self.picture, now, repr(self.peer), self.core.silence_s(now), self.core.is_silent(now),
                    time.strftime('%H:%M:%S'))


def run(argv=None):
    """The whole life of a monitor process; returns its exit status."""
    options = parsed(argv)
    settings = settings_file.load(options.settings, SETTINGS)
    if options.dispatcher:
        settings['dispatcher'] = dict(zip(('host', 'port'), options.dispatcher))
    if options.check:
        print(settings_file.as_text(settings, SETTINGS))
        return command_line.OK
    with StopSignals() as signals:
        if options.http:
            return serve(Monitor(settings, signals, settings['interval_s']), options)
        if options.task:
            return tell_task(Monitor(settings, signals, ONCE_INTERVAL_S), options)
        if options.once or options.json or not sys.stdout.isatty():
            return report_once(Monitor(settings, signals, ONCE_INTERVAL_S), options)
        return watch(Monitor(settings, signals, settings['interval_s']))


def watch(monitor):
    """The live screen."""
    styles = {} if os.environ.get('NO_COLOR') else STYLES
    with FullScreen(sys.stdout, styles) as terminal:
        def draw(now):
            columns, rows = terminal.size
            terminal.show(screen(monitor.view(now), columns, rows))

        def draw_if_changed(now):
            if terminal.has_new_size():
                draw(now)

        monitor.on_report = draw
        monitor.run([(LOOK_S, draw_if_changed), (DRAW_S, draw)])
    return command_line.OK


def serve(monitor, options):
    """The page, until somebody stops it."""
    host, port = options.http
    logs.set_up('monitor', 'info', LiveLine())
    cases = Cases(monitor.picture, monitor.core.ask_about)
    site = Site(monitor.core, Feed(monitor.core, cases), page_files(), Response, [host.lower()])
    try:
        server = HttpServer(host, port, site)
    except (OSError, socket.error, UnicodeError) as error:
        raise process.CannotStart('cannot listen on %s port %d: %s' % (
            host, port, getattr(error, 'strerror', None) or error))

    def tell(now):
        cases.update(now)
        server.broadcast(site.news(now))

    def tell_silence(now):
        if monitor.core.is_silent(now):
            server.broadcast(site.silence(now))

    monitor.on_report = tell
    logs.log.info('the page is at http://%s/', logs.shown(server.address))
    if not (server.address[0].startswith('127.') or server.address[0] == '::1'):
        logs.log.warning('serving on %s: everybody who can connect there can watch', host)
    try:
        monitor.run([(1.0, tell_silence)], server)
    finally:
        server.close()
    return command_line.OK


def page_files():
    """The files of the page, {path: (content type, bytes)}."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'monitor', 'page')
    files = {}
    for name in sorted(os.listdir(folder)):
        with io.open(os.path.join(folder, name), 'rb') as file:
            files['/' + name] = (CONTENT_TYPES[name.rpartition('.')[2]], file.read())
    files['/'] = files['/index.html']
    return files


def report_once(monitor, options):
    """One report on standard output, as soon as everything has been told, rates included."""
    def end_if_whole(now):
        samples = monitor.picture.samples
        if monitor.picture.is_whole and samples[-1].at - samples[0].at >= RATES_OF_S:
            monitor.core.stop(now)

    monitor.on_report = end_if_whole
    monitor.run([(LOOK_S, lambda now: end_if_silent(monitor, now))])
    now = monotonic()
    is_there = monitor.picture.at is not None and monitor.core.silence_s(now) < SILENCE_MAX_S
    if options.json:
        print(json.dumps(monitor.picture.as_status(now, monitor.core.silence_s(now), not is_there), sort_keys=True))
    elif is_there:
        for line in screen(monitor.view(now), REPORT_COLUMNS, REPORT_ROWS):
            print(as_text(line))
    else:
        print('%r does not answer' % monitor.peer)
    return command_line.OK if is_there else command_line.NOT_ACHIEVED


def tell_task(monitor, options):
    """The story of a task on standard output."""
    answer = []

    def take(rows):
        answer.append(rows)
        monitor.core.stop(monotonic())

    monitor.core.ask_about(monotonic(), options.task, take)
    monitor.run([(LOOK_S, lambda now: end_if_silent(monitor, now))])
    rows = answer[0] if answer else None
    if options.json:
        print(json.dumps(answers.task_as_values(options.task, rows), sort_keys=True))
    else:
        print('\n'.join(story(options.task, rows)))
    return command_line.OK if rows is not None else command_line.NOT_ACHIEVED


def end_if_silent(monitor, now):
    """Whoever waits for one answer does not wait for ever."""
    if monitor.core.silence_s(now) >= SILENCE_MAX_S:
        monitor.core.stop(now)


if __name__ == '__main__':
    command_line.main(run)
