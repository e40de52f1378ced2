#!/usr/bin/env python3
"""Run the dispatcher: assign each task to a free calculator that is alive, and send its client one outcome."""

from __future__ import absolute_import, division, print_function

import runtime.early  # noqa: F401  isort:skip

from common.sentences import SENTENCES
from common.words import counted
from dispatcher.core import DispatcherCore
from dispatcher.journal_rows import JournalRows
from dispatcher.observers.sentences import account_lines, status_line
from dispatcher.settings import SETTINGS
from net_protocol.rows import DISPATCHER
from net_protocol.seals import CHECKSUM
from net_protocol.time_line import INTERVALS_S, priority_line, time_line
from runtime import command_line, journal_file, logs, probe, process
from runtime import settings as settings_file
from runtime.clock import monotonic
from runtime.endpoint import is_loopback
from runtime.journal_file import JournalFile
from runtime.keys import seal_of
from runtime.loop import Loop
from runtime.signals import StopSignals

#: Time between two checks whether the files of the journal are still in place.
JOURNAL_INTERVAL_S = 1.0


def run(argv=None):
    """Run a dispatcher process from start to end; returns its exit status."""
    parser = command_line.parser(__doc__, 'config/dispatcher.json', SETTINGS)
    parser.add_argument('--copy-journal', metavar='TARGET', type=command_line.text_path,
                        help='copy the journal of the settings to the file TARGET, also while a dispatcher uses it; '
                             'start nothing')
    parser.add_argument('--heartbeat-interval-s', metavar='S', type=command_line.heartbeat_interval, action='append',
                        default=[], help='with --check: add a row for calculators with this interval to the time '
                                         'line; may be repeated')
    options = parser.parse_args(argv)
    if options.heartbeat_interval_s and not options.check:
        parser.error('--heartbeat-interval-s needs --check')
    settings = settings_file.load(options.settings, SETTINGS)
    if options.copy_journal is not None:
        return copy_journal(settings['journal'], options.copy_journal)
    seal = seal_of(settings)
    if options.check:
        process.check_listen(settings['listen'])
        if settings['journal'] is not None:
            journal_file.check_before_start(settings['journal'])
        return command_line.print_settings(options, settings_file.as_text(settings, SETTINGS),
                                           [''] + time_line(settings, INTERVALS_S + tuple(options.heartbeat_interval_s))
                                           + ['', priority_line(settings)])
    if options.probe:
        return probe.report(settings, 'listen', seal)
    name = settings['name'] or 'dispatcher'
    events = command_line.begin_log(name, SENTENCES[DISPATCHER], options)
    endpoint = process.listen(settings['listen'])
    core = DispatcherCore(settings, name, process.new_incarnation(), process.generator(options.seed))
    journal = recovered(core, settings['journal'])
    with StopSignals() as signals:
        loop = Loop(core, endpoint, signals, monotonic, events, seal, journal)
        core.may_operate = lambda address: seal is not CHECKSUM or is_loopback(address)
        core.desk.surroundings = lambda: process.surroundings(loop)
        events.begin(loop, settings)
        loop.every(settings['status_interval_s'], StatusLine(core, loop))
        if journal is not None:
            loop.every(JOURNAL_INTERVAL_S, JournalWatch(journal))
        process.log_address(endpoint, settings['listen']['host'], seal is not CHECKSUM)
        process.run_loop(loop)
        if journal is not None:
            journal.close()
        signals.ignore()
    events.end(core)
    account = process.full_account(core, loop)
    command_line.print_result(options.json, account, account_lines(account))
    return command_line.OK


def recovered(core, path):
    """Open the journal and restore its tasks into the core; None if the settings name no journal."""
    if path is None:
        return None
    journal = JournalFile(path, JournalRows())
    try:
        core.recover(monotonic(), journal.starts, journal.rows())
    except MemoryError:
        raise process.CannotStart('there is not enough memory for the tasks in the journal %s' % path)
    return journal


def copy_journal(path, target):
    """Run ``--copy-journal``."""
    if path is None:
        raise process.CannotStart('the settings name no journal')
    print('copied %s from %s to %s' % (counted(journal_file.copy(path, target), 'tasks'), path, target))
    return command_line.OK


class StatusLine(object):
    """Logs the present state and the rate since the last line."""

    def __init__(self, core, loop):
        self._core = core
        self._turn = loop.turn
        self._then = monotonic()
        self._over = 0

    def __call__(self, now):
        status = self._core.status
        rate = (status['over'] - self._over) / max(now - self._then, 1e-9)
        self._then, self._over = now, status['over']
        logs.log.info('%s', status_line(status, rate, self._turn.account()['rows_per_datagram_out']))


class JournalWatch(object):
    """Logs when a file of the journal is no longer in place, and when it is again."""

    def __init__(self, journal):
        self._journal = journal
        self._was_in_place = True

    def __call__(self, now):
        is_in_place = self._journal.is_in_place()
        if is_in_place and not self._was_in_place:
            logs.log.warning('the journal %s is in place again', self._journal.path)
        elif self._was_in_place and not is_in_place:
            logs.log.error('the journal %s was deleted or replaced: new tasks are refused until its files are back or '
                           'the dispatcher is restarted', self._journal.path)
        self._was_in_place = is_in_place


if __name__ == '__main__':
    command_line.main(run)
