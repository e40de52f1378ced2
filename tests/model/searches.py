"""What is searched: the model in several sizes, and broken variants of it, each with a fault that has to be found.

A variant is a macro of docs/model/dispatch.pml. A search of kind SAFETY looks for an assertion that fails, one of kind
LIVENESS also for a run in which peace comes and some task never ends.
"""

from __future__ import absolute_import, division, print_function

MYPY = False
if MYPY:
    from typing import List, Tuple  # noqa: F401

SAFETY = 'safety'
LIVENESS = 'liveness'


class Search(object):
    """One run of spin. ``defines`` are macros of the model, as ``NAME`` or ``NAME=VALUE``."""

    def __init__(self, name, kind, defines):
        # type: (str, str, str) -> None
        self.name = name
        self.kind = kind
        self.defines = tuple(defines.split()) + (('PEACE',) if kind == LIVENESS else ())

    def broken_by(self, variant):
        # type: (str) -> Search
        """The same search of a broken variant."""
        return Search(variant, self.kind, ' '.join(self.defines + (variant,)))


#: In these nothing may be found. A search for liveness checks every assertion too.
SEARCHES = [
    Search('one task', LIVENESS, ''),
    Search('two tasks', LIVENESS, 'TASKS=2 ATTEMPTS_MAX=1 CRASHES=0'),
    Search('dispatcher dies', LIVENESS, 'DISPATCHER_CRASHES=1 ATTEMPTS_MAX=1'),
    Search('dispatcher dies, journal', LIVENESS, 'DISPATCHER_CRASHES=1 ATTEMPTS_MAX=1 JOURNAL'),
    Search('a late message', LIVENESS, 'ATTEMPTS_MAX=1 LATE'),
    Search('one calculator, late', LIVENESS, 'CALCULATORS=1 LATE'),
    Search('one calculator, late, dispatcher dies', LIVENESS, 'CALCULATORS=1 DISPATCHER_CRASHES=1 ATTEMPTS_MAX=1 LATE'),
    Search('all calculators may die', LIVENESS, 'CRASHES=2 ATTEMPTS_MAX=1 DEADLINES=1'),
]

_ONE = Search('', SAFETY, '')
_DIES = Search('', SAFETY, 'DISPATCHER_CRASHES=1 ATTEMPTS_MAX=1')
_JOURNAL = Search('', SAFETY, 'DISPATCHER_CRASHES=1 ATTEMPTS_MAX=1 JOURNAL')
_ENDS = Search('', LIVENESS, 'CALCULATORS=1')
_LATE = Search('', LIVENESS, 'CALCULATORS=1 LATE')
_DIED = Search('', LIVENESS, 'CALCULATORS=1 DISPATCHER_CRASHES=1 ATTEMPTS_MAX=1')
_ALL_DIE = Search('', LIVENESS, 'CALCULATORS=1 ATTEMPTS_MAX=1 DEADLINES=1')

#: A broken variant, and what it has to be caught as.
VARIANTS = [
    (_JOURNAL.broken_by('ACCEPTED_BEFORE_WRITTEN'), 'S1'),
    (_DIES.broken_by('OLD_ACK_BELIEVED'), 'S1'),
    (_ONE.broken_by('LATE_RESULT_COUNTS'), 'S2'),
    (_ONE.broken_by('TOMBSTONE_FORGOTTEN_EARLY'), 'S2'),
    (_ONE.broken_by('EVERY_OUTCOME_COUNTS'), 'S2'),
    (_JOURNAL.broken_by('OUTCOME_BEFORE_WRITTEN'), 'S2'),
    (_ONE.broken_by('LOST_NOT_QUEUED'), 'S5'),
    (_ONE.broken_by('STAYS_IN_BOOK'), 'S5'),
    (_ONE.broken_by('ADOPTED_TWICE'), 'S5'),
    (_ONE.broken_by('DEATH_KEEPS_BOOK'), 'S7'),
    (_ONE.broken_by('NEW_LIFE_KEEPS_BOOK'), 'S7'),
    (_ENDS.broken_by('NOBODY_DIES'), 'L1'),
    (_ENDS.broken_by('PLACE_NEVER_FREE'), 'L1'),
    (_ENDS.broken_by('SUBMIT_NOT_RESENT'), 'L1'),
    (_ENDS.broken_by('ASSIGN_NOT_RESENT'), 'L1'),
    (_ENDS.broken_by('RESULT_NOT_RESENT'), 'L1'),
    (_LATE.broken_by('FORMER_FOR_EVER'), 'L1'),
    (_DIED.broken_by('STOPS_WHEN_ACCEPTED'), 'L1'),
    (_DIED.broken_by('NOT_HELD_IGNORED'), 'L1'),
    (_ALL_DIE.broken_by('DEADLINE_IGNORED'), 'L1'),
]  # type: List[Tuple[Search, str]]

#: Small ones that together take every step of the model.
COVERING = [
    Search('', SAFETY, 'DISPATCHER_CRASHES=1 ATTEMPTS_MAX=1 CALCULATORS=1 JOURNAL'),
    Search('', LIVENESS, 'TASKS=2 ATTEMPTS_MAX=1 CRASHES=0 CALCULATORS=1'),
    Search('', LIVENESS, 'CALCULATORS=1 LATE'),
    Search('', LIVENESS, 'CALCULATORS=1 ATTEMPTS_MAX=1 DISPATCHER_CRASHES=1'),
    Search('', LIVENESS, 'CALCULATORS=1 ATTEMPTS_MAX=1 DEADLINES=1'),
]
