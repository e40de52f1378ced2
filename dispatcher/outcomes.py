"""Tasks that are over: each client is told its outcome until it acknowledges, and what is kept afterwards is small.

The table of tasks holds those that wait or run. With its outcome a task moves here, first among those whose client has
to be told, then into a memory in which it stays for as long as an old copy of its submit may still arrive.

A client that is gone may come back under its name, as another incarnation and from another address. Outcomes that were
told in vain for longer than a living client is silent are unclaimed: the next message of that client, wherever it comes
from, begins to tell them again, a few at a time, so that each acknowledgement brings the next.
"""

from __future__ import absolute_import, division, print_function

from collections import OrderedDict
from itertools import islice

from net_protocol.core import require
from net_protocol.delivery import ASK_AGAIN_S, JITTER_MAX, OUTCOME_GRACE_S, REMEMBER_S, Remembered

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Tuple  # noqa: F401

    from dispatcher.journal import Journal  # noqa: F401
    from dispatcher.tasks import Task  # noqa: F401
    from net_protocol.core import Sender  # noqa: F401
    from net_protocol.delivery import Resender  # noqa: F401
    from net_protocol.messages import Outcome  # noqa: F401

#: A client that waits for a task asks again within this time.
ABSENT_S = ASK_AGAIN_S * JITTER_MAX

#: Unclaimed outcomes that one message of their client brings: bounded work, and a bounded burst.
CLAIMED_AT_ONCE = 4


class Ending(object):
    """What is kept of a task that is over.

    ``outcome`` is None once its client has acknowledged it, and will not ask again. ``winner`` is who brought the
    result, (name of the calculator, attempt number), or None. ``asked_at`` is when its client was heard of last, as far
    as this task is concerned; at the latest when the task ended. ``tell_until`` is for how long the client that asked
    may be listening.
    """

    __slots__ = ('client', 'outcome', 'winner', 'asked_at', 'tell_until')

    def __init__(self, client, outcome, winner, asked_at, tell_until):
        # type: (str, Outcome | None, Tuple[str, int] | None, float, float) -> None
        self.client = client
        self.outcome = outcome
        self.winner = winner
        self.asked_at = asked_at
        self.tell_until = tell_until


