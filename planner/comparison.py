"""Compares a recorded run with its replay: outcomes and response times."""

from __future__ import absolute_import, division, print_function

from math import ceil

from common.words import counted
from net_protocol.rows import DONE
from planner.measures import MEAN, QUANTILES
from planner.replication import run, world_of

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from planner.recording import Recording  # noqa: F401

#: A run is reproduced if outcomes differ only within ``NEAR_S`` of a deadline, and quantiles by at most these shares.
NEAR_S = 0.1
TOLERANCES = (('p50', 0.05), ('p99', 0.1))

#: How many tasks with another outcome are shown.
SHOWN_MAX = 10


class Comparison(object):
    """Replays ``recording`` with ``settings``, a complete scenario. Raises the exceptions of the world."""

    def __init__(self, recording, settings, seed):
        # type: (Recording, Dict[str, Any], int) -> None
        world = world_of(seed, dict(settings, recording=recording))
        run(world)
        tasks = world.recorder.tasks
        #: Task id -> [its end in the recording, its end in the replay], if they differ.
        self.differing = {}  # type: Dict[str, Any]
        self.tasks = self.near_deadline = 0
        columns = [], []  # type: Any
        ends = {}, {}  # type: Any
        for task_id, (end, intended_at, ended_at, deadline_at) in recording.ends.items():
            task = tasks.get(task_id)
            if intended_at >= settings['duration_s']:
                continue
            self.tasks += 1
            replayed = (None, 0.0, 0.0) if task is None else (task.end, task.intended_at, task.ended_at)  # type: Any
            for place, (one, since, until) in enumerate(((end, intended_at, ended_at), replayed)):
                ends[place][one] = ends[place].get(one, 0) + 1
                if one == DONE:
                    columns[place].append(until - since)
            if replayed[0] != end:
                self.differing[task_id] = [end, replayed[0]]
                if min(abs(ended_at - deadline_at), abs((replayed[2] or 0.0) - deadline_at)) <= NEAR_S:
                    self.near_deadline += 1
        self.recorded, self.replayed = [dict(_times(times), ends=end) for times, end in zip(columns, ends)]

    @property
    def is_reproduced(self):
        # type: () -> bool
        """Whether the replay is the recorded run, within the tolerances."""
        if len(self.differing) > self.near_deadline:
            return False
        pairs = [(self.recorded[name], self.replayed[name], share) for name, share in TOLERANCES]
        return all(one == other or None not in (one, other) and abs(other - one) <= share * one
                   for one, other, share in pairs)

    def as_dict(self):
        # type: () -> Dict[str, Any]
        return {'tasks': self.tasks, 'recorded': self.recorded, 'replayed': self.replayed,
                'differing': self.differing, 'near_deadline': self.near_deadline, 'reproduced': self.is_reproduced}

    def as_lines(self):
        # type: () -> List[str]
        lines = ['%-22s%12s%12s' % ('', 'recorded', 'replayed')]
        for name in (MEAN,) + tuple(name for name, _ in QUANTILES):
            pair = [self.recorded[name], self.replayed[name]]
            shown = ['-' if seconds is None else '%.4f' % seconds for seconds in pair]
            change = '' if None in pair or not pair[0] else '%+11.2f %%' % (100 * (pair[1] / pair[0] - 1))
            lines.append('response time, s  %-4s%12s%12s%s' % ((name,) + tuple(shown) + (change,)))
        for end in sorted(set(self.recorded['ends']) | set(self.replayed['ends']), key=str):
            numbers = [one['ends'].get(end, 0) for one in (self.recorded, self.replayed)]
            lines.append('%-22s%12d%12d' % (end or 'never sent', numbers[0], numbers[1]))
        number = len(self.differing)
        lines.append('%d of %s ended as recorded%s' % (
            self.tasks - number, counted(self.tasks, 'tasks'), '; of the others, %d within %g s of a deadline' % (
                self.near_deadline, NEAR_S) if number else ''))
        lines += ['  %s: %s recorded, %s replayed' % ((task_id,) + tuple(self.differing[task_id]))
                  for task_id in sorted(self.differing)[:SHOWN_MAX]]
        return lines + ['The run is %sreproduced.' % ('' if self.is_reproduced else 'not ')]


def _times(times):
    # type: (List[float]) -> Dict[str, Any]
    """Mean and quantiles, by nearest rank; None for no times."""
    times = sorted(times)
    found = {MEAN: sum(times) / len(times) if times else None}  # type: Dict[str, Any]
    found.update([(name, times[max(0, int(ceil(share * len(times))) - 1)] if times else None)
                  for name, share in QUANTILES])
    return found
