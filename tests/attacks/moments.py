"""At which moment of its work a process was killed, read from its last system calls.

The moments are those of the promise "killed at any instant": what has been heard, written down, said.

client      C0 nothing asked yet   C1 submit sent   C2 accepted received   C3 outcome received, not counted
            C4 counted, not acknowledged
dispatcher  D1 submit received   D2 taken into the books, accepted not sent   D3 accepted sent   D4 calculator chosen
            D5 assignment sent   D6 result received   D7 taken into the books, outcome not sent   D8 outcome sent
calculator  W0 before the first heartbeat   W1 idle   W2 assignment received   W3 working   W4 done, result not sent
            W5 result sent, not acknowledged   W6 back after a kill, the dispatcher's books still full

Where the dispatcher has a journal, D2 and D7 begin when the commit is on the disk: the log is synchronised. And there
are two moments more: D9, cleaning up, when the log is copied into the file itself, cut or removed; and D10, recovery,
from the first touch of the journal until the first datagram.
"""

from __future__ import absolute_import, division, print_function

from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

    from tests.attacks.tracing import Call  # noqa: F401

SENT, HEARD, TOLD = 'sendto', 'recvfrom', 'write'
SYNCHRONISES = ('fdatasync', 'fsync')

#: Role -> what a call does -> the moment that begins when it is done: a message sent or heard, an event written.
BEGINS = {
    CLIENT: {(SENT, 'submit'): 'C1', (HEARD, 'accepted'): 'C2', (HEARD, 'outcome'): 'C3', (TOLD, 'answered'): 'C4'},
    DISPATCHER: {(HEARD, 'submit'): 'D1', (TOLD, 'accepted'): 'D2', (SENT, 'accepted'): 'D3', (TOLD, 'assigned'): 'D4',
                 (SENT, 'assign'): 'D5', (HEARD, 'result'): 'D6', (TOLD, 'done'): 'D7', (SENT, 'outcome'): 'D8'},
    CALCULATOR: {(SENT, 'heartbeat'): 'W1', (HEARD, 'assign'): 'W2', (SENT, 'assign_ack'): 'W3',
                 (SENT, 'result'): 'W5', (HEARD, 'result_ack'): 'W1'},
}  # type: Dict[str, Dict[Tuple[str, str], str]]
FIRST = {CLIENT: 'C0', DISPATCHER: None, CALCULATOR: 'W0'}  # type: Dict[str, str | None]

#: Moments that end with a commit, where there is one.
COMMITTED = {'D1': 'D2', 'D6': 'D7'}
OF_A_JOURNAL = ['D9', 'D10']

#: What a commit puts into the log is more than its header, which is written alone when the log begins anew.
LOG_HEADER_BYTES = 32

ALL = {
    CLIENT: ['C0', 'C1', 'C2', 'C3', 'C4'],
    DISPATCHER: ['D1', 'D2', 'D3', 'D4', 'D5', 'D6', 'D7', 'D8'],
    CALCULATOR: ['W0', 'W1', 'W2', 'W3', 'W4', 'W5', 'W6'],
}


def expected(role, journal=None):
    # type: (str, str | None) -> Set[str]
    """The moments of a process; ``journal`` is its journal, if it is a dispatcher that has one."""
    return set(ALL[role] + (OF_A_JOURNAL if journal is not None else []))


def of(role, trace, is_first_life, journal=None):
    # type: (str, List[Call], bool, str | None) -> str | None
    """The moment at which the process died: the one that its last step began. None: nothing had happened yet.

    ``journal`` is the path of its journal.
    """
    moment = FIRST[role]
    reader = _JournalReader(journal, is_first_life)
    for call in trace:
        if call.is_done:
            moment = reader.read(call, _begun(role, call) or moment)
    if journal is not None:
        return reader.at_the_end(trace, moment)
    if role == CALCULATOR:
        if any(step == (SENT, 'result') for step in _steps(trace[-1])):
            # On its lips when it was killed.
            return 'W4'
        if moment == 'W1' and not reader.has_heard and not is_first_life:
            return 'W6'
    return moment


class _JournalReader(object):
    """What happened so far to the journal of a dispatcher, if it has one, and whether it said or heard anything."""

    def __init__(self, journal, is_first_life):
        # type: (str | None, bool) -> None
        self.has_heard = False
        self._journal = journal
        # What makes the file, at first, neither cleans up nor recovers anything.
        self._is_made = not is_first_life
        self._has_spoken = False
        self._is_log_written = False

    def read(self, call, moment):
        # type: (Call, str | None) -> str | None
        """The moment after a call that was carried out, if it is ``moment`` for whoever has no journal."""
        if call.messages:
            self.has_heard = self.has_heard or call.name == HEARD
            self._has_spoken = self._is_made = True
        if self._journal is None:
            return moment
        if call.path == self._journal + '-wal':
            if call.name == 'pwrite64' and len(call.data) > LOG_HEADER_BYTES:
                self._is_log_written = True
            elif call.name in SYNCHRONISES and self._is_log_written:
                self._is_log_written = False
                moment = COMMITTED.get(moment or '', moment)
        return 'D9' if self._is_made and _cleans_up(call, self._journal) else moment

    def at_the_end(self, trace, moment):
        # type: (List[Call], str | None) -> str | None
        """The moment of the death, where ``moment`` is that of the last call that was carried out."""
        assert self._journal is not None
        if self._is_made and _cleans_up(trace[-1], self._journal):
            # At it when it was killed.
            return 'D9'
        if self._is_made and not self._has_spoken and any(call.path.startswith(self._journal) for call in trace):
            return 'D10'
        return moment


def _cleans_up(call, journal):
    # type: (Call, str) -> bool
    """Whether a call changes the file itself, which commits leave alone, or takes the log away."""
    if call.name == 'pread64':
        return False
    return call.path == journal or (call.path == journal + '-wal' and call.name in ('unlink', 'ftruncate'))


def _begun(role, call):
    # type: (str, Call) -> str | None
    found = None
    for step in _steps(call):
        found = BEGINS[role].get(step, found)
    return found


def _steps(call):
    # type: (Call) -> List[Tuple[str, str]]
    steps = [(call.name, message['kind']) for message in call.messages]
    return steps + ([(TOLD, call.event)] if call.event is not None else [])
