"""A world that repeats a recording: arrivals, durations, deaths, outages.

The rest is as in any other world of the scenario: the cores decide, the network draws from the streams of the seed.
"""

from __future__ import absolute_import, division, print_function

from calculator.outages import OutagePlan
from client.arrivals import Arrivals
from common import lengths
from net_protocol.rows import CALCULATOR, CLIENT, DISPATCHER
from planner.recording import HEARD, KILLED, RESUMED, START, SUSPENDED, TOLD_TO_STOP
from planner.world import MeasuredWorld
from simulator import scenario
from simulator.environment import Clock
from simulator.world import PORTS

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Tuple  # noqa: F401

    from planner.recorder import Recorder  # noqa: F401
    from planner.recording import Recording  # noqa: F401
    from simulator.process import Process  # noqa: F401


#: Act -> method of a running process. A start first ends the process of that name.
METHODS = {KILLED: 'kill', 'killed_at_commit': 'kill_at_commit', TOLD_TO_STOP: 'stop', SUSPENDED: 'suspend',
           RESUMED: 'resume', HEARD: 'beat', START: 'kill'}


class RecordedArrivals(Arrivals):
    """Tasks arrive at these times, independently of earlier tasks."""

    def __init__(self, settings, times):
        # type: (Dict[str, Any], List[float]) -> None
        super(RecordedArrivals, self).__init__(settings, None, len(times))
        self._is_closed_loop = False
        self._times = iter(times)

    def _plan(self, now):
        # type: (float) -> None
        self.next_at = next(self._times, None)


class RecordedOutages(OutagePlan):
    """``outages`` are (when, kind, duration). Outages are drawn too, without effect, so that a calculator wakes up as
    often as in the recorded run.
    """

    def __init__(self, settings, rng, outages):
        # type: (Dict[str, Any], Any, List[Tuple[float, str, float]]) -> None
        super(RecordedOutages, self).__init__(settings, rng)
        self._left = outages[::-1]
        self._is_drawn = settings['probability'] > 0

    @property
    def is_possible(self):
        # type: () -> bool
        return self._is_drawn or bool(self._left)

    def first_at(self, now):
        # type: (float) -> float
        return self._next(super(RecordedOutages, self).first_at(now))

    def next_at(self, now):
        # type: (float) -> float
        return self._next(super(RecordedOutages, self).next_at(now))

    def _next(self, drawn_at):
        # type: (float) -> float
        return min([drawn_at] + [outage[0] for outage in self._left[-1:]])

    def draw(self, now):
        # type: (float) -> Tuple[str, float] | None
        super(RecordedOutages, self).draw(now)
        return self._left.pop()[1:] if self._left and self._left[-1][0] <= now else None


class ReplayWorld(MeasuredWorld):
    """The world of a recording. ``settings`` are its scenario, possibly with changes."""

    def __init__(self, seed, settings, recorder, recording):
        # type: (int, Dict[str, Any], Recorder, Recording) -> None
        self._recording = recording
        super(ReplayWorld, self).__init__(seed, settings, recorder)

    def start(self):
        # type: () -> None
        # Other processes may start before the dispatcher, and know its address.
        self.names[DISPATCHER] = (DISPATCHER, PORTS[DISPATCHER])
        # Name -> the settings in which it differs. With fewer processes than recorded, the first ones run. Additional
        # ones start at once and run until the end.
        changes, more = {DISPATCHER: {}}, []  # type: Dict[str, Any], List[Any]
        for role in (CALCULATOR, CLIENT):
            names = self._recording.names[role]
            for number, (name, change) in enumerate(scenario.members(self.settings, role)):
                if number < len(names):
                    changes[names[number]] = change
                else:
                    more.append((START, role, 'more-%s' % name, {}, change))
        for at, what, role, name, facts in self._recording.acts:
            if name in changes:
                self.agenda.at(at, self._repeat, (what, role, name, facts, changes[name]))
        for act in more:
            self.agenda.at(0, self._repeat, act)

    def _repeat(self, act):
        # type: (Any) -> None
        what, role, name, facts, changes = act
        for process in self.running(role):
            if process.name == name and not process.is_clone:
                act = getattr(process, METHODS[what])
                act(*([] if what == START else facts.values()))
        if what == START and role == DISPATCHER:
            self.start_dispatcher(facts.get('host'))
        elif what == START:
            start = self.start_calculator if role == CALCULATOR else self.start_client
            start(name, facts.get('host'), **changes)

    def start_dispatcher(self, host=None):
        # type: (str | None) -> Process
        process = super(ReplayWorld, self).start_dispatcher(host)
        calculators = process.core.calculators  # type: Any
        take_for = calculators.take_for

        def take_recorded_for(task, queue=None):
            # type: (Any, Any) -> Any
            wanted = calculators.by_name.get(self._recording.calculators.get((task.task_id, task.attempt + 1)))
            if queue is None and wanted is not None and wanted.is_queued and wanted.is_available:
                calculators.queue.remove(wanted)
                calculators.queue.appendleft(wanted)
            return take_for(task, queue)
        calculators.take_for = take_recorded_for
        return process

    def _arrivals(self, name, number, settings):
        # type: (str, int, Dict[str, Any]) -> Arrivals
        began = self._recording.began.get((name, number))
        if began is None:
            return super(ReplayWorld, self)._arrivals(name, number, settings)
        if lengths.longest(settings['task_interval_s']) == 0:
            # A closed loop: the client sends the next task after each answer.
            return Arrivals(settings, None, began.get('tasks_max'))
        return RecordedArrivals(settings, self._recording.arrivals[name, number])

    def _outages(self, name, number, settings):
        # type: (str, int, Dict[str, Any]) -> OutagePlan
        return RecordedOutages(settings['outage'], self.stream('outages', name, number),
                               self._recording.outages.get((name, number), []))

    def _durations(self, name, settings):
        # type: (str, Dict[str, Any]) -> Callable[[str, int], float]
        return lambda task_id, attempt: self._recording.draw_duration_s(
            self.stream('length', task_id, attempt).random, name, task_id, attempt, settings)

    def _incarnation(self, name, number):
        # type: (str, int) -> str
        began = self._recording.began.get((name, number))
        # Task ids contain it.
        return super(ReplayWorld, self)._incarnation(name, number) if began is None else began['incarnation']

    def _clock(self, name):
        # type: (str) -> Clock
        pace = self._recording.began.get((name, self._starts[name]), {}).get('pace', 1.0)
        return Clock(self.agenda, pace, self._recording.origin)
