"""A client and a calculator in one socket, that never forget: the witness of a dispatcher killed over and over.

The client never asks twice. A task for which it has heard ``accepted`` it does not submit again, so if its outcome
comes at all, the dispatcher has kept the task by itself; and of no task may it hear two outcomes that differ.
"""

from __future__ import absolute_import, division, print_function

import select
import socket

from net_protocol import codec
from net_protocol.messages import Accepted, Assign, AssignAck, Heartbeat, Outcome, OutcomeAck, Result, Revoke, Submit

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

CLIENT, CALCULATOR = 'client', 'calculator'
LIFE = 'abcdefgh'

#: Tasks that are out at a time.
OUT_MAX = 6


class Ledger(object):
    """What was heard in all lives of the dispatcher."""

    def __init__(self):
        # type: () -> None
        self.accepted = set()  # type: Set[str]
        self.outcomes = {}  # type: Dict[str, Any]
        self.contradictions = []  # type: List[Any]
        #: Lives of the dispatcher that were heard.
        self.lives = set()  # type: Set[str]
        #: What each payload carries besides its number, to make it large.
        self.ballast = u''
        self._submitted = {}  # type: Dict[str, int]
        self._made = 0
        self._holds = {}  # type: Dict[str, int]
        self._numbers = {CLIENT: 0, CALCULATOR: 0}
        self._sequence = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(('127.0.0.1', 0))

    def close(self):
        # type: () -> None
        self._socket.close()

    @property
    def open(self):
        # type: () -> Set[str]
        """Promised, and not yet kept."""
        return self.accepted - set(self.outcomes)

    @property
    def is_quiet(self):
        # type: () -> bool
        """Whether nothing was asked for that is not over."""
        return not (self._submitted or self.open)

    def turn(self, address, submits=True, straight=False):
        # type: (Tuple[str, int], bool, bool) -> None
        """Say everything that there is to say, and listen for a moment.

        While it is killed again and again, what was accepted has its result as if an earlier life had assigned it: a
        life that is over soon hands out nothing. With ``straight`` everything goes the straight way.
        """
        while submits and len(self._submitted) + len(self.open) < OUT_MAX:
            self._made += 1
            self._submitted['%s:%s:%d' % (CLIENT, LIFE, self._made)] = self._made
        self._say(address, CLIENT, [Submit(task_id, [payload, self.ballast] if self.ballast else payload, 600)
                                    for task_id, payload in sorted(self._submitted.items())])
        self._sequence += 1
        self._say(address, CALCULATOR, [
            Heartbeat(self._sequence, 1, 1, 0.1, 50, sorted(self._holds.items()), [], False, 0)])
        self._listen(address, 0.01)
        done = self._holds if straight else dict(dict.fromkeys(self.open, 1), **self._holds)
        self._say(address, CALCULATOR, [Result(task_id, attempt, int(task_id.rsplit(':', 1)[1]), None)
                                        for task_id, attempt in sorted(done.items())])
        self._listen(address, 0.01)

    def _listen(self, address, seconds):
        # type: (Tuple[str, int], float) -> None
        while select.select([self._socket], [], [], seconds)[0]:
            envelope = codec.decode(self._socket.recv(65536))
            self.lives.add(envelope.incarnation)
            for message in envelope.messages:
                self._hear(address, message)

    def _hear(self, address, message):
        # type: (Tuple[str, int], Any) -> None
        if type(message) is Accepted:
            self.accepted.add(message.task_id)
            self._submitted.pop(message.task_id, None)
        elif type(message) is Outcome:
            # Which says that it was accepted, if nothing has said so before.
            self.accepted.add(message.task_id)
            self._submitted.pop(message.task_id, None)
            known = self.outcomes.setdefault(message.task_id, message)
            right = int(message.task_id.rsplit(':', 1)[1])
            if message.outcome != known.outcome or message.result != known.result or message.result != right:
                self.contradictions.append((known, message))
            self._holds.pop(message.task_id, None)
            self._say(address, CLIENT, [OutcomeAck(message.task_id)])
        elif type(message) is Assign:
            self._holds[message.task_id] = message.attempt
            self._say(address, CALCULATOR, [AssignAck(message.task_id, message.attempt)])
        elif type(message) is Revoke:
            self._holds.pop(message.task_id, None)

    def _say(self, address, name, messages):
        # type: (Tuple[str, int], str, List[Any]) -> None
        for datagram in codec.encode(name, LIFE, self._numbers[name] + 1, messages):
            self._numbers[name] += 1
            self._socket.sendto(datagram, address)
