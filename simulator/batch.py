"""Many worlds: what they add up to, and whether they went everywhere that matters."""

from __future__ import absolute_import, division, print_function

from simulator.run import CLEAN, CRASH, LIVENESS, SAFETY

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

#: From this many worlds on, a rare path that none of them took is a failure: the batch shows less than it seems to.
RUNS_FOR_RARE_PATHS = 100

#: What has to happen somewhere in a batch: by the core that counts it, and the faults themselves.
RARE_PATHS = (
    'dispatcher.adopted', 'dispatcher.attempt_calculator_left', 'dispatcher.attempt_dead_calculator',
    'dispatcher.attempt_error', 'dispatcher.attempt_new_life', 'dispatcher.attempt_not_held',
    'dispatcher.attempt_timed_out', 'dispatcher.attempt_turned_down', 'dispatcher.attempt_unacknowledged',
    'dispatcher.attempt_withdrawn', 'dispatcher.cancelled', 'dispatcher.cancelled_unknown', 'dispatcher.died',
    'dispatcher.duplicate_results', 'dispatcher.duplicate_submits', 'dispatcher.expired', 'dispatcher.failed',
    'dispatcher.held_up', 'dispatcher.late_results', 'dispatcher.late_results_used', 'dispatcher.left',
    'dispatcher.lives_resumed', 'dispatcher.old_life_messages', 'dispatcher.outcomes_unacknowledged',
    'dispatcher.recovered', 'dispatcher.refused_draining', 'dispatcher.refused_not_yours',
    'dispatcher.refused_queue_full',
    'dispatcher.registrations_refused', 'dispatcher.returned', 'dispatcher.revokes', 'dispatcher.stale_heartbeats',
    'dispatcher.submits_after_ack', 'dispatcher.suspected', 'dispatcher.unexpected_messages',
    'dispatcher.unknown_results', 'dispatcher.refused_bad_checksum', 'dispatcher.refused_not_json',
    'dispatcher.refused_not_utf8', 'dispatcher.refused_too_long', 'dispatcher.refused_bad_field',
    'dispatcher.refused_unknown_kind', 'dispatcher.refused_bad_envelope', 'dispatcher.refused_other_version',
    'dispatcher.refused_bad_signature', 'dispatcher.refused_wrong_role',
    'dispatcher.refused_replayed', 'dispatcher.unacquainted', 'dispatcher.welcomes',
    'calculator.refused_bad_envelope', 'calculator.refused_other_version', 'calculator.refused_bad_signature',
    'calculator.refused_wrong_role', 'calculator.refused_replayed', 'client.refused_bad_envelope',
    'client.refused_other_version', 'client.refused_bad_signature', 'client.refused_wrong_role',
    'client.refused_replayed',
    'dispatcher.withheld_by_wire',
    'calculator.crashes', 'calculator.freezes', 'calculator.dispatcher_restarts', 'calculator.duplicate_assigns',
    'calculator.end_abandoned', 'calculator.end_lost', 'calculator.end_revoked', 'calculator.errors',
    'calculator.ignored_out_of_order', 'calculator.not_for_this_life', 'calculator.refused_busy',
    'calculator.refused_draining', 'calculator.unknown_revokes',
    'client.dispatcher_restarts', 'client.duplicate_outcomes', 'client.held_back', 'client.kept_waiting',
    'client.postponed',
    'client.unknown_outcomes', 'client.outcome_cancelled', 'client.outcome_given_up', 'client.outcome_refused',
    'accepted_again', 'lost', 'lost_in_bursts', 'partitioned', 'clogged', 'corrupted', 'truncated', 'lengthened',
    'duplicated', 'late_copies', 'slow', 'nobody_there', 'kills', 'kills_while_sending', 'kills_by_poison', 'stops',
    'suspensions', 'moves', 'never_back', 'partitions', 'partitions_one_way', 'poisonous_tasks', 'uncomputable_tasks',
    'garbage', 'sealed_garbage', 'too_long', 'other_versions', 'broken_envelopes', 'forged', 'floods',
    'inbox_overflows', 'replayed', 'replayed_by_strangers', 'reflected', 'tampered', 'signed_with_another_key',
    'redirected',
    'dispatcher.tasks_recovered', 'dispatcher.outcomes_recovered', 'dispatcher.outcomes_claimed',
    'dispatcher.refused_journal', 'dispatcher.journal_failures', 'dispatcher.withheld', 'kills_before_commit',
    'kills_after_commit', 'kills_in_recovery', 'disks_full', 'disks_failing', 'journals_lost', 'older_journals',
    'wall_steps', 'half_written_found', 'starts_refused')