class Outcomes(object):
    """All endings: those that are being told, and those that are remembered."""

    COUNTERS = ('submits_after_ack', 'outcomes_unacknowledged', 'outcomes_claimed', 'unknown_results',
                'duplicate_results', 'late_results')

    def __init__(self, new_resender, remembered_max, counts, journal, given_up):
        # type: (Callable[..., Resender], int, Dict[str, int], Journal, Callable[[], None]) -> None
        self._resender = new_resender(self._give_up, self._refresh)
        self._counts = counts
        self._journal = journal
        self._given_up = given_up
        # Task id -> an ending whose client is being told; its exchange has the task id as key.
        self._telling = {}  # type: Dict[str, Ending]
        self._remembered = Remembered(REMEMBER_S, remembered_max, self._drop)
        # Client -> its unclaimed outcomes, as keys in the order in which they became that; a client is a key exactly
        # while it has some. Each is being told still, or is remembered.
        self._unclaimed = {}  # type: Dict[str, OrderedDict[str, None]]

    @property
    def forgotten_early(self):
        # type: () -> int
        """How many had to be forgotten before their time, because ``remembered_max`` was reached."""
        return self._remembered.dropped_early

    def __len__(self):
        # type: () -> int
        """How many clients are being told."""
        return len(self._telling)

    def tell(self, now, task, outcome):
        # type: (float, Task, Outcome) -> None
        """The task is over: tell its client until it acknowledges, for as long as it may be listening."""
        until = max(now, task.deadline_at) + OUTCOME_GRACE_S
        self._telling[task.task_id] = Ending(task.client, outcome, task.winner, now, until)
        self._resender.begin(now, task.task_id, task.reply_to, outcome, until)

    def remember(self, now, client, task_id, outcome):
        # type: (float, str, str, Outcome | None) -> None
        """Keep an outcome for whoever asks, without telling it; or, with None, that it was told."""
        self._remembered.add(now, task_id, Ending(client, outcome, None, now, now))

    def get(self, now, task_id):
        # type: (float, str) -> Ending | None
        """What is kept of a task that is over, or None: it is not over, or was never heard of, or was forgotten."""
        return self._telling.get(task_id) or self._remembered.get(now, task_id)

    def count_surplus_result(self, now, task_id, calculator, attempt):
        # type: (float, str, str, int) -> bool
        """A result for a task that is over: a copy of the one that ended it, or (then true) one that came too late."""
        ending = self.get(now, task_id)
        if ending is None:
            self._counts['unknown_results'] += 1
        elif ending.winner == (calculator, attempt):
            self._counts['duplicate_results'] += 1
        else:
            self._counts['late_results'] += 1
            return True
        return False

    def answer(self, now, client, address, task_id):
        # type: (float, str, Any, str) -> Outcome | None
        """The outcome to answer its client with, who asks from ``address``; None where it needs none."""
        ending = self.get(now, task_id)
        if ending is None or ending.client != client:
            return None
        ending.asked_at = now
        if task_id in self._unclaimed.get(client, ()) and task_id not in self._telling:
            # One answer may be lost, and it may be an old copy that asks.
            self._tell_again(now, client, task_id, address)
            return None
        self._strike(client, task_id)
        self._resender.redirect(task_id, address)
        if ending.outcome is None:
            self._counts['submits_after_ack'] += 1
        return ending.outcome

    def acknowledge(self, now, sender, task_id):
        # type: (float, Sender, str) -> None
        """Its client knows. The rest is remembered for a while, to know old copies by."""
        ending = self.get(now, task_id)
        if ending is None or ending.client != sender.name or ending.outcome is None:
            return
        self._strike(ending.client, task_id)
        # A later life of the client does not wait for it, and stops us by the same message. It may also be a second
        # client that was given the same name: then the one that does wait must still find its outcome here.
        if task_id.startswith('%s:%s:' % (sender.name, sender.incarnation)):
            ending.outcome = None
            self._journal.told(now, task_id)
        if self._resender.end(task_id):
            self._move_to_memory(now, task_id)

    def claim(self, now, sender):
        # type: (float, Sender) -> None
        """A client was heard: tell it some of what it missed, if there is any, where it is now."""
        unclaimed = self._unclaimed.get(sender.name)
        if not unclaimed:
            return
        for task_id in list(islice(unclaimed, CLAIMED_AT_ONCE)):
            self._tell_again(now, sender.name, task_id, sender.address)

    def check_invariants(self):
        # type: () -> None
        """Raise ``BrokenInvariant`` where somebody should be told and is not."""
        for task_id, ending in self._telling.items():
            require(self._resender.is_timed(task_id), '%s: its client is not told', task_id)
            require(ending.outcome is not None, '%s: there is nothing to tell', task_id)
        require(len(self._resender) == len(self._telling), 'somebody is told of a task that is not over')
        for client, unclaimed in self._unclaimed.items():
            require(unclaimed, '%s has nothing to claim', client)
            for task_id in unclaimed:
                require(task_id in self._telling or task_id in self._remembered, '%s: nothing is kept of it', task_id)

    def _tell_again(self, now, client, task_id, address):
        # type: (float, str, str, Any) -> None
        """It was told in vain: once more from the beginning, to where its client is now."""
        self._strike(client, task_id)
        ending = self._telling.get(task_id) or self._remembered.take(now, task_id)  # type: Any
        if ending is None:
            return
        self._telling[task_id] = ending
        ending.asked_at = now
        self._counts['outcomes_claimed'] += 1
        self._resender.end(task_id)
        # Whoever claims it may have little time, and whoever asked for it may still have more.
        until = max(ending.tell_until, now + OUTCOME_GRACE_S)
        self._resender.begin(now, task_id, address, ending.outcome, until)

    def _refresh(self, now, task_id, outcome):
        # type: (float, str, Outcome) -> Outcome
        """It is told again. Whoever still does not answer is away."""
        ending = self._telling[task_id]
        if now - ending.asked_at > ABSENT_S:
            self._unclaimed.setdefault(ending.client, OrderedDict())[task_id] = None
        return outcome

    def _give_up(self, now, task_id):
        # type: (float, str) -> None
        """Nobody acknowledges it. The outcome is kept for whoever may still ask, or come back."""
        self._counts['outcomes_unacknowledged'] += 1
        self._unclaimed.setdefault(self._telling[task_id].client, OrderedDict())[task_id] = None
        self._move_to_memory(now, task_id)
        self._given_up()

    def _strike(self, client, task_id):
        # type: (str, str) -> None
        """It is not unclaimed, or not any more."""
        unclaimed = self._unclaimed.get(client)
        if unclaimed is not None:
            unclaimed.pop(task_id, None)
            if not unclaimed:
                del self._unclaimed[client]

    def _drop(self, now, task_id):
        # type: (float, str) -> None
        """It was remembered long enough."""
        self._strike(task_id.split(':', 1)[0], task_id)
        self._journal.forgotten(now, task_id)

    def _move_to_memory(self, now, task_id):
        # type: (float, str) -> None
        self._remembered.add(now, task_id, self._telling.pop(task_id))
