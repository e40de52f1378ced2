#!/usr/bin/env python3
"""Run a calculator: accept notional tasks, wait a random time for each, and return results; simulate outages.

With --work it runs your functions instead, each call in a child process.
"""

from __future__ import absolute_import, division, print_function

import runtime.early  # noqa: F401  isort:skip

from calculator.child import Program
from calculator.children import Children
from calculator.core import CalculatorCore
from calculator.sentences import account_lines
from calculator.settings import SETTINGS
from calculator.work import WorkingCalculatorCore
from common.sentences import SENTENCES
from net_protocol.rows import CALCULATOR
from net_protocol.seals import CHECKSUM
from runtime import command_line, logs, probe, process
from runtime import settings as settings_file
from runtime.clock import monotonic
from runtime.endpoint import is_loopback
from runtime.keys import seal_of
from runtime.loop import Loop
from runtime.signals import StopSignals
from runtime.upstream import Upstream

#: If this default port is taken, any free port is used: several calculators on one machine need no settings.
DEFAULT_PORT = 5600


def run(argv=None):
    """Run a calculator process from start to end; returns its exit status."""
    parser = command_line.parser(__doc__, 'config/calculator.json', SETTINGS)
    command_line.add_own(parser, 'work', 'capacity', 'port', 'dispatcher', 'name')
    options = parser.parse_args(argv)
    settings = settings_file.load(options.settings, SETTINGS, command_line.own_changes(options))
    seal = seal_of(settings)
    program = None if settings['work'] is None else Program(settings['work'], settings['work_memory_bytes'])
    if program is not None and not options.probe and program.problem() is not None:
        raise process.CannotStart('work: %s' % program.problem())
    if options.probe:
        return probe.report(settings, 'listen', seal)
    is_default_port = settings['listen']['port'] == DEFAULT_PORT
    endpoint = process.listen(settings['listen'], is_any_port_fine=True,
                              is_free_port_fine=is_default_port or options.check)
    if settings['work'] is not None and seal is CHECKSUM and not is_loopback(endpoint.address):
        raise process.CannotStart('with "work", listening on %s needs a key (key_file): without a key this calculator '
                                  'would run calls from any sender' % settings['listen']['host'])
    if options.check:
        process.peer_for(endpoint, settings)
        endpoint.close()
        return command_line.print_settings(options, settings_file.as_text(settings, SETTINGS))
    taken = settings['listen']['port'] if endpoint.address[1] != settings['listen']['port'] else 0
    if taken:
        settings['listen'] = dict(settings['listen'], port=0)
    peer = process.peer_for(endpoint, settings)
    name = settings['name'] or process.default_name('calculator', endpoint.address[1])
    events = command_line.begin_log(name, SENTENCES[CALCULATOR], options)
    if taken:
        logs.log.info('port %d is taken; using port %d', taken, endpoint.address[1])
    with StopSignals() as signals:
        process.log_address(endpoint, settings['listen']['host'], seal is not CHECKSUM)
        core = (CalculatorCore if settings['work'] is None else WorkingCalculatorCore)(
            settings, name, process.new_incarnation, process.generator(options.seed))
        loop = Loop(core, endpoint, signals, monotonic, events, seal)
        events.begin(loop, settings)
        children = begin_children(core, loop, settings, program)
        if process.find(peer, signals):
            loop.attach(Upstream(loop, peer, process.any_port_of(settings['listen'])))
            process.run_loop(loop, peer)
        signals.ignore()
        if children is not None:
            children.close()
    events.end(core)
    account = process.full_account(core, loop)
    command_line.print_result(options.json, account, account_lines(account))
    return command_line.OK


def begin_children(core, loop, settings, program):
    """Start the child processes of a calculator with ``work``; None without."""
    if program is None:
        return None
    children = Children(core, program, settings['capacity'], settings['work_tasks_max'])
    loop.attach(children, is_source=True)
    return children


if __name__ == '__main__':
    command_line.main(run)
