"""The sentence of each event of a core: the only table, for logs, the monitor, the demo and the simulator."""

from __future__ import absolute_import, division, print_function

MYPY = False
if MYPY:
    from typing import Any, Dict  # noqa: F401

#: A hint for the user who stops a process. At the end of a sentence, so that the monitor can remove it.
HINT = ' Press Ctrl-C again to quit now.'

#: Role -> kind of event -> (log level, sentence). ``Facts`` explains the placeholders.
SENTENCES = {
    'client': {
        'sent': ('debug', 'Task %(task_id)s: sent.'),
        'answered': ('debug', 'Task %(task_id)s: answered after %(response_time_s).3f s, %(attempts attempts)s.'),
        'unanswered': ('info', 'Task %(task_id)s: %(outcome)s (%(reason)s).'),
        'refused': ('info', 'Task %(task_id)s: refused (%(reason)s).'),
        'called_off': ('debug', 'Task %(task_id)s: %(outcome)s by this client (%(reason)s).'),
        'calls_cancelled': ('info', 'Cancelled %(number calls)s.'),
        'not_offered': ('warning', '%(reason)s'),
        'dispatcher_restarted': ('info', 'The dispatcher restarted; resubmitting %(waiting tasks)s.'),
        'draining': ('info', 'Stopping: waiting up to %(bound_s)g s for %(waiting tasks)s.' + HINT),
        'cancelling': ('info', 'Cancelling %(waiting tasks)s.'),
    },
    'calculator': {
        'taken': ('debug', 'Task %(task_id)s: attempt %(attempt)d begins (assignment %(assignment)d).'),
        'renumbered': ('debug', 'Task %(task_id)s: continues as attempt %(attempt)d (assignment %(assignment)d).'),
        'let_go': ('debug', 'Task %(task_id)s: %(end)s (assignment %(assignment)d).'),
        'out_of_order': ('warning', 'Out of order for %(duration_s).1f s: %(outage)s with %(running tasks)s running.'),
        'in_order': ('info', 'In order again, %(away_s).1f s after the %(outage)s.'),
        'dispatcher_restarted': ('info', 'The dispatcher restarted; holding %(held tasks)s.'),
        'name_taken': ('warning', 'Another calculator named %(name)s is registered, so this one gets no tasks. '
                                  'Give each calculator its own name.'),
        'name_shared': ('warning', 'Another calculator named %(name)s runs, and gets no tasks while this one is '
                                   'registered. Give each calculator its own name.'),
        'not_registered': ('warning', 'The dispatcher has too many calculators and does not register %(name)s; '
                                      'trying again at each heartbeat.'),
        'functions': ('info', 'Functions: %(functions)s.'),
        'child_died': ('warning', 'Task %(task_id)s: %(reason)s.'),
        'draining': ('info', 'Stopping: waiting up to %(bound_s)g s for %(running tasks)s and '
                             '%(unreported results)s.' + HINT),
    },
    'dispatcher': {
        'registered': ('info', 'Calculator %(calculator)s registered from %(address)s.'),
        'returned': ('info', 'Calculator %(calculator)s is back as a new incarnation, from %(address)s.'),
        'replaced': ('warning', 'Calculator %(calculator)s was at %(old_address)s and is at %(address)s now. If both '
                                'still run, they share a name, and only the new one gets work.'),
        'registration_refused': ('warning', 'Calculator %(calculator)s is not registered: the limit is reached '
                                            '(%(setting)s %(limit)d).'),
        'suspected': ('warning', 'Calculator %(calculator)s is suspect (%(why)s) and holds %(held tasks)s.'),
        'died': ('warning', 'Calculator %(calculator)s is dead: silent for %(silence_s).1f s; '
                            'requeued: %(held tasks)s.'),
        'recovered': ('info', 'Calculator %(calculator)s was %(was)s and is alive again.'),
        'left': ('info', 'Calculator %(calculator)s left.'),
        'reassigned': ('info', 'Task %(task_id)s lost attempt %(attempt)d on %(calculator)s: %(reason)s.'),
        'adopted': ('info', 'Task %(task_id)s is already running on %(calculator)s and stays there.'),
        'accepted': ('debug', 'Task %(task_id)s accepted.'),
        'assigned': ('debug', 'Attempt %(attempt)d of task %(task_id)s is assigned to %(calculator)s.'),
        'done': ('debug', 'Task %(task_id)s done by attempt %(attempt)d on %(calculator)s.'),
        'ended': ('info', 'Task %(task_id)s %(outcome)s after %(attempts attempts)s: %(reason)s.'),
        'late_result': ('info', 'Late result of attempt %(attempt)d of task %(task_id)s from %(calculator)s ignored: '
                                'the task had ended.'),
        'late_result_used': ('info', 'Late result of attempt %(attempt)d of task %(task_id)s from %(calculator)s used: '
                                     'it was the first.'),
        'outcome_dropped': ('debug', 'Task %(task_id)s: its outcome is forgotten, and its client may submit it again.'),
        'too_slow': ('warning', 'Task %(task_id)s was not done in %(limit_s)g s on calculator %(calculator)s, which '
                                'is alive, and begins again: tasks that take longer need a longer answer_timeout_s.'),
        'offers': ('info', 'Calculator %(calculator)s offers %(number functions)s.'),
        'no_function': ('warning', 'Calls wait for %(function)s, and no calculator offers it.'),
        'functions_differ': ('warning', 'Some calculators offer functions that others do not: %(functions)s.'),
        'drained': ('info', 'Calculator %(calculator)s gets no new work: an operator drains it.'),
        'readmitted': ('info', 'Calculator %(calculator)s gets work again: an operator readmitted it.'),
        'probation': ('warning', 'Calculator %(calculator)s gets one attempt at a time: %(reason)s.'),
        'probation_over': ('info', 'Calculator %(calculator)s is trusted again: five attempts ended well.'),
        'no_calculators': ('warning', 'No calculator is alive, and %(waiting tasks)s wait: start one with the address '
                                      'of this dispatcher in its settings.'),
        'held_up': ('warning', 'The dispatcher did not run for %(seconds).1f s; verdicts on silent calculators are '
                               'postponed once.'),
        'journal_read': ('info', 'From the journal: %(waiting tasks)s wait again, %(unacknowledged outcomes)s are sent '
                                    'again; incarnations before this one: %(incarnations)d.'),
        'journal_failed': ('error', 'The journal cannot be written: %(reason)s; no new tasks until it can.'),
        'journal_works': ('info', 'The journal is written again after %(seconds).1f s.'),
        'draining': ('info', 'The dispatcher is stopping: waiting up to %(bound_s)g s for %(running tasks)s that run '
                             'and %(unacknowledged outcomes)s that clients have not acknowledged; %(waiting tasks)s '
                             'stay queued.' + HINT),
    },
}  # type: Dict[str, Dict[str, Any]]

