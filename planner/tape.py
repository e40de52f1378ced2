"""The recording of a simulated run: the events of all its processes, one process after the other, in one file.

The lines are those of the event files of real processes. Faults of processes (kills, suspensions) are events too. The
first line has the scenario and the seed, which determines the delays and losses of datagrams.
"""

from __future__ import absolute_import, division, print_function

from common import lengths
from net_protocol import __version__

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterator, List, Tuple  # noqa: F401

    from planner.world import MeasuredProcess  # noqa: F401

#: Faults that cannot be recorded.
NOT_RECORDED = ('poison_s', 'clone_s', 'disk_s', 'other_journal', 'wall_step')


def not_recorded(faults):
    # type: (Dict[str, Any]) -> str | None
    """The key of a fault in this block of a scenario that a recording cannot hold, or None."""
    for key in NOT_RECORDED:
        value = faults[key]
        if lengths.longest(value) if lengths.is_length(value) else value:
            return key
    return None


class Tape(object):
    """The events of a world, collected while it runs."""

    def __init__(self, seed, settings):
        # type: (int, Dict[str, Any]) -> None
        self._first = {'seed': seed, 'scenario': lengths.plain(settings), 'version': __version__}
        self._parts = []  # type: List[List[Tuple[float, str, Dict[str, Any]]]]
        self._part_of = {}  # type: Dict[MeasuredProcess, Any]

    def begin(self, process, settings):
        # type: (MeasuredProcess, Dict[str, Any]) -> None
        self._parts.append([])
        self._part_of[process] = self._parts[-1]
        self.write(process, process.environment.agenda.now, 'began', {
            'name': process.name, 'incarnation': process.incarnation, 'address': process.address,
            'version': __version__, 'role': process.role, 'settings': lengths.plain(settings),
            'pace': process.clock.pace})

    def write(self, process, time, kind, facts):
        # type: (MeasuredProcess, float, str, Dict[str, Any]) -> None
        """Add an event of a process, or an act on it."""
        self._part_of[process].append((time, kind, facts))

    def events(self):
        # type: () -> Iterator[Tuple[float, str, Dict[str, Any]]]
        """(time, kind, facts) of each line."""
        yield 0.0, 'simulated', self._first
        for part in self._parts:
            for event in part:
                yield event
