#!/usr/bin/env python3
"""Run a calculator: take tasks, work on each for a while, answer; go out of order from time to time and come back."""

from __future__ import absolute_import, division, print_function

import runtime.early  # noqa: F401  isort:skip

from calculator.core import CalculatorCore
from calculator.sentences import SENTENCES, account_lines
from calculator.settings import SETTINGS
from net_protocol.seals import CHECKSUM
from runtime import command_line, probe, process
from runtime import settings as settings_file
from runtime.clock import monotonic
from runtime.keys import seal_of
from runtime.loop import Loop
from runtime.signals import StopSignals
from runtime.upstream import Upstream


def run(argv=None):
    """Run a calculator process from start to end; returns its exit status."""
    options = command_line.parser(__doc__, 'config/calculator.json', SETTINGS).parse_args(argv)
    settings = settings_file.load(options.settings, SETTINGS)
    seal = seal_of(settings)
    if options.check:
        return command_line.print_settings(options.json, settings_file.as_text(settings, SETTINGS))
    if options.probe:
        return probe.report(settings, 'listen', seal)
    endpoint = process.listen(settings['listen'], is_any_port_fine=True)
    peer = process.peer_for(endpoint, settings)
    name = settings['name'] or process.default_name('calculator', endpoint.address[1])
    events = command_line.begin_log(name, SENTENCES, options)
    with StopSignals() as signals:
        process.log_address(endpoint, settings['listen']['host'], seal is not CHECKSUM)
        core = CalculatorCore(settings, name, process.new_incarnation, process.generator(options.seed))
        loop = Loop(core, endpoint, signals, monotonic, events, seal)
        events.begin(loop)
        if process.find(peer, signals):
            loop.attach(Upstream(loop, peer, process.any_port_of(settings['listen'])))
            process.run_loop(loop, peer)
        signals.ignore()
    events.end(core)
    account = process.full_account(core, loop)
    command_line.print_result(options.json, account, account_lines(account))
    return command_line.OK


if __name__ == '__main__':
    command_line.main(run)