#: An event of status reports. The log of the client has it, that of the dispatcher has not.
REFUSED = ('info', 'Task %(task_id)s refused: %(reason)s.')

#: How an attempt ended.
ENDS = {
    'result': 'returned the result',
    'error': 'returned an error',
    'timed_out': 'no answer in time',
    'dead_calculator': 'the calculator was declared dead',
    'new_incarnation': 'the calculator restarted',
    'calculator_left': 'the calculator left',
    'unacknowledged': 'the calculator stopped acknowledging',
    'not_listening': 'no process listened at the address of the calculator',
    'not_held': 'the calculator did not hold it any more',
    'turned_down': 'the calculator refused it',
    'withdrawn': 'withdrawn: the task ended in another way',
    'child_died': 'the process that ran the function died',
}

REFUSALS = {
    'queue_full': 'the queue was full',
    'draining': 'the dispatcher was stopping',
    'journal': 'the journal could not be written',
    'too_far_ahead': 'its number was too high',
}

_REASONS = {'reassigned': ENDS, 'refused': REFUSALS}


def in_words(kind, facts):
    # type: (str, Dict[str, Any]) -> Dict[str, Any]
    """The facts of an event, with words for a named reason. An unknown name, of another version, stays."""
    if kind in _REASONS and facts.get('reason') in list(_REASONS[kind]):
        return dict(facts, reason=_REASONS[kind][facts['reason']])
    return facts
