"""The totals of many worlds, and the rare paths that no world took."""

from __future__ import absolute_import, division, print_function

from net_protocol.rows import CALCULATOR, CLIENT, DISPATCHER
from simulator.run import CLEAN, CRASH, LIVENESS, SAFETY

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

#: A batch of at least this many worlds fails if no world took one of the rare paths.
RUNS_FOR_RARE_PATHS = 300

_EVERYWHERE = ('duplicates', 'lost', 'probes', 'resent', 'too_old', 'unreachable', 'hints', 'refused_bad_checksum',
               'refused_bad_envelope', 'refused_bad_field', 'refused_bad_number', 'refused_bad_signature',
               'refused_not_json', 'refused_not_utf8', 'refused_other_version', 'refused_too_long',
               'refused_unknown_kind', 'refused_wrong_role')

#: Names of counters that must be above 0 in a large batch: rare events of each role, and faults.
RARE_PATHS = tuple('%s.%s' % (role, name) for role in (CALCULATOR, CLIENT, DISPATCHER) for name in _EVERYWHERE) + tuple(
    'dispatcher.' + name for name in (
        'adopted', 'attempt_calculator_left', 'attempt_child_died', 'calls_delayed', 'calls_run_alone',
        'functions_wanted', 'probations', 'attempt_dead_calculator', 'attempt_error', 'attempt_new_incarnation',
        'attempt_not_held', 'attempt_not_listening', 'attempt_timed_out', 'attempt_turned_down',
        'attempt_unacknowledged', 'attempt_withdrawn', 'cancelled', 'cancelled_unknown', 'died', 'duplicate_results',
        'duplicate_submits', 'evicted', 'expired',
        'failed', 'greetings', 'held_up', 'journal_failures', 'late_results', 'late_results_used', 'left',
        'names_taken', 'not_greeted', 'outcomes_dropped', 'outcomes_of_former', 'outcomes_recovered',
        'outcomes_sent_again', 'pings', 'recovered', 'refused_draining', 'refused_journal', 'refused_queue_full',
        'registrations_refused', 'replaced', 'returned', 'revokes', 'stale_heartbeats', 'suspected', 'tasks_recovered',
        'unknown_results')) + tuple(
    'calculator.' + name for name in (
        'adoptions', 'calls_failed', 'calls_stopped', 'crashes', 'deaths', 'dispatcher_restarts', 'duplicate_assigns',
        'end_abandoned', 'end_lost', 'end_revoked', 'errors', 'freezes', 'ignored', 'not_registered',
        'refused_draining', 'refused_unknown_function', 'stale', 'unknown_revokes')) + tuple(
    'client.' + name for name in (
        'called_off', 'dispatcher_restarts', 'duplicate_outcomes', 'held_back', 'outcome_cancelled', 'outcome_given_up',
        'outcome_refused', 'outcomes_of_former', 'pings', 'poisonous_calls', 'postponed', 'resubmitted', 'stale',
        'stale_refusals')) + (
    'lost', 'lost_in_bursts', 'partitioned', 'clogged', 'corrupted', 'truncated', 'lengthened', 'duplicated',
    'late_copies', 'late', 'slow', 'nobody_there', 'icmp_errors', 'kills', 'kills_while_sending', 'kills_by_poison',
    'stops', 'suspensions', 'moves', 'never_back', 'partitions', 'partitions_one_way', 'poisonous_tasks',
    'uncomputable_tasks', 'late_turns', 'clones', 'byzantine_deaf', 'byzantine_dumb', 'fresh_ports', 'garbage',
    'sealed_garbage', 'too_long', 'other_versions', 'broken_envelopes', 'bad_rows', 'forged', 'floods',
    'forged_numbers', 'forged_greetings', 'forged_icmp', 'inbox_overflows', 'replayed', 'replayed_by_strangers',
    'reflected', 'tampered', 'signed_with_another_key', 'redirected', 'kills_before_commit', 'kills_after_commit',
    'kills_in_recovery', 'disks_full', 'disks_failing', 'journals_lost', 'older_journals', 'wall_steps',
    'half_written_found', 'starts_refused', 'accepted_again', 'clients_forgotten_and_heard', 'refusals_again',
    'submits_again_before_commit', 'copies_for_former', 'copies_from_former', 'copies_with_old_tickets', 'flaps',
    'idle_deaths', 'failed_loads')


class Batch(object):
    """The totals of a batch of worlds."""

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
        """The rare paths that no world took; empty for a small or incomplete batch."""
        if self.runs < RUNS_FOR_RARE_PATHS or not self.is_complete:
            return []
        return [path for path in RARE_PATHS if not self.counts.get(path)]

    @property
    def verdict(self):
        # type: () -> str
        """The worst verdict on a world."""
        found = [failure['verdict'] for failure in self.failures]
        for verdict in (SAFETY, CRASH, LIVENESS):
            if verdict in found:
                return verdict
        return CLEAN

    def as_dict(self):
        # type: () -> Dict[str, Any]
        return {
            'runs': self.runs, 'complete': self.is_complete, 'verdict': self.verdict,
            'virtual_s': round(self.virtual_s, 3), 'cpu_s': round(self.cpu_s, 3), 'tasks': self.tasks,
            'tasks_per_cpu_s': self._rate(self.tasks),
            'virtual_over_real': self._rate(self.virtual_s), 'counts': self.counts,
            'rare_paths_not_taken': self.untaken,
            'failures': [{key: failure[key] for key in ('seed', 'verdict', 'rule', 'sentence', 'about', 'hash')}
                         for failure in self.failures]}

    def as_lines(self):
        # type: () -> List[str]
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
