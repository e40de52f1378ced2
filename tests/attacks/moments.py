"""At which moment of its work a process was killed, read from its last system calls.

client      C0 nothing sent yet   C1 submit sent   C2 its datagram is acknowledged   C3 outcome received, not counted
            C4 counted, not acknowledged
dispatcher  D1 submit received   D2 accepted, its datagram not acknowledged   D3 acknowledged   D4 calculator chosen
            D5 assignment sent   D6 result received   D7 task over, outcome not sent   D8 outcome sent
calculator  W0 before the first heartbeat   W1 idle   W2 assignment received   W3 working   W4 done, result not sent
            W5 result sent, not acknowledged   W6 restarted, and the dispatcher does not know it yet

Where the dispatcher has a journal, D2 and D7 begin when the commit is on the disk: the log is synchronised. And there
are two moments more: D9, cleaning up, when the log is copied into the file itself, cut or removed; and D10, recovery,
from the first touch of the journal until the first datagram.
"""

from __future__ import absolute_import, division, print_function

from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER

SENT, HEARD, TOLD = 'sendto', 'recvfrom', 'write'
SYNCHRONISES = ('fdatasync', 'fsync')

#: What is acknowledged is a datagram with rows of that kind. A heartbeat is idle if it names no attempt.
ACKNOWLEDGED, IDLE = 'acknowledged ', 'idle heartbeat'

#: Role -> what a call does -> the moment that begins when it is done: rows sent or heard, an event written.
BEGINS = {
    CLIENT: {(SENT, 'submit'): 'C1', (HEARD, ACKNOWLEDGED + 'submit'): 'C2', (HEARD, 'done'): 'C3',
             (TOLD, 'answered'): 'C4'},
    DISPATCHER: {(HEARD, 'submit'): 'D1', (TOLD, 'accepted'): 'D2', (SENT, ACKNOWLEDGED + 'submit'): 'D3',
                 (TOLD, 'assigned'): 'D4', (SENT, 'assign'): 'D5', (HEARD, 'result'): 'D6', (TOLD, 'done'): 'D7',
                 (SENT, 'done'): 'D8'},
    CALCULATOR: {(SENT, IDLE): 'W1', (HEARD, 'assign'): 'W2', (TOLD, 'taken'): 'W3', (SENT, 'result'): 'W5',
                 (HEARD, ACKNOWLEDGED + 'result'): 'W1'},
}
FIRST = {CLIENT: 'C0', DISPATCHER: None, CALCULATOR: 'W0'}

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
    """The moments of a process; ``journal`` is its journal, if it is a dispatcher that has one."""
    return set(ALL[role] + (OF_A_JOURNAL if journal is not None else []))


def of(role, trace, is_first, journal=None):
    """The moment at which the process died: the one that its last step began. None: nothing had happened yet.

    ``journal`` is the path of its journal; ``is_first`` is whether this process was the first with that name.
    """
    moment = FIRST[role]
    conversation = _Conversation()
    reader = _JournalReader(journal, is_first)
    for call in trace:
        if call.is_done:
            for step in conversation.steps(call):
                moment = BEGINS[role].get(step, moment)
            moment = reader.read(call, moment)
    if journal is not None:
        return reader.at_the_end(trace, moment)
    if role == CALCULATOR:
        if 'result' in trace[-1].datagram.get('rows', ()) and trace[-1].name == SENT:
            # It was killed while it sent it.
            return 'W4'
        if moment == 'W1' and not conversation.is_open and not is_first:
            return 'W6'
    return moment


class _Conversation(object):
    """The datagrams of one process with all its peers."""

    def __init__(self):
        #: Whether something was heard that is not a greeting.
        self.is_open = False
        # (ticket of the channel, call that carried it, number) -> kinds of rows of a datagram that is not acknowledged.
        self._unacknowledged = {}

    def steps(self, call):
        """What that call did, in the order in which it is handled."""
        if call.event is not None:
            return [(TOLD, call.event)]
        datagram = call.datagram
        if 'n' not in datagram:
            return []
        self.is_open = self.is_open or call.name == HEARD
        rows, to = datagram.get('rows', {}), datagram['to']
        # What a datagram acknowledges went the other way.
        other_way = SENT if call.name == HEARD else HEARD
        acknowledged = [key for key in self._unacknowledged if key[:2] == (to, other_way) and any(
            first <= key[2] <= last for first, last in datagram.get('ack', ()))]
        kinds = sorted({kind for key in acknowledged for kind in self._unacknowledged.pop(key)})
        self._unacknowledged[to, call.name, datagram['n']] = list(rows)
        steps = [(call.name, ACKNOWLEDGED + kind) for kind in kinds] + [(call.name, kind) for kind in sorted(rows)]
        if any(not row[5] and not row[6] for row in rows.get('heartbeat', ())):
            steps.insert(0, (call.name, IDLE))
        return steps


class _JournalReader(object):
    """What happened so far to the journal of a dispatcher, if it has one."""

    def __init__(self, journal, is_first):
        self._journal = journal
        # What makes the file, at first, neither cleans up nor recovers anything.
        self._is_made = not is_first
        self._has_spoken = False
        self._is_log_written = False

    def read(self, call, moment):
        """The moment after a call that was carried out, if it is ``moment`` without a journal."""
        if self._journal is None:
            return moment
        if call.datagram:
            self._has_spoken = self._is_made = True
        if call.path == self._journal + '-wal':
            if call.name == 'pwrite64' and len(call.data) > LOG_HEADER_BYTES:
                self._is_log_written = True
            elif call.name in SYNCHRONISES and self._is_log_written:
                self._is_log_written = False
                moment = COMMITTED.get(moment or '', moment)
        return 'D9' if self._is_made and _cleans_up(call, self._journal) else moment

    def at_the_end(self, trace, moment):
        """The moment of the death, where ``moment`` is that of the last call that was carried out."""
        assert self._journal is not None
        if self._is_made and _cleans_up(trace[-1], self._journal):
            # It was killed while it did that.
            return 'D9'
        if self._is_made and not self._has_spoken and any(call.path.startswith(self._journal) for call in trace):
            return 'D10'
        return moment


def _cleans_up(call, journal):
    """Whether a call changes the file itself, which commits leave alone, or takes the log away."""
    if call.name == 'pread64':
        return False
    return call.path == journal or (call.path == journal + '-wal' and call.name in ('unlink', 'ftruncate'))
