#!/usr/bin/env python
"""Run the dispatcher: hand each task to a calculator that is alive and free, and tell its client one outcome."""

from __future__ import absolute_import, division, print_function

import runtime.early  # noqa: F401  isort:skip

from dispatcher.core import DispatcherCore
from dispatcher.journal_rows import JournalRows
from dispatcher.sentences import SENTENCES, account_lines, status_line
from dispatcher.settings import SETTINGS
from dispatcher.time_line import time_line
from net_protocol.guard import DISPATCHER
from runtime import command_line, logs, probe, process
from runtime import settings as settings_file
from runtime.clock import monotonic
from runtime.journal_file import JournalFile
from runtime.keys import guard_of
from runtime.loop import Loop
from runtime.signals import StopSignals


def run(argv=None):
    """The whole life of a dispatcher process; returns its exit status."""
    options = command_line.parser(__doc__, 'config/dispatcher.json', SETTINGS).parse_args(argv)
    settings = settings_file.load(options.settings, SETTINGS)
    if options.check:
        return command_line.print_settings(options.json, settings_file.as_text(settings, SETTINGS),
                                           [''] + time_line(settings))
    if options.probe:
        return probe.report(settings, 'listen')
    guard = guard_of(settings, DISPATCHER)
    name = settings['name'] or 'dispatcher'
    command_line.begin_log(name, options)
    events = command_line.begin_events(SENTENCES, options)
    endpoint = process.listen(settings['listen'])
    core = DispatcherCore(settings, name, process.new_incarnation(), process.generator(options.seed))
    journal = None
    if settings['journal'] is not None:
        journal = JournalFile(settings['journal'], JournalRows())
        core.recover(monotonic(), journal.lives, journal.rows())
    with StopSignals() as signals:
        loop = Loop(core, endpoint, signals, monotonic, events, guard=guard, journal=journal)
        core.desk.surroundings = lambda: process.surroundings(loop, endpoint)
        events.begin(core, endpoint)
        loop.every(logs.LEFT_OUT_INTERVAL_S, events.tell_left_out)
        loop.every(settings['status_interval_s'], StatusLine(core, loop))
        process.say_where(endpoint, settings['listen']['host'], guard is not None)
        process.run_loop(loop, endpoint)
        if journal is not None:
            journal.close()
        signals.ignore()
    events.end(core)
    account = process.full_account(core, loop, endpoint)
    command_line.print_result(options.json, account, account_lines(account))
    return command_line.OK


class StatusLine(object):
    """A line of the log every so often: how things stand, and the rate since the last one."""

    def __init__(self, core, loop):
        self._core = core
        self._traffic = loop.traffic
        self._then = monotonic()
        self._over = 0

    def __call__(self, now):
        status = self._core.status
        rate = (status['over'] - self._over) / max(now - self._then, 1e-9)
        self._then, self._over = now, status['over']
        logs.log.info('%s', status_line(status, rate, self._traffic.as_dict()['messages_per_datagram_out']))


if __name__ == '__main__':
    command_line.main(run)
