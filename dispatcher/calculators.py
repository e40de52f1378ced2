"""What the dispatcher knows of one calculator: its state, its lives, and the book of what it was given."""

from __future__ import absolute_import, division, print_function

from dispatcher.tally import CalculatorTally
from net_protocol.lives import Lives
from net_protocol.states import Stateful

MYPY = False
if MYPY:
    from typing import Any, Dict, Tuple  # noqa: F401

    from dispatcher.tasks import Attempt  # noqa: F401
    from net_protocol.messages import Heartbeat  # noqa: F401

ALIVE = 'alive'
SUSPECT = 'suspect'
DEAD = 'dead'
LEFT = 'left'
STATES = (ALIVE, SUSPECT, DEAD, LEFT)


class Calculator(Stateful):
    """One calculator, over all its lives.

    ``attempts`` are the live attempts it was given (task id -> Attempt): each of them is some task's live attempt.
    ``others`` is what it says it runs beyond them (task id -> (attempt number, since when we know)): attempts that
    timed out, that an earlier life of the dispatcher gave, or that nobody waits for any more. They occupy its places
    as well.
    """

    __slots__ = ('name', 'lives', 'address', 'interval_s', 'capacity', 'draining', 'last_heard_at', 'deaf_before_s',
                 'changed_at', 'attempts', 'others', 'newest_number', 'sequence', 'unreachable_since',
                 'full_until_beat', 'pages', 'former_beat', 'newest_beat', 'tally')

    TRANSITIONS = {
        ALIVE: {'fall_silent': SUSPECT, 'lose_touch': SUSPECT, 'die': DEAD, 'leave': LEFT, 'begin_life': ALIVE},
        SUSPECT: {'recover': ALIVE, 'die': DEAD, 'leave': LEFT, 'begin_life': ALIVE},
        DEAD: {'recover': ALIVE, 'leave': LEFT, 'begin_life': ALIVE},
        LEFT: {'begin_life': ALIVE},
    }

    def __init__(self, name, now):
        # type: (str, float) -> None
        super(Calculator, self).__init__(DEAD)
        self.name = name
        self.lives = Lives()
        self.address = None  # type: Any
        self.interval_s = 1.0
        self.capacity = 1
        self.draining = False
        self.last_heard_at = now
        self.deaf_before_s = 0.0
        self.changed_at = now
        self.tally = CalculatorTally()
        self.attempts = {}  # type: Dict[str, Attempt]
        self.others = {}  # type: Dict[str, Tuple[int, float]]
        # The last heartbeat of a life that is taken for a former one: (incarnation, sequence), or None.
        self.former_beat = None  # type: Tuple[str, int] | None
        self.forget_life()

    def forget_life(self):
        # type: () -> None
        """Nothing is known of the life that begins."""
        self.others.clear()
        # The highest number of a datagram of this life that brought an answer (an older heartbeat is overtaken by it),
        # and the sequence of the newest heartbeat.
        self.newest_number = 0
        self.sequence = 0
        # The newest heartbeat of all, also where its lists were overtaken by an answer.
        self.newest_beat = 0
        # The sequence that was the newest when we lost touch: only the acknowledgement of a later heartbeat, echoed
        # back, proves that we can reach it again. None while in touch.
        self.unreachable_since = None  # type: int | None
        # It counts as full until its next whole heartbeat tells what it really holds: in a new life, when it comes
        # back from the dead, and after it turned an assignment down.
        self.full_until_beat = True
        # The pages of the newest heartbeat that are here: page -> (number of its datagram, message).
        self.pages = {}  # type: Dict[int, Tuple[int, Heartbeat]]

    @property
    def incarnation(self):
        # type: () -> str
        """Its present life."""
        return self.lives.current or ''

    @property
    def free(self):
        # type: () -> int
        """Places for further attempts, as far as the books say."""
        return self.capacity - len(self.attempts) - len(self.others)

    @property
    def is_available(self):
        # type: () -> bool
        """Whether it may be given a task now."""
        return self.state == ALIVE and not self.draining and not self.full_until_beat and self.free > 0

    def live_attempt(self, message):
        # type: (Any) -> Attempt | None
        """The live attempt that its answer is about, or None where it is about none."""
        attempt = self.attempts.get(message.task_id)
        return attempt if attempt is not None and attempt.number == message.attempt else None

    def describe(self):
        # type: () -> str
        return 'calculator %s' % self.name
