#!/usr/bin/env python
"""Run a client: send notional tasks at random intervals, and print statistics of their answers at the end.

Ctrl-C ends it softly: no new task, a bounded wait for what is still out. A second one ends it at once.
"""

from __future__ import absolute_import, division, print_function

import runtime.early  # noqa: F401  isort:skip

import os

from client.core import ClientCore
from client.sentences import SENTENCES, progress_line
from client.settings import SETTINGS
from net_protocol.guard import CLIENT
from runtime import command_line, logs, probe, process
from runtime import settings as settings_file
from runtime.clock import monotonic
from runtime.keys import guard_of
from runtime.loop import Loop
from runtime.names import Peer
from runtime.signals import StopSignals

#: Between two writings of the live line, and between two lines of progress where there is no terminal.
LIVE_INTERVAL_S = 0.2
PLAIN_INTERVAL_S = 10


def run(argv=None):
    """The whole life of a client process; returns its exit status."""
    parser = command_line.parser(__doc__, 'config/client.json', SETTINGS)
    parser.add_argument('--tasks', type=command_line.positive_int, metavar='N',
                        help='send N tasks, wait for all outcomes, end; exit status 1 if some got no result')
    parser.add_argument('--duration', type=command_line.positive_seconds, metavar='S',
                        help='end softly after S seconds')
    options = parser.parse_args(argv)
    settings = settings_file.load(options.settings, SETTINGS)
    if options.check:
        return command_line.print_settings(options.json, settings_file.as_text(settings, SETTINGS))
    if options.probe:
        return probe.report(settings, 'dispatcher')
    guard = guard_of(settings, CLIENT)
    name = settings['name'] or process.default_name('client', os.getpid())
    line = command_line.begin_log(name, options)
    events = command_line.begin_events(SENTENCES, options)
    with StopSignals() as signals:
        dispatcher = Peer(settings['dispatcher']['host'], settings['dispatcher']['port'])
        core = ClientCore(settings, name, process.new_incarnation(), process.generator(options.seed), dispatcher,
                          options.tasks, options.duration)
        loop = endpoint = None
        if process.find(dispatcher, signals):
            endpoint = process.any_port_towards(dispatcher)
            loop = Loop(core, endpoint, signals, monotonic, events, dispatcher, guard)
            events.begin(core, endpoint)
            loop.every(logs.LEFT_OUT_INTERVAL_S, events.tell_left_out)
            if line.is_live:
                loop.every(LIVE_INTERVAL_S, lambda now: line.show(progress_line(core.statistics)))
            else:
                loop.every(PLAIN_INTERVAL_S, lambda now: logs.log.info('%s', progress_line(core.statistics)))
            process.say_where(endpoint)
            process.run_loop(loop, endpoint, dispatcher)
        signals.ignore()
    line.end()
    core.close_books(monotonic())
    events.end(core)
    command_line.print_result(options.json, process.full_account(core, loop, endpoint),
                              core.statistics.as_lines(monotonic()))
    if options.tasks is not None and core.statistics.answered < options.tasks:
        return command_line.NOT_ACHIEVED
    return command_line.OK


if __name__ == '__main__':
    command_line.main(run)
