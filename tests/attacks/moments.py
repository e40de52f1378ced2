"""The moment of its work at which a process was killed, from the trace of its system calls.

client      C0 nothing sent yet   C1 submit sent   C2 submit acknowledged   C3 outcome received, not counted
            C4 outcome counted, not acknowledged
dispatcher  D1 submit received   D2 task accepted, submit not acknowledged   D3 submit acknowledged
            D4 calculator chosen   D5 assignment sent   D6 result received   D7 task over, outcome not sent
            D8 outcome sent
calculator  W0 before the first heartbeat   W1 idle   W2 assignment received   W3 working   W4 done, result not sent
            W5 result sent, not acknowledged   W6 restarted, and the dispatcher does not know it yet

With a journal, D2 and D7 begin when the log of the journal is on the disk. There are two more moments: in D9 the log is
copied into the journal file, truncated or removed; D10 is recovery, from the first access to the journal until the
first datagram.
"""

from __future__ import absolute_import, division, print_function

from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER

SENT, RECEIVED, WRITTEN = 'sendto', 'recvfrom', 'write'
SYNCHRONISES = ('fdatasync', 'fsync')

#: Steps: a datagram with rows of the kind that follows is acknowledged; a heartbeat without attempts.
ACKNOWLEDGED, IDLE = 'acknowledged ', 'idle heartbeat'

#: Role -> step (call, kind of row or event) -> the moment that begins after this step.
BEGINS = {
    CLIENT: {(SENT, 'submit'): 'C1', (RECEIVED, ACKNOWLEDGED + 'submit'): 'C2', (RECEIVED, 'done'): 'C3',
             (WRITTEN, 'answered'): 'C4'},
    DISPATCHER: {(RECEIVED, 'submit'): 'D1', (WRITTEN, 'accepted'): 'D2', (SENT, ACKNOWLEDGED + 'submit'): 'D3',
                 (WRITTEN, 'assigned'): 'D4', (SENT, 'assign'): 'D5', (RECEIVED, 'result'): 'D6',
                 (WRITTEN, 'done'): 'D7', (SENT, 'done'): 'D8'},
    CALCULATOR: {(SENT, IDLE): 'W1', (RECEIVED, 'assign'): 'W2', (WRITTEN, 'taken'): 'W3', (SENT, 'result'): 'W5',
                 (RECEIVED, ACKNOWLEDGED + 'result'): 'W1'},
}
FIRST = {CLIENT: 'C0', DISPATCHER: None, CALCULATOR: 'W0'}

#: Moments that end with a commit -> the next moment.
COMMITTED = {'D1': 'D2', 'D6': 'D7'}
OF_A_JOURNAL = ['D9', 'D10']

#: A write of this size is the header of a new log and no commit.
LOG_HEADER_BYTES = 32

ALL = {
    CLIENT: ['C0', 'C1', 'C2', 'C3', 'C4'],
    DISPATCHER: ['D1', 'D2', 'D3', 'D4', 'D5', 'D6', 'D7', 'D8'],
    CALCULATOR: ['W0', 'W1', 'W2', 'W3', 'W4', 'W5', 'W6'],
}


def expected(role, journal=None):
    """All moments of a process; ``journal`` is the path of a dispatcher's journal, or None."""
    return set(ALL[role] + (OF_A_JOURNAL if journal is not None else []))


def of(role, trace, is_first, journal=None):
    """The moment at which a process was killed, None before the first moment.

    ``is_first``: whether this was the first incarnation. ``journal``: the path of a dispatcher's journal, or None.
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
            # Killed while sending.
            return 'W4'
        if moment == 'W1' and not conversation.is_open and not is_first:
            return 'W6'
    return moment


class _Conversation(object):
    """All datagrams that a process sent and received."""

    def __init__(self):
        #: Whether a datagram was received that is no greeting.
        self.is_open = False
        # (ticket of the channel, call, number) of a datagram that is not acknowledged -> its kinds of rows.
        self._unacknowledged = {}

    def steps(self, call):
        """The steps of a call, in the order in which they are handled."""
        if call.event is not None:
            return [(WRITTEN, call.event)]
        datagram = call.datagram
        if 'n' not in datagram:
            return []
        self.is_open = self.is_open or call.name == RECEIVED
        rows, to = datagram.get('rows', {}), datagram['to']
        # A datagram acknowledges datagrams of the other direction.
        other_way = SENT if call.name == RECEIVED else RECEIVED
        acknowledged = [key for key in self._unacknowledged if key[:2] == (to, other_way) and any(
            first <= key[2] <= last for first, last in datagram.get('ack', ()))]
        kinds = sorted({kind for key in acknowledged for kind in self._unacknowledged.pop(key)})
        self._unacknowledged[to, call.name, datagram['n']] = list(rows)
        steps = [(call.name, ACKNOWLEDGED + kind) for kind in kinds] + [(call.name, kind) for kind in sorted(rows)]
        if any(not row[5] and not row[6] for row in rows.get('heartbeat', ())):
            steps.insert(0, (call.name, IDLE))
        return steps


class _JournalReader(object):
    """Follows the calls on the journal of a dispatcher, if it has one."""

    def __init__(self, journal, is_first):
        self._journal = journal
        # Calls that create the file neither clean up nor recover.
        self._is_made = not is_first
        self._has_spoken = False
        self._is_log_written = False

    def read(self, call, moment):
        """The moment after a finished call; ``moment`` is the one without regard to the journal."""
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
        """The moment of the kill; ``moment`` is the one after the last finished call."""
        assert self._journal is not None
        if self._is_made and _cleans_up(trace[-1], self._journal):
            # Killed during that call.
            return 'D9'
        if self._is_made and not self._has_spoken and any(call.path.startswith(self._journal) for call in trace):
            return 'D10'
        return moment


def _cleans_up(call, journal):
    """Whether a call changes the journal file, which commits do not change, or truncates or removes the log."""
    if call.name == 'pread64':
        return False
    return call.path == journal or (call.path == journal + '-wal' and call.name in ('unlink', 'ftruncate'))
