#!/usr/bin/env python3
"""Run a client: send notional tasks at random intervals, and print statistics of their answers at the end.

Ctrl-C stops it softly: no new task, and a bounded wait for open ones. A second Ctrl-C ends it at once.
"""

from __future__ import absolute_import, division, print_function

import runtime.early  # noqa: F401  isort:skip

import os

from client.core import ClientCore
from client.sentences import SENTENCES, progress_line
from client.settings import SETTINGS
from runtime import command_line, logs, probe, process
from runtime import settings as settings_file
from runtime.clock import monotonic
from runtime.keys import seal_of
from runtime.loop import Loop
from runtime.names import Peer
from runtime.signals import StopSignals
from runtime.upstream import Upstream

#: Time between two states of the live line, and between two lines of progress where there is no terminal.
LIVE_INTERVAL_S = 0.2
PLAIN_INTERVAL_S = 10


def run(argv=None):
    """Run a client process from start to end; returns its exit status."""
    parser = command_line.parser(__doc__, 'config/client.json', SETTINGS)
    parser.add_argument('--tasks', type=command_line.positive_int, metavar='N',
                        help='send N tasks, wait for all outcomes, end; exit status 1 if some got no result')
    parser.add_argument('--duration', type=command_line.positive_seconds, metavar='S',
                        help='stop softly after S seconds')
    options = parser.parse_args(argv)
    settings = settings_file.load(options.settings, SETTINGS)
    seal = seal_of(settings)
    if options.check:
        return command_line.print_settings(options.json, settings_file.as_text(settings, SETTINGS))
    if options.probe:
        return probe.report(settings, 'dispatcher', seal)
    name = settings['name'] or process.default_name('client', os.getpid(), is_random=True)
    events = command_line.begin_log(name, SENTENCES, options)
    with StopSignals() as signals:
        core = ClientCore(settings, name, process.new_incarnation(), process.generator(options.seed), options.tasks,
                          options.duration)
        peer = Peer(settings['dispatcher']['host'], settings['dispatcher']['port'])
        loop = None
        if process.find(peer, signals):
            endpoint = process.endpoint_towards(peer)
            loop = Loop(core, endpoint, signals, monotonic, events, seal)
            events.begin(loop)
            if events.line.is_live:
                loop.every(LIVE_INTERVAL_S, lambda now: events.line.show(progress_line(core.statistics)))
            else:
                loop.every(PLAIN_INTERVAL_S, lambda now: logs.log.info('%s', progress_line(core.statistics)))
            process.log_address(endpoint)
            loop.attach(Upstream(loop, peer, process.any_port_towards))
            process.run_loop(loop, peer)
        signals.ignore()
    core.close(monotonic())
    events.end(core)
    command_line.print_result(options.json, process.full_account(core, loop), core.statistics.as_lines(monotonic()))
    if options.tasks is not None and core.statistics.answered < options.tasks:
        return command_line.NOT_ACHIEVED
    return command_line.OK


if __name__ == '__main__':
    command_line.main(run)
