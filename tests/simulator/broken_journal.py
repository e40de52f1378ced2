"""Broken variants of the journal."""

from __future__ import absolute_import, division, print_function

from dispatcher import journal as dispatcher_journal
from dispatcher.core import DispatcherCore
from dispatcher.journal import ACCEPTED, ENDED, TOLD, Journal
from dispatcher.journal_rows import JournalRows
from dispatcher.outcomes import Outcomes
from net_protocol.messages import EXPIRED, Accepted, Outcome
from tests.simulator.breaking import instead, mutant, nothing

# S1, S2, S14, S20: the journal.

def _withholds_but(*kinds):
    def patch(original):
        def without_withheld(self, outgoing):
            passed = original(self, outgoing)
            return [pair for pair in outgoing if type(pair[1]) in kinds or pair in passed]
        return without_withheld
    return patch


def _calls_it_written(original):
    def note_written(self, now, failure):
        original(self, now, None)
    return note_written


def _drops_what_failed(original):
    def note(self, records, to_wall):
        self.note_done()
        original(self, records, to_wall)
    return note


def _restores_only(*kinds):
    def patch(original):
        def restored(now, lives, rows, task_timeout_s):
            return original(now, lives, [row for row in rows if row[0] in kinds], task_timeout_s)
        return restored
    return patch


def _restores_with(change):
    def patch(original):
        def restored(now, lives, rows, task_timeout_s):
            return original(now, lives, [change(*row) for row in rows], task_timeout_s)
        return restored
    return patch


def _another_word(kind, task_id, body, time_left_s, reply_to):
    if kind == ENDED:
        body = [EXPIRED, None, u'while nobody was there', 0, None]
    return kind, task_id, body, time_left_s, reply_to


def _time_begins_anew(kind, task_id, body, time_left_s, reply_to):
    return kind, task_id, body, time_left_s + 30, reply_to


def _drops_the_queue(original):
    def stop(self, now):
        for task_id in sorted(self._work._tasks):
            self._journal.forgotten(now, task_id)
        original(self, now)
    return stop


mutant('accepted_before_commit', 'S1', 'what could not be written is called accepted',
       (Journal, 'without_withheld', _withholds_but(Accepted)))
mutant('outcome_before_commit', 'S1', 'an outcome is told that could not be written',
       (Journal, 'without_withheld', _withholds_but(Outcome)))
mutant('failed_write_believed', 'S1', 'a write that failed is taken for one that worked',
       (Journal, 'note_written', _calls_it_written))
mutant('failed_write_dropped', 'S1', 'what could not be written is not written later',
       (JournalRows, 'note', _drops_what_failed))
mutant('another_outcome_after_a_restart', 'S2', 'an outcome comes back from the journal as another one',
       (dispatcher_journal, 'restored', _restores_with(_another_word)))
mutant('takes_what_it_cannot_write', 'S9', 'new tasks are taken while nothing can be written',
       (Journal, 'is_failing', instead(property(lambda self: False))))
mutant('nobody_may_come_back', 'S10', 'a client that is back is not told what it missed',
       (Outcomes, 'claim', instead(nothing)))
mutant('deadline_begins_anew', 'S14', 'a recovered task is given 30 s more', (
    dispatcher_journal, 'restored', _restores_with(_time_begins_anew)))
mutant('forgets_on_restart', 'S14', 'what waited is not there after a restart',
       (dispatcher_journal, 'restored', _restores_only(ENDED, TOLD)))
mutant('forgets_outcomes_on_restart', 'S14', 'what was over and not told is not there after a restart',
       (dispatcher_journal, 'restored', _restores_only(ACCEPTED, TOLD)))
mutant('forgets_tombstones_on_restart', 'S16', 'what was told is not known after a restart',
       (dispatcher_journal, 'restored', _restores_only(ACCEPTED, ENDED)))
mutant('reuses_attempt_numbers', 'S14', 'a new life counts attempts from 1 again',
       (dispatcher_journal, 'ATTEMPTS_PER_LIFE', instead(0)))
mutant('stop_drops_the_queue', 'S20', 'a soft stop strikes what waits from the journal',
       (DispatcherCore, 'stop', _drops_the_queue))
