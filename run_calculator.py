#!/usr/bin/env python
"""Run a calculator: take tasks, work on each for a while, answer; break down from time to time and come back."""

from __future__ import absolute_import, division, print_function

import runtime.early  # noqa: F401  isort:skip

from calculator.core import CalculatorCore
from calculator.sentences import SENTENCES, account_lines
from calculator.settings import SETTINGS
from net_protocol.guard import CALCULATOR
from runtime import command_line, logs, probe, process
from runtime import settings as settings_file
from runtime.clock import monotonic
from runtime.keys import guard_of
from runtime.loop import Loop
from runtime.signals import StopSignals


def run(argv=None):
    """The whole life of a calculator process; returns its exit status."""
    options = command_line.parser(__doc__, 'config/calculator.json', SETTINGS).parse_args(argv)
    settings = settings_file.load(options.settings, SETTINGS)
    if options.check:
        return command_line.print_settings(options.json, settings_file.as_text(settings, SETTINGS))
    if options.probe:
        return probe.report(settings, 'listen')
    guard = guard_of(settings, CALCULATOR)
    endpoint = process.listen(settings['listen'], is_any_port_fine=True)
    dispatcher = process.peer_for(endpoint, settings)
    name = settings['name'] or process.default_name('calculator', endpoint.address[1])
    command_line.begin_log(name, options)
    events = command_line.begin_events(SENTENCES, options)
    with StopSignals() as signals:
        process.say_where(endpoint, settings['listen']['host'], guard is not None)
        core = CalculatorCore(settings, name, process.new_incarnation, process.generator(options.seed), dispatcher)
        loop = Loop(core, endpoint, signals, monotonic, events, dispatcher, guard)
        events.begin(core, endpoint)
        loop.every(logs.LEFT_OUT_INTERVAL_S, events.tell_left_out)
        if process.find(dispatcher, signals):
            process.run_loop(loop, endpoint, dispatcher)
        signals.ignore()
    events.end(core)
    account = process.full_account(core, loop, endpoint)
    command_line.print_result(options.json, account, account_lines(account))
    return command_line.OK


if __name__ == '__main__':
    command_line.main(run)
