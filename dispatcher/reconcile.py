"""Holding a calculator's heartbeat against the dispatcher's books.

A heartbeat names all that its sender runs and all results it could not report yet. Messages cross on the way, so an
absence means something only where the assignment was acknowledged in a datagram that was sent before the heartbeat.
"""

from __future__ import absolute_import, division, print_function

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

    from dispatcher.calculators import Calculator  # noqa: F401
    from dispatcher.tasks import Attempt  # noqa: F401
    from net_protocol.messages import Heartbeat  # noqa: F401


class Beat(object):
    """All pages of one heartbeat. ``number`` is that of the earliest of its datagrams."""

    __slots__ = ('number', 'running', 'unreported')

    def __init__(self, number, running, unreported):
        # type: (int, Dict[str, int], Dict[str, int]) -> None
        self.number = number
        self.running = running
        self.unreported = unreported


def collect(calculator, number, message):
    # type: (Calculator, int, Heartbeat) -> Beat | None
    """Keep one page; the whole heartbeat once all its pages are here, else None.

    ``number`` is that of the page's datagram. A heartbeat that is older than another one, or than an answer that came
    from its sender, is None too: what it says is overtaken.
    """
    if message.sequence < calculator.sequence or number < calculator.newest_number or message.page > message.pages:
        return None
    if message.sequence > calculator.sequence:
        calculator.pages = {}
        calculator.sequence = message.sequence
    calculator.pages[message.page] = (number, message)
    if len(calculator.pages) < message.pages:
        return None
    pages = list(calculator.pages.values())
    calculator.pages = {}
    running = {}  # type: Dict[str, int]
    unreported = {}  # type: Dict[str, int]
    for _, page in pages:
        running.update(page.running)
        unreported.update(page.unreported)
    return Beat(min(page_number for page_number, _ in pages), running, unreported)


def missing(calculator, beat):
    # type: (Calculator, Beat) -> List[Attempt]
    """The attempts in its book that it should hold and does not."""
    return [
        attempt for task_id, attempt in sorted(calculator.attempts.items())
        if task_id not in beat.running and task_id not in beat.unreported
        and attempt.acknowledged_by is not None and attempt.acknowledged_by < beat.number]


def confirmed(calculator, beat):
    # type: (Calculator, Beat) -> List[Attempt]
    """The attempts in its book whose acknowledgement got lost, or is late: it names them, so it has them."""
    return [
        attempt for task_id, attempt in sorted(calculator.attempts.items())
        if attempt.acknowledged_by is None
        and attempt.number in (beat.running.get(task_id), beat.unreported.get(task_id))]


def surplus(calculator, beat):
    # type: (Calculator, Beat) -> List[Tuple[str, int]]
    """What it runs that is not in its book: ``(task id, attempt number)``."""
    return [(task_id, number) for task_id, number in sorted(beat.running.items())
            if task_id not in calculator.attempts]
