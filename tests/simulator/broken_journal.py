"""Broken variants of the journal."""

from __future__ import absolute_import, division, print_function

from dispatcher import core as dispatcher_core
from dispatcher.core import DispatcherCore
from dispatcher.journal import ACCEPTED, ENDED, Journal
from dispatcher.journal_rows import JournalRows
from net_protocol.rows import EXPIRED
from tests.simulator.breaking import around, breaks, instead, mutant, nothing, returns

# S1, S2, S14, S20: the journal.

@breaks('failed_write_dropped', 'S1', 'a failed write is not repeated', JournalRows, 'note')
def _drops_what_failed(original, self, records, to_wall):
    self.note_done()
    original(self, records, to_wall)


@around
def _delivers_at_once(original, self, now, task, outcome, value, ended=None):
    original(self, now, task, outcome, value, ended)
    if self.journal is not None and task.number >= task.client.open:
        self.deliver(task)


def _restores_only(kind):
    @around
    def recover(original, self, now, incarnations, rows):
        original(self, now, incarnations, [row for row in rows if row[0] == kind])
    return recover


def _restores_with(change):
    @around
    def restored(original, now, client, number, row, task_timeout_s):
        return original(now, client, number, change(*row), task_timeout_s)
    return restored


def _another_word(kind, task_id, body, time_left_s):
    if kind == ENDED:
        body = [EXPIRED, None, u'during the restart', 0]
    return kind, task_id, body, time_left_s


def _time_begins_anew(kind, task_id, body, time_left_s):
    return kind, task_id, body, time_left_s + 30


@breaks('stop_drops_the_queue', 'S20', 'a regular stop deletes waiting tasks from the journal',
        DispatcherCore, 'settle')
def _drops_the_queue(original, self, now):
    original(self, now)
    # At the end, because earlier a task without a row may still get an outcome.
    for client in self.clients if self.is_stopped and self.journal is not None else ():
        for number in sorted(client.tasks):
            if not client.tasks[number].is_over:
                self.journal.over(client.tasks[number].task_id)


mutant('failed_write_counts', 'S1', 'a failed write counts as successful', (
    DispatcherCore, 'note_written', around(lambda original, self, now, failure: original(self, now, None))))
mutant('outcome_before_commit', 'S1', 'an outcome is sent before it is written',
       (DispatcherCore, 'finish', _delivers_at_once), (Journal, 'holds_back', returns(False)))
mutant('another_outcome_after_a_restart', 'S2', 'an outcome changes in the journal',
       (dispatcher_core, 'restored', _restores_with(_another_word)))
mutant('deadline_begins_anew', 'S1', 'a recovered task gets 30 s more', (
    dispatcher_core, 'restored', _restores_with(_time_begins_anew)))
mutant('forgets_on_restart', 'S14', 'waiting tasks are lost in a restart',
       (DispatcherCore, 'recover', _restores_only(ENDED)))
mutant('forgets_outcomes_on_restart', 'S14', 'unacknowledged outcomes are lost in a restart',
       (DispatcherCore, 'recover', _restores_only(ACCEPTED)))
mutant('failing_journal_left_alone', 'L1', 'after a failure the journal is not used again', (
    DispatcherCore, '_due_journal', instead(nothing)))
