#!/usr/bin/env python3
"""Run the whole system on this machine and show it: clients send tasks, a dispatcher assigns them to calculators, and
the calculators crash and freeze from time to time. Halfway one calculator is killed and another one is started. At the
end a report lists the outcomes of all tasks. All are real processes that communicate over UDP on 127.0.0.1.

Ctrl-C ends the demo early; a second Ctrl-C ends it at once.
"""

from __future__ import absolute_import, division, print_function

import runtime.early  # noqa: F401  isort:skip

import argparse
import os
import random
import sys

from demo.cast import CALCULATORS_MAX, CLIENTS_MAX, HOST, Cast
from demo.director import Director
from demo.processes import Household
from demo.report import report
from demo.show import Show
from run_monitor import Monitor, Page, styles
from runtime import command_line
from runtime.full_screen import FullScreen
from runtime.signals import StopSignals

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

DURATION_S = 20
CALCULATORS = 4
CLIENTS = 3

#: The time between two questions of the monitor, two checks of the processes, and two pictures.
INTERVAL_S = 0.5
TICK_S = 0.1
DRAW_S = 0.2

OVER = 'The demo is over.'


def parsed(argv):
    parser = command_line.Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--calculators', type=command_line.whole_number(1, CALCULATORS_MAX), default=CALCULATORS,
                        metavar='N',
                        help='calculators at the start, 1 to %d (default: %%(default)s)' % CALCULATORS_MAX)
    parser.add_argument('--clients', type=command_line.whole_number(1, CLIENTS_MAX), default=CLIENTS, metavar='N',
                        help='clients, 1 to %d (default: %%(default)s)' % CLIENTS_MAX)
    parser.add_argument('--duration', type=command_line.positive_seconds, default=DURATION_S, metavar='S',
                        help='seconds until all processes are stopped (default: %(default)s)')
    parser.add_argument('--seed', type=command_line.whole_number(), metavar='N',
                        help='the seed of the random draws of all processes (default: a random one, see the report)')
    parser.add_argument('--keep', metavar='FOLDER', type=command_line.text_path,
                        help='keep settings, logs, events and accounts of all processes in FOLDER, which must be empty')
    parser.add_argument('--http', type=command_line.whole_number(0, 65535), metavar='PORT',
                        help='also serve a live page at http://127.0.0.1:PORT/ (0: any free port), until Ctrl-C')
    command_line.add_version(parser)
    return parser.parse_args(argv)


class _Signals(object):
    """Signals that wake up the loop of the monitor but do not end it: the director ends the demo."""

    count = 0

    def __init__(self, signals):
        self.fileno = signals.fileno
        self.drain = signals.drain


class Demo(object):
    """A run of the demo: the loop of the monitor, the director, the terminal and the page."""

    def __init__(self, household, options, seed, signals):
        self._seed = seed
        self._signals = signals
        is_terminal = sys.stdout.isatty() and os.environ.get('TERM', 'dumb') != 'dumb'
        self._terminal = FullScreen(sys.stdout, styles()) if is_terminal else None
        self._show = Show(self._terminal)
        cast = Cast(options.calculators, options.clients, seed)
        self._director = Director(household, cast, options.duration, signals, self._show.note)
        self._port = options.http
        # Created when the port of the dispatcher is known.
        self._monitor = None  # type: Any
        self._page = None  # type: Any

    def run(self):
        """Run until all processes have ended, or with a page until Ctrl-C."""
        director = self._director
        if not director.start_dispatcher():
            return
        self._monitor = Monitor({'dispatcher': {'host': HOST, 'port': director.port}, 'key_file': None},
                                _Signals(self._signals), INTERVAL_S)
        self._monitor.on_report = self._take_report
        if self._port is not None:
            self._page = Page(self._monitor, HOST, self._port)
            director.note('page', address=self._page.address)
        if self._terminal is not None:
            self._terminal.__enter__()
        try:
            self._monitor.run([(TICK_S, self._step), (DRAW_S, self._draw), (1.0, self._note_silence)],
                              [] if self._page is None else [self._page.server])
        finally:
            self._leave_terminal()
            if self._page is not None:
                self._page.server.close()

    def print_report(self):
        print('\n'.join([''] + report(self._director)))
        print('The random draws of this run come from --seed %d.' % self._seed)

    def _leave_terminal(self):
        if self._terminal is not None and not self._show.is_over:
            self._terminal.__exit__()
        self._show.is_over = True

    def _take_report(self, now):
        self._director.report_at = now
        if self._page is not None and not self._page.feed.over:
            self._page.take_report(now)

    def _step(self, now):
        if self._director.is_over:
            if self._signals.count:
                self._monitor.core.stop(now)
            return
        if self._director.step(now):
            self._end(now)

    def _end(self, now):
        self._draw(now)
        self._leave_terminal()
        self.print_report()
        if self._page is None or self._signals.count:
            self._monitor.core.stop(now)
        else:
            self._page.feed.over = OVER
            self._page.take_report(now)
            print('The page stays at %s until Ctrl-C.' % self._page.address)
        sys.stdout.flush()

    def _draw(self, now):
        self._show.draw(now, self._monitor, self._director)

    def _note_silence(self, now):
        if self._page is not None and not self._page.feed.over:
            self._page.note_silence(now)


def run(argv=None):
    """Run the demo; returns the exit status."""
    options = parsed(argv)
    seed = random.SystemRandom().randrange(10000) if options.seed is None else options.seed
    with StopSignals() as signals, Household(options.keep) as household:
        Demo(household, options, seed, signals).run()
        signals.ignore()
        troubles = [process.trouble for process in household.processes if process.trouble]
    for trouble in troubles:
        print('%s: %s' % (os.path.basename(sys.argv[0]), trouble), file=sys.stderr)
    return command_line.NOT_ACHIEVED if troubles else command_line.OK


if __name__ == '__main__':
    command_line.main(run)
