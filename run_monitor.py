#!/usr/bin/env python3
"""Show the state of a dispatcher: live in this terminal or a browser, as one report, as JSON, or the history of a task.

Ctrl-C ends it. Exit status 1: the dispatcher does not answer.
"""

from __future__ import absolute_import, division, print_function

import runtime.early  # noqa: F401  isort:skip

import argparse
import json
import os
import socket
import sys
import time
from functools import partial

from common.compat import text_type
from monitor.answers import failed_as_values, task_as_values
from monitor.cases import Cases
from monitor.core import MonitorCore
from monitor.feed import Feed
from monitor.picture import Picture
from monitor.screen import View, as_text, screen
from monitor.settings import SETTINGS
from monitor.site import Site
from monitor.words import BAD, GOOD, HEADING, LOUD, PAST, PLAIN, failed_lines, story
from net_protocol import columns
from runtime import archive, command_line, logs, process
from runtime import settings as settings_file
from runtime.clock import monotonic
from runtime.console import LiveLine
from runtime.endpoint import Endpoint
from runtime.full_screen import FullScreen
from runtime.http_server import HttpServer, Response
from runtime.keys import seal_of
from runtime.loop import Loop
from runtime.names import Peer, wait_for_name
from runtime.signals import StopSignals
from runtime.upstream import Upstream

#: For one report: the time between two questions, and the wait for an answer.
ONCE_INTERVAL_S = 0.25
SILENCE_MAX_S = 3.0
#: The period of the rates in one report.
RATES_OF_S = 1.0

#: The time between two checks of the window size, and between two pictures.
LOOK_S = 0.1
DRAW_S = 0.5

#: A printed report has as many lines as it needs.
REPORT_COLUMNS, REPORT_ROWS = 120, 100000

CONTENT_TYPES = {'html': 'text/html; charset=utf-8', 'css': 'text/css; charset=utf-8',
                 'js': 'text/javascript; charset=utf-8', 'svg': 'image/svg+xml'}

STYLES = {HEADING: '\x1b[1m', PAST: '\x1b[2m', GOOD: '\x1b[32m', BAD: '\x1b[33m', LOUD: '\x1b[1;31m', PLAIN: ''}

#: Requests of an operator, which the dispatcher accepts from its own machine or with a key.
OPERATIONS = (
    ('drain', 'CALCULATOR', 'make the dispatcher assign no new tasks to a calculator, and end'),
    ('readmit', 'CALCULATOR', 'make the dispatcher assign tasks to it again, and end'),
    ('cancel', 'TASK', 'make the dispatcher cancel a task, and end'),
)


def parsed(argv):
    parser = command_line.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='With no settings file every setting has its default; config/monitor.json is a sample.')
    parser.add_argument('-s', '--settings', metavar='FILE', type=command_line.text_path,
                        help='settings as JSON (default: none, all defaults)')
    parser.add_argument('--check', action='store_true', help='print the settings in force, start nothing')
    parser.add_argument('--dispatcher', type=command_line.host_and_port, metavar='HOST:PORT',
                        help='the address of the dispatcher, instead of the one in the settings')
    parser.add_argument('--once', action='store_true', help='print one report and end')
    parser.add_argument('--json', action='store_true', help='the same as exactly one JSON object')
    parser.add_argument('--task', type=task_id, metavar='ID',
                        help='print the history of a task and what it waits for, and end')
    for verb, metavar, about in OPERATIONS:
        parser.add_argument('--' + verb, metavar=metavar, type=command_line.text_path, help=about)
    parser.add_argument('--failed', action='store_true',
                        help='list the latest failed tasks with payload and causes, and end')
    parser.add_argument('--http', type=partial(command_line.host_and_port, port_min=0), metavar='HOST:PORT',
                        help='serve a live page, /metrics, /status.json and /healthz at HOST:PORT; port 0: any')
    command_line.add_version(parser)
    return parser.parse_args(argv)


def task_id(text):
    """A task id, for argparse."""
    given = text if isinstance(text, text_type) else text.decode('utf-8', 'replace')
    columns.task_id([given])
    return given


task_id.__name__ = 'task id NAME:INCARNATION:NUMBER'


class _Silent(object):
    """Replaces the log: the screen shows all important events."""

    def __getattr__(self, name):
        return lambda *_: None


