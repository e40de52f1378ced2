"""At which moment of its work a process was killed, read from its last system calls.

The moments are those of the promise "killed at any instant": what has been heard, written down, said.

client      C0 nothing asked yet   C1 submit sent   C2 accepted received   C3 outcome received, not counted
            C4 counted, not acknowledged
dispatcher  D1 submit received   D2 taken into the books, accepted not sent   D3 accepted sent   D4 calculator chosen
            D5 assignment sent   D6 result received   D7 taken into the books, outcome not sent   D8 outcome sent
calculator  W0 before the first heartbeat   W1 idle   W2 assignment received   W3 working   W4 done, result not sent
            W5 result sent, not acknowledged   W6 back after a kill, the dispatcher's books still full

D9 and D10, cleaning up and recovery, are moments of a dispatcher with a journal.
"""

from __future__ import absolute_import, division, print_function

from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

    from tests.attacks.tracing import Call  # noqa: F401

SENT, HEARD, TOLD = 'sendto', 'recvfrom', 'write'

#: Role -> what a call does -> the moment that begins when it is done: a message sent or heard, an event written.
BEGINS = {
    CLIENT: {(SENT, 'submit'): 'C1', (HEARD, 'accepted'): 'C2', (HEARD, 'outcome'): 'C3', (TOLD, 'answered'): 'C4'},
    DISPATCHER: {(HEARD, 'submit'): 'D1', (TOLD, 'accepted'): 'D2', (SENT, 'accepted'): 'D3', (TOLD, 'assigned'): 'D4',
                 (SENT, 'assign'): 'D5', (HEARD, 'result'): 'D6', (TOLD, 'done'): 'D7', (SENT, 'outcome'): 'D8'},
    CALCULATOR: {(SENT, 'heartbeat'): 'W1', (HEARD, 'assign'): 'W2', (SENT, 'assign_ack'): 'W3',
                 (SENT, 'result'): 'W5', (HEARD, 'result_ack'): 'W1'},
}  # type: Dict[str, Dict[Tuple[str, str], str]]
FIRST = {CLIENT: 'C0', DISPATCHER: None, CALCULATOR: 'W0'}  # type: Dict[str, str | None]

ALL = {
    CLIENT: ['C0', 'C1', 'C2', 'C3', 'C4'],
    DISPATCHER: ['D1', 'D2', 'D3', 'D4', 'D5', 'D6', 'D7', 'D8'],
    CALCULATOR: ['W0', 'W1', 'W2', 'W3', 'W4', 'W5', 'W6'],
}


def of(role, trace, is_first_life):
    # type: (str, List[Call], bool) -> str | None
    """The moment at which the process died: the one that its last step began. None: nothing had happened yet."""
    moment = FIRST[role]
    heard = False
    for call in trace:
        if call.is_done:
            moment = _begun(role, call) or moment
            heard = heard or bool(call.name == HEARD and call.messages)
    if role == CALCULATOR:
        if any(step == (SENT, 'result') for step in _steps(trace[-1])):
            # On its lips when it was killed.
            return 'W4'
        if moment == 'W1' and not heard and not is_first_life:
            return 'W6'
    return moment


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