class Batch(object):
    """What a number of worlds add up to."""

    def __init__(self):
        # type: () -> None
        self.runs = 0
        self.virtual_s = 0.0
        self.cpu_s = 0.0
        self.counts = {}  # type: Dict[str, int]
        self.failures = []  # type: List[Dict[str, Any]]
        self.is_complete = True

    def add(self, result):
        # type: (Dict[str, Any]) -> None
        """Count one world; ``result`` is what ``run_world`` returned, with ``cpu_s``."""
        self.runs += 1
        self.virtual_s += result['virtual_s']
        self.cpu_s += result['cpu_s']
        for part in ('ledger', 'faults', 'paths'):
            for name, number in result[part].items():
                self.counts[name] = self.counts.get(name, 0) + number
        if result['verdict'] != CLEAN:
            self.failures.append(result)

    @property
    def tasks(self):
        # type: () -> int
        """Tasks that clients sent."""
        return self.counts.get('tasks', 0)

    @property
    def untaken(self):
        # type: () -> List[str]
        """The rare paths that no world took, where there were enough of them."""
        if self.runs < RUNS_FOR_RARE_PATHS or not self.is_complete:
            return []
        return [path for path in RARE_PATHS if not self.counts.get(path)]

    @property
    def verdict(self):
        # type: () -> str
        """The worst that was found."""
        found = [failure['verdict'] for failure in self.failures]
        for verdict in (SAFETY, CRASH, LIVENESS):
            if verdict in found:
                return verdict
        return CLEAN

    def as_dict(self):
        # type: () -> Dict[str, Any]
        """For programs."""
        return {
            'runs': self.runs, 'complete': self.is_complete, 'verdict': self.verdict,
            'virtual_s': round(self.virtual_s, 3), 'cpu_s': round(self.cpu_s, 3), 'tasks': self.tasks, 'tasks_per_cpu_s': self._rate(self.tasks),
            'virtual_over_real': self._rate(self.virtual_s), 'counts': self.counts,
            'rare_paths_not_taken': self.untaken,
            'failures': [{key: failure[key] for key in ('seed', 'verdict', 'rule', 'sentence', 'about', 'hash')}
                         for failure in self.failures]}

    def as_lines(self):
        # type: () -> List[str]
        """For people."""
        faults = ['%s %d' % (name.replace('_', ' '), self.counts[name]) for name in sorted(self.counts)
                  if '.' not in name and self.counts[name]]
        lines = [
            'worlds       %9d   %s' % (self.runs, 'all clean' if not self.failures else '%d FAILED: %s' % (
                len(self.failures), ', '.join('%s of seed %d' % (failure['rule'], failure['seed'])
                                              for failure in self.failures[:10]))),
            'virtual time %9.1f   hours, %.0f times as fast as real time on one core' % (
                self.virtual_s / 3600, self._rate(self.virtual_s) or 0),
            'tasks        %9d   %.0f for each second of CPU' % (self.tasks, self._rate(self.tasks) or 0),
            'faults                  %s' % ', '.join(faults)]
        if self.untaken:
            lines.append('NOT TAKEN               %s' % ', '.join(self.untaken))
        return lines

    def _rate(self, number):
        # type: (float) -> float | None
        return round(number / self.cpu_s, 1) if self.cpu_s > 0 else None