class Monitor(object):
    """A monitor: its core and its loop. ``on_report(now)`` is called after each report."""

    def __init__(self, settings, signals, interval_s):
        self.signals = signals
        self.peer = Peer(settings['dispatcher']['host'], settings['dispatcher']['port'])
        self.picture = Picture()
        self.on_report = lambda now: None
        self._seal = seal_of(settings)
        name = process.default_name('monitor', os.getpid(), is_random=True)
        self.core = MonitorCore(name, process.new_incarnation(), process.generator(None), interval_s, self.picture,
                                self._note_report)

    def run(self, hooks=(), services=(), name_within_s=0.0):
        """Run until the core is stopped. ``hooks`` are pairs of an interval and an action. A dispatcher whose name does
        not resolve within ``name_within_s`` counts as silent; the name may resolve later.
        """
        if name_within_s:
            wait_for_name(self.peer, self.signals, monotonic, lambda *_: None, monotonic() + name_within_s)
        endpoint = (Endpoint(socket.AF_INET, ('0.0.0.0', 0)) if self.peer.address is None
                    else process.endpoint_towards(self.peer))
        loop = Loop(self.core, endpoint, self.signals, monotonic, _Silent(), self._seal)
        loop.attach(Upstream(loop, self.peer, process.any_port_towards))
        for interval_s, action in hooks:
            loop.every(interval_s, action)
        for service in services:
            loop.attach(service)
        process.run_loop(loop, self.peer)

    def _note_report(self, now):
        self.on_report(now)

    def view(self, now, notes=(), phase=''):
        return View(self.picture, now, repr(self.peer), self.core.silence_s(now), self.core.is_silent(now),
                    time.strftime('%H:%M:%S'), notes, phase)

    def is_silent_for_long(self, now):
        """Whether to stop waiting for an answer."""
        return self.core.silence_s(now) >= SILENCE_MAX_S


class Page(object):
    """The page of a monitor, served at ``host`` and ``port``. Raises ``CannotStart``."""

    def __init__(self, monitor, host, port, names=()):
        self._core = monitor.core
        self._cases = Cases(monitor.picture, monitor.core.ask_about)
        self.feed = Feed(monitor.core, self._cases, repr(monitor.peer))
        self._site = Site(monitor.core, self.feed, page_files(), Response, [host] + list(names))
        try:
            self.server = HttpServer(host, port, self._site)
        except (OSError, socket.error, UnicodeError) as error:
            raise process.CannotStart('cannot listen on %s port %d: %s' % (
                host, port, getattr(error, 'strerror', None) or error))

    @property
    def address(self):
        return 'http://%s/' % logs.shown(self.server.address)

    def take_report(self, now):
        """Send the changes to all open pages."""
        self._cases.update(now)
        self.server.broadcast(self._site.news(now))

    def note_silence(self, now):
        """Tell all open pages that there are no reports."""
        if self._core.is_silent(now):
            self.server.broadcast(self._site.silence(now))


def page_files():
    """The files of the page, {path: (content type, bytes)}."""
    files = {'/' + name: (CONTENT_TYPES[name.rpartition('.')[2]], content)
             for name, content in archive.page_files('monitor/page').items()}
    files['/'] = files['/index.html']
    return files


def styles():
    """The escape sequences of the styles; none with NO_COLOR."""
    return {} if os.environ.get('NO_COLOR') else STYLES


def run(argv=None):
    """Run the monitor; returns its exit status."""
    options = parsed(argv)
    settings = settings_file.load(options.settings, SETTINGS)
    if options.dispatcher:
        settings['dispatcher'] = dict(zip(('host', 'port'), options.dispatcher))
    seal_of(settings)
    if options.check:
        process.check_peer(settings['dispatcher'])
        if options.http:
            process.check_listen(dict(zip(('host', 'port'), options.http)))
        print(settings_file.as_text(settings, SETTINGS))
        return command_line.OK
    with StopSignals() as signals:
        if options.http:
            return serve(Monitor(settings, signals, settings['interval_s']), options.http, settings['http_hosts'])
        for verb, argument in [(verb, getattr(options, verb)) for verb, _, _ in OPERATIONS]:
            if argument is not None:
                return operate(Monitor(settings, signals, ONCE_INTERVAL_S), verb, argument, options.json)
        if options.failed:
            return operate(Monitor(settings, signals, ONCE_INTERVAL_S), 'failed', '', options.json)
        if options.task:
            return print_history(Monitor(settings, signals, ONCE_INTERVAL_S), options)
        if options.once or options.json or not sys.stdout.isatty():
            return print_report(Monitor(settings, signals, ONCE_INTERVAL_S), options)
        return watch(Monitor(settings, signals, settings['interval_s']))


