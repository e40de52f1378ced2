#!/usr/bin/env python3
"""Run a client: send notional tasks at random intervals, and print statistics of the answers at the end.

With --map or --call it calls functions on calculators that run with --work, and prints their results.

Ctrl-C stops it softly: no new tasks, and a bounded wait for open tasks. A second Ctrl-C ends it at once.
"""

from __future__ import absolute_import, division, print_function

import runtime.early  # noqa: F401  isort:skip

import errno
import os

from client import commands
from client.calls import TASK_TIMEOUT_S
from client.core import ClientCore
from client.sentences import progress_line
from client.settings import SETTINGS
from common.sentences import SENTENCES
from net_protocol.limits import PRIORITY_DEFAULT, PRIORITY_MAX
from net_protocol.rows import CLIENT
from runtime import command_line, logs, probe, process
from runtime import settings as settings_file
from runtime.clock import monotonic
from runtime.keys import seal_of
from runtime.loop import Loop
from runtime.names import Peer
from runtime.signals import StopSignals
from runtime.upstream import Upstream

#: Time between two updates of the live line, and between two lines of progress without a terminal.
LIVE_INTERVAL_S = 0.2
PLAIN_INTERVAL_S = 10


def run(argv=None):
    """Run a client process from start to end; returns its exit status."""
    parser = command_line.parser(__doc__, 'config/client.json', SETTINGS)
    parser.add_argument('--tasks', type=command_line.positive_int, metavar='N',
                        help='send N tasks, wait for all outcomes, and end; exit status 1 if some have no result')
    parser.add_argument('--duration', type=command_line.positive_seconds, metavar='S',
                        help='stop softly after S seconds')
    add_calls(parser)
    options = parser.parse_args(argv)
    settings = settings_file.load(options.settings, SETTINGS, command_line.own_changes(options))
    seal = seal_of(settings)
    refuse_odd_calls(parser, options)
    if options.check:
        process.check_peer(settings['dispatcher'])
        return command_line.print_settings(options, settings_file.as_text(settings, SETTINGS))
    if options.probe:
        return probe.report(settings, 'dispatcher', seal)
    if options.map is not None or options.call is not None or options.functions:
        return run_calls(options, settings)
    name = settings['name'] or process.default_name('client', os.getpid(), is_random=True)
    events = command_line.begin_log(name, SENTENCES[CLIENT], options)
    with StopSignals() as signals:
        core = ClientCore(settings, name, process.new_incarnation(), process.generator(options.seed), options.tasks,
                          options.duration)
        peer = Peer(settings['dispatcher']['host'], settings['dispatcher']['port'])
        loop = None
        if process.find(peer, signals):
            endpoint = process.endpoint_towards(peer)
            loop = Loop(core, endpoint, signals, monotonic, events, seal)
            events.begin(loop, settings, tasks_max=options.tasks)
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


def add_calls(parser):
    """Add the options for calls of functions."""
    command_line.add_own(parser, 'dispatcher', 'name')
    parser.add_argument('--map', metavar='FUNCTION', type=commands.function_name,
                        help='call FUNCTION with each line of standard input, a JSON value, as argument, and print one '
                             'JSON line for each, in order; exit status 1 if some have no result')
    parser.add_argument('--resume', metavar='FILE', type=command_line.text_path,
                        help='with --map: skip the inputs whose results are in FILE, the former output')
    parser.add_argument('--call', metavar='FUNCTION', type=commands.function_name,
                        help='call FUNCTION once and print its result as JSON; exit status 1 if there is none')
    parser.add_argument('--task-timeout', metavar='S', type=command_line.call_timeout,
                        help='with --map or --call: the time for a whole call, in seconds (default: %d)' % (
                            TASK_TIMEOUT_S))
    parser.add_argument('--answer-timeout', metavar='S', type=command_line.call_timeout,
                        help='with --map or --call: the time for one attempt, in seconds (default: no limit)')
    parser.add_argument('--priority', metavar='N', type=command_line.whole_number(0, PRIORITY_MAX),
                        help='with --map or --call: 0 to %d; %d is the highest (default: %d)' % (
                            PRIORITY_MAX, PRIORITY_MAX, PRIORITY_DEFAULT))
    parser.add_argument('--functions', action='store_true', help='list the functions that calculators offer; '
                             'exit status 1 if there are none')
    parser.add_argument('arguments', nargs='*', type=command_line.text_path,
                        help='with --call: arguments as JSON, NAME=JSON for a keyword')


def call_options(options):
    """Name -> value of the given options of calls."""
    named = {'task_timeout_s': options.task_timeout, 'answer_timeout_s': options.answer_timeout,
             'priority': options.priority}
    return {name: value for name, value in named.items() if value is not None}


def refuse_odd_calls(parser, options):
    """Refuse wrong combinations of options."""
    if options.map is not None and (options.call is not None or options.arguments):
        parser.error('--map takes its arguments from standard input')
    if options.resume is not None and options.map is None:
        parser.error('--resume needs --map')
    if options.arguments and options.call is None and not options.functions:
        parser.error('arguments need --call')
    if options.map is None and options.call is None and call_options(options):
        parser.error('--task-timeout, --answer-timeout and --priority need --map or --call')


def run_calls(options, settings):
    """Run --map, --call or --functions; returns the exit status."""
    if options.functions:
        options.log_level = 'warning'
        command_line.begin_log('client', SENTENCES[CLIENT], options)
        is_complete = commands.show_functions(settings, options.json)
        return command_line.OK if is_complete else command_line.NOT_ACHIEVED
    if options.call is not None and options.log_level == 'info':
        # The result or one error line is enough.
        options.log_level = 'warning'
    command_line.begin_log(settings['name'] or 'client', SENTENCES[CLIENT], options)
    with StopSignals() as signals:
        if options.map is not None:
            try:
                is_complete = commands.run_map(settings, signals, options.map, call_options(options), options.resume)
            except command_line.OutputLost as error:
                if error.errno != errno.EPIPE:
                    raise
                # The reader of the output has closed the pipe.
                command_line.drop_output()
                is_complete = True
        else:
            is_complete = commands.run_call(settings, signals, options.call, call_options(options), options.arguments)
        signals.ignore()
    return command_line.OK if is_complete else command_line.NOT_ACHIEVED


if __name__ == '__main__':
    command_line.main(run)
