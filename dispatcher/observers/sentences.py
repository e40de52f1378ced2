"""What the dispatcher logs: the level and the sentence of each event, and its account in words."""

from __future__ import absolute_import, division, print_function

from net_protocol.rows import OUTCOMES

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

SENTENCES = {
    'registered': ('info', 'calculator %(calculator)s registered from %(address)s'),
    'returned': ('info', 'calculator %(calculator)s is back as a new incarnation, from %(address)s'),
    'replaced': ('warning', 'calculator %(calculator)s was at %(old_address)s and is at %(address)s now: if both still '
                            'run, they share a name, and only the new one gets work'),
    'registration_refused': ('warning', 'calculator %(calculator)s is not registered: there are %(limit)d already '
                                        '(calculators_max)'),
    'suspected': ('warning', 'calculator %(calculator)s is suspect (%(why)s), it holds %(held tasks)s'),
    'died': ('warning', 'calculator %(calculator)s is dead: silent for %(silence_s).1f s; requeued: %(held tasks)s'),
    'recovered': ('info', 'calculator %(calculator)s was %(was)s and is alive again'),
    'left': ('info', 'calculator %(calculator)s left'),
    'reassigned': ('info', 'task %(task_id)s lost its attempt %(attempt)d on %(calculator)s (%(reason)s)'),
    'adopted': ('info', 'task %(task_id)s is running on %(calculator)s already and goes on there'),
    'accepted': ('debug', 'task %(task_id)s accepted'),
    'assigned': ('debug', 'attempt %(attempt)d of task %(task_id)s is assigned to %(calculator)s'),
    'done': ('debug', 'task %(task_id)s done by attempt %(attempt)d on %(calculator)s'),
    'ended': ('info', 'task %(task_id)s %(outcome)s after %(attempts attempts)s: %(reason)s'),
    'outcome_dropped': ('debug', 'task %(task_id)s: its outcome is forgotten, and its client may submit it again'),
    'late_result': ('info', 'late result of attempt %(attempt)d from %(calculator)s: task %(task_id)s was over'),
    'late_result_used': ('info', 'late result of attempt %(attempt)d from %(calculator)s is the first for task '
                                 '%(task_id)s: taken'),
    'offers': ('info', 'Calculator %(calculator)s offers %(number functions)s.'),
    'no_function': ('warning', 'Calls wait for %(function)s, and no calculator offers it.'),
    'functions_differ': ('warning', 'Some calculators offer functions that others do not: %(functions)s.'),
    'drained': ('info', 'Calculator %(calculator)s gets no new work: an operator drains it.'),
    'readmitted': ('info', 'Calculator %(calculator)s gets work again: an operator readmitted it.'),
    'probation': ('warning', 'Calculator %(calculator)s gets one attempt at a time: %(reason)s.'),
    'probation_over': ('info', 'Calculator %(calculator)s is trusted again: five attempts ended well.'),
    'no_calculators': ('warning', '%(waiting tasks)s wait, and no calculator is alive: start one with the address '
                                  'of this dispatcher in its settings'),
    'held_up': ('warning', 'this dispatcher was held up for %(seconds).1f s; verdicts on silent calculators are '
                           'postponed once'),
    'recovered_books': ('info', 'from the journal: %(waiting tasks)s wait again, %(untold outcomes)s are sent again; '
                                'incarnations before this one: %(lives)d'),
    'journal_failed': ('error', 'the journal cannot be written: %(reason)s; no new tasks until it can'),
    'journal_works': ('info', 'the journal is written again after %(seconds).1f s'),
    'draining': ('info', 'stopping: waiting up to %(bound_s)g s for %(running tasks)s that run and %(unacknowledged '
                         'outcomes)s that clients have not acknowledged; %(waiting tasks)s stay queued. Press Ctrl-C '
                         'again to quit now'),
}


def account_lines(account):
    # type: (Dict[str, Any]) -> List[str]
    """An account for people."""
    attempts, counts, traffic = account['attempts'], account['counts'], account['traffic']
    lines = [
        'tasks accepted   %8d   %s, waiting %d, running %d' % (
            account['accepted'], ', '.join('%s %d' % (outcome, account['outcomes'][outcome]) for outcome in OUTCOMES),
            account['waiting'], account['running']),
        'attempts         %8d   %s' % (
            account['assignments'] + account['adopted'],
            _not_zero(attempts, 'running %d' % account['running'])),
        # Results that ended a task, how many of them came from an attempt that was given up; then the others.
        'results          %8d   late but first %d; besides: too late %d, duplicate %d' % (
            attempts['result'] + attempts['error'] + counts['late_results_used'], counts['late_results_used'],
            counts['late_results'], counts['duplicate_results']),
        'calculators      %8d   %s' % (
            sum(account['calculators'].values()), _not_zero(account['calculators'], 'none')),
        'datagrams in     %8d   %s rows each, refused %d' % (
            traffic['datagrams_in'], traffic['rows_per_datagram_in'] or '-', sum(traffic['refused'].values())),
        'datagrams out    %8d   %s rows each, resent rows %d' % (
            traffic['datagrams_out'], traffic['rows_per_datagram_out'] or '-', traffic['resent']),
    ]
    if counts['journal_commits'] or counts['journal_failures'] or counts['tasks_recovered']:
        lines.append('journal commits  %8d   records %d, failed %d; recovered tasks %d, outcomes %d' % (
            counts['journal_commits'], counts['journal_records'], counts['journal_failures'],
            counts['tasks_recovered'], counts['outcomes_recovered']))
    return lines


def status_line(status, done_per_s, rows_per_datagram):
    # type: (Dict[str, int], float, float | None) -> str
    """How things stand, in one line of the log."""
    numbers = ('waiting %(waiting)d, running %(running)d, '
               'calculators alive %(alive)d / suspect %(suspect)d / dead %(dead)d') % status
    if status.get('journal_failing'):
        numbers += ', JOURNAL FAILING'
    return numbers + (', %.1f tasks/s, %s rows per datagram' % (done_per_s, rows_per_datagram or '-'))


def _not_zero(counts, otherwise):
    # type: (Dict[str, int], str) -> str
    shown = ['%s %d' % (name.replace('_', ' '), counts[name]) for name in sorted(counts) if counts[name]]
    return ', '.join(shown) or otherwise