def watch(monitor):
    """Show the live screen."""
    with FullScreen(sys.stdout, styles()) as terminal:
        def draw(now):
            terminal.show(screen(monitor.view(now), *terminal.size))

        def draw_if_resized(now):
            if terminal.has_new_size():
                draw(now)

        monitor.on_report = draw
        monitor.run([(LOOK_S, draw_if_resized), (DRAW_S, draw)], name_within_s=SILENCE_MAX_S)
    return command_line.OK


def serve(monitor, where, names):
    """Serve the page until a signal ends it."""
    logs.set_up('monitor', 'info', LiveLine())
    page = Page(monitor, where[0], where[1], names)
    monitor.on_report = page.take_report
    logs.log.info('the page is at %s', page.address)
    if not (page.server.address[0].startswith('127.') or page.server.address[0] == '::1'):
        logs.log.warning('serving on %s: every user who can connect there can watch', where[0])
    try:
        monitor.run([(1.0, page.note_silence)], [page.server])
    finally:
        page.server.close()
    return command_line.OK


def print_report(monitor, options):
    """Print one report as soon as all tables are complete and rates are known."""
    def look(now):
        samples = monitor.picture.samples
        if monitor.is_silent_for_long(now) or (
                monitor.picture.is_whole and samples[-1].at - samples[0].at >= RATES_OF_S):
            monitor.core.stop(now)

    monitor.on_report = look
    monitor.run([(LOOK_S, look)], name_within_s=SILENCE_MAX_S)
    now = monotonic()
    answers = monitor.picture.at is not None and not monitor.is_silent_for_long(now)
    if options.json:
        print(json.dumps(monitor.picture.as_status(now, monitor.core.silence_s(now), not answers), sort_keys=True))
    elif answers:
        for line in screen(monitor.view(now), REPORT_COLUMNS, REPORT_ROWS):
            print(as_text(line))
        for text in monitor.picture.time_line():
            print(text)
    else:
        print('%r does not answer' % monitor.peer)
    return command_line.OK if answers else command_line.NOT_ACHIEVED


def answer_of(monitor, ask, *arguments):
    """Call ``ask(now, *arguments, take)`` and run until the answer. Returns the arguments of ``take``, or None."""
    answer = []

    def take(*values):
        answer.append(values)
        monitor.core.stop(monotonic())

    def look(now):
        if monitor.is_silent_for_long(now):
            monitor.core.stop(now)

    ask(*(monotonic(),) + arguments + (take,))
    monitor.run([(LOOK_S, look)], name_within_s=SILENCE_MAX_S)
    return answer[0] if answer else None


def print_history(monitor, options):
    """Print the history of a task."""
    rows, = answer_of(monitor, monitor.core.ask_about, options.task) or (None,)
    if options.json:
        print(json.dumps(task_as_values(options.task, rows), sort_keys=True))
    else:
        print('\n'.join(story(options.task, rows)))
    return command_line.OK if rows is not None else command_line.NOT_ACHIEVED


def operate(monitor, verb, argument, as_json):
    """Send one request of an operator, and print the answer."""
    answer = answer_of(monitor, monitor.core.operate, verb, argument)
    if answer is None:
        print('%r does not answer' % monitor.peer)
        return command_line.NOT_ACHIEVED
    found, reason, rows = answer
    if as_json:
        print(json.dumps({'found': found, 'reason': reason, 'tasks': failed_as_values(rows)}, sort_keys=True))
    else:
        if reason:
            print((' ' if found else ': ').join([word for word in (argument, reason) if word]))
        for row in rows:
            print('\n'.join(failed_lines(row)))
    return command_line.OK if found else command_line.NOT_ACHIEVED


if __name__ == '__main__':
    command_line.main(run)
