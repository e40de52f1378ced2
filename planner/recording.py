"""A recorded run, read from event files: arrivals, durations of attempts, deaths, outages, restarts.

Each process has its own file. For calculators without a file the dispatcher's is used: it has the time from each
assignment to its result, and when each calculator was heard last, was heard again, or returned.
"""

from __future__ import absolute_import, division, print_function

from bisect import bisect_right

from calculator.settings import SETTINGS as CALCULATOR_SETTINGS
from common import lengths
from dispatcher.fleet import HINT_PING_S, HINT_PINGS
from net_protocol.rows import CALCULATOR, CLIENT, DISPATCHER, DONE
from simulator import scenario

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Sequence, Tuple  # noqa: F401

#: Role -> kinds of events that only processes of this role write.
KINDS = {CLIENT: ('sent', 'answered', 'unanswered'), CALCULATOR: ('taken', 'let_go', 'out_of_order', 'in_order'),
         DISPATCHER: ('accepted', 'assigned', 'done', 'reassigned', 'registered', 'returned', 'died')}

#: Events in the recording of a simulation: what was done to processes.
ACTS = ('killed', 'killed_at_commit', 'told_to_stop', 'suspended', 'resumed')
KILLED, TOLD_TO_STOP, SUSPENDED, RESUMED = 'killed', 'told_to_stop', 'suspended', 'resumed'
#: Further acts of a replay: start a process, let a calculator send a heartbeat.
START, HEARD = 'start', 'heard'

#: The faults of a scenario that a replay does not draw: it repeats the recorded ones.
ACTED = ('calculator_crash_s', 'dispatcher_crash_s', 'client_crash_s', 'stop_s', 'freeze_s')

#: The settings whose drawn values are recorded one by one.
FROM_RECORDING = frozenset(['task_interval_s', 'task_duration_s', 'outage'])

#: Why the dispatcher suspects a calculator after ICMP errors, which Linux sends at once for a killed process.
NOT_LISTENING = 'no process listens at its address'
LINUX = {'icmp': 1}
#: How long the dispatcher takes from the first ICMP error to the suspicion, and a little more.
FOUND_AFTER_S = HINT_PINGS * HINT_PING_S + 0.05

#: Two monotonic clocks are of different machines if their offsets from the time of day differ by more.
CLOCKS_AGREE_S = 1.0

#: The assumed time from the kill of a process to its next start, if the files do not tell it.
AWAY_S = 0.2

#: A heartbeat leaves within this time.
TURN_S = 0.001

#: A dispatcher is dead if clients go on for longer after its last event. Copies of files end closer together.
SILENT_S = 2.0


class RecordingError(ValueError):
    """The event files are no recording; the text is one line that says why."""


class Incarnation(object):
    """One process from its start to its end: the facts of its ``began``, and its events after that."""

    def __init__(self, path, began):
        # type: (str, Any) -> None
        facts = began.facts
        if 'settings' not in facts or 'role' not in facts:
            raise RecordingError('%s: it has no settings: it was recorded by version %s' % (path, facts.get('version')))
        self.path = path
        self.facts = facts
        self.role = facts['role']
        self.name = DISPATCHER if self.role == DISPATCHER else facts['name']
        self.began_at = began.time
        self.events = []  # type: List[Any]

    def shift(self, seconds):
        # type: (float) -> None
        """Add ``seconds`` to all times: its clock is behind."""
        self.began_at += seconds
        for event in self.events:
            event.time += seconds
            if 'intended_at' in event.facts:
                event.facts['intended_at'] += seconds

    @property
    def has_stopped(self):
        # type: () -> bool
        return bool(self.events) and self.events[-1].kind == 'stopped'

    @property
    def ended_at(self):
        # type: () -> float
        """The time of its last event."""
        return self.events[-1].time if self.events else self.began_at

    def of_kind(self, *kinds):
        # type: (*str) -> List[Any]
        return [event for event in self.events if event.kind in kinds]


class Recording(object):
    """``files`` are pairs (path, events). ``around`` are the blocks of a scenario that are in no event file, as
    ``network``. Times are those of the process clocks; virtual time 0 is at ``origin``.
    """

    def __init__(self, files, around):
        # type: (List[Tuple[str, List[Any]]], Dict[str, Any]) -> None
        self._around = around
        self._first = None  # type: Any
        found = [one for path, events in files for one in self._split(path, events)]
        #: The seed of a simulation, else None.
        self.seed = None if self._first is None else self._first['seed']  # type: int | None
        _check(found)
        if self.seed is None:
            _align(found)
        found.sort(key=lambda one: one.began_at)
        if self.seed is None:
            _check_tasks(found)
        self.origin = 0.0 if self.seed is not None else found[0].began_at
        # (role, name) -> its incarnations.
        by_name = {}  # type: Dict[Tuple[str, str], List[Incarnation]]
        for one in found:
            by_name.setdefault((one.role, one.name), []).append(one)
        dispatchers = by_name[DISPATCHER, DISPATCHER]
        self.watched = [event for one in dispatchers for event in one.events]
        # Name of a calculator -> events of the dispatcher about it.
        self._noticed = {}  # type: Dict[str, List[Any]]
        for event in self.watched:
            if event.kind in ('registered', 'returned', 'suspected', 'died', 'recovered', 'left'):
                self._noticed.setdefault(event.facts['calculator'], []).append(event)
        #: (virtual time, what, role, name, facts) of each act on a process.
        self.acts = []  # type: List[Tuple[float, str, str, str, Dict[str, Any]]]
        #: (name, number of the start) -> the facts of ``began``; the arrival times of tasks; (when, kind, duration) of
        #: outages. Name -> (from, until) of each silence after which a calculator continued.
        self.began = {}  # type: Dict[Tuple[str, int], Any]
        self.arrivals = {}  # type: Dict[Tuple[str, int], List[float]]
        self.outages = {}  # type: Dict[Tuple[str, int], List[Tuple[float, str, float]]]
        self._away = {}  # type: Dict[str, List[Tuple[float, float]]]
        for one in found:
            ones = by_name[one.role, one.name]
            number = ones.index(one) + 1
            self.began[one.name, number] = dict(one.facts, settings=None)
            self.arrivals[one.name, number] = [event.facts.get('intended_at', event.time)
                                               for event in one.of_kind('sent')]
            self.outages[one.name, number] = self._outages(one)
            self._away.setdefault(one.name, []).extend(
                [(at, at + duration_s) for at, _, duration_s in self.outages[one.name, number]])
            self._add_acts(one, ones[number] if number < len(ones) else None, found)
        strangers = [] if self.seed is not None else self._add_calculators_without_file(by_name)
        # Acts of the same time keep the order of their files.
        self.acts.sort(key=lambda act: act[0])
        self.settings, self.names = self._scenario(by_name, strangers)
        self._note_durations(found)
        self._note_ends(found)
        del self.watched, self._first, self._noticed, self._around, self._away

    def _split(self, path, events):
        # type: (str, List[Any]) -> List[Incarnation]
        """The incarnations in a file."""
        found = []  # type: List[Incarnation]
        for event in events:
            kind = event.kind
            if kind == 'simulated':
                if self._first is not None:
                    raise RecordingError('%s: a recording of the simulator is one file' % path)
                self._first = event.facts
            elif kind == 'began':
                found.append(Incarnation(path, event))
            elif not found:
                raise RecordingError('%s: its first line is not the start of a process ("began")' % path)
            elif kind == 'events_dropped':
                raise RecordingError('%s: %d events were dropped, because a pipe was full; record to a file' % (
                    path, event.facts['number']))
            else:
                for role, kinds in KINDS.items():
                    if kind in kinds and role != found[-1].role:
                        raise RecordingError('%s: an event of a %s ("%s") after the start of a %s: have two processes '
                                             'written into one file?' % (path, role, kind, found[-1].role))
                found[-1].events.append(event)
        if not found:
            raise RecordingError('%s: there are no events in it' % path)
        return found

    # What happened to processes.

    def virtual(self, when, pace=1.0):
        # type: (float, float) -> float
        """The virtual time at which a clock shows ``when``."""
        return (when - self.origin) / pace

    def _act(self, when, what, role, name, **facts):
        # type: (float, str, str, str, **Any) -> None
        self.acts.append((max(0.0, when - self.origin), what, role, name, facts))

    def _add_acts(self, one, following, found):
        # type: (Incarnation, Incarnation | None, List[Incarnation]) -> None
        """``following`` is the next incarnation of that name."""
        role, name = one.role, one.name
        if self.seed is not None:
            self._act(one.began_at, START, role, name, host=one.facts['address'][0])
            for event in one.of_kind(*ACTS):
                self._act(event.time, event.kind, role, name, **event.facts)
            return
        self._act(one.began_at, START, role, name)
        for event in one.of_kind('draining'):
            self._act(event.time, TOLD_TO_STOP, role, name)
        if one.has_stopped:
            return
        if role == CALCULATOR:
            missed = _missed(self._noticed.get(name, ()), one.ended_at, float('inf') if following is None else
                             following.began_at)
            if missed is not None:
                self._silence(name, max(one.ended_at, _gone_at(missed)), missed)
                return
        is_over = following is None and (
            role != DISPATCHER or max([other.ended_at for other in found]) < one.ended_at + SILENT_S)
        if not is_over:
            died_at = one.ended_at if role == DISPATCHER else max(
                one.ended_at, following.began_at - AWAY_S)  # type: ignore[union-attr]
            self._act(died_at, KILLED, role, name)

    def _silence(self, name, at, missed):
        # type: (str, float, Any) -> None
        """A calculator is silent from ``at`` on. The dispatcher noticed it in the event ``missed``."""
        if missed.facts.get('why') == NOT_LISTENING:
            # The system reports this only for a process that has ended.
            self._act(at, KILLED, CALCULATOR, name)
        else:
            # A heartbeat, so that the silence begins here and not at the last one before.
            self._act(at - TURN_S, HEARD, CALCULATOR, name)
            self._act(at, SUSPENDED, CALCULATOR, name)

    def _outages(self, one):
        # type: (Incarnation) -> List[Tuple[float, str, float]]
        """When a calculator went out of order, how, and for how long."""
        found = []
        for event in one.of_kind('out_of_order'):
            at, until = event.time, event.time + event.facts['duration_s']
            missed = _missed(self._noticed.get(one.name, ()), at, until)
            if self.seed is None and missed is not None and _gone_at(missed) < at:
                # Its heartbeats have another phase in a replay. With this one, the silence begins as recorded.
                self._act(_gone_at(missed), HEARD, CALCULATOR, one.name)
            found.append((at, event.facts['outage'], until - at))
        return found

    def _add_calculators_without_file(self, by_name):
        # type: (Dict[Any, Any]) -> List[Tuple[str, Dict[str, Any]]]
        """Returns the names and settings of calculators without a file."""
        found = []
        for name in sorted(self._noticed):
            facts = self._noticed[name][0].facts
            if (CALCULATOR, name) not in by_name and 'capacity' in facts:
                made = dict(CALCULATOR_SETTINGS.default, capacity=facts['capacity'],
                            heartbeat_interval_s=facts['heartbeat_interval_s'])
                found.append((name, dict(made, outage=dict(made['outage'], probability=0))))
                self._act(self._noticed[name][0].time, START, CALCULATOR, name)
                self._follow(name)
        return found

    def _follow(self, name):
        # type: (str) -> None
        """Guess what happened to a calculator from the dispatcher's events."""
        gone_at = None  # type: float | None
        for event in self._noticed[name][1:]:
            kind, at = event.kind, event.time
            if kind in ('suspected', 'died') and gone_at is None:
                gone_at = _gone_at(event)
                self._silence(name, gone_at, event)
            elif kind == 'recovered' and gone_at is not None:
                self._act(at, RESUMED, CALCULATOR, name)
                self._away.setdefault(name, []).append((gone_at, at))
                gone_at = None
            elif kind == 'returned':
                # The start ends a process of that name that still runs.
                self._act(at, START, CALCULATOR, name)
                gone_at = None
            elif kind == 'left':
                self._act(at, TOLD_TO_STOP, CALCULATOR, name)

    # The scenario.

    def _scenario(self, by_name, strangers):
        # type: (Dict[Any, List[Incarnation]], Any) -> Tuple[Dict[str, Any], Dict[str, List[str]]]
        """The complete scenario, and the names of its clients and calculators."""
        if self._first is not None:
            made = lengths.from_plain(self._first['scenario'])  # type: Dict[str, Any]
            made['faults'].update([(key, [0, 0]) for key in ACTED])
            made.update(self._around, events=[])
            names = {role: [name for name, _ in scenario.members(made, role)] for role in (CLIENT, CALCULATOR)}
            return scenario.SETTINGS.checked(made), names
        members = {CLIENT: [], CALCULATOR: list(strangers)}  # type: Dict[str, List[Tuple[str, Any]]]
        for (role, name), ones in sorted(by_name.items(), key=lambda pair: (pair[1][0].began_at, pair[0])):
            settings = _alike(lengths.from_plain(ones[0].facts['settings']))
            if role == DISPATCHER:
                dispatcher = settings
            else:
                members[role].append((name, settings))
        last = max([one.ended_at for (role, _), ones in by_name.items() if role == CLIENT for one in ones])
        made = dict({'network': LINUX}, **self._around)
        made.update(duration_s=max(1.0, last - self.origin), dispatcher=dispatcher)
        for role, pairs in members.items():
            made[role + 's'], block = _grouped([settings for _, settings in pairs])
            if block is not None:
                made[role] = block
        return scenario.SETTINGS.checked(made), {role: [name for name, _ in pairs] for role, pairs in members.items()}

    # Tasks.

    def _note_durations(self, found):
        # type: (List[Incarnation]) -> None
        #: (task id, attempt) -> its duration. For a lost attempt: (calculator, time until it was lost).
        self.durations = {}  # type: Dict[Tuple[str, int], float]
        self._lost = {}  # type: Dict[Tuple[str, int], Tuple[str, float]]
        for one in found:
            for event in one.of_kind('taken'):
                facts = event.facts
                if facts['duration_s'] is not None:
                    self.durations[facts['task_id'], facts['attempt']] = facts['duration_s']
        # A replay adds the delays of the network itself.
        ways_s = 2 * lengths.mean(self.settings['network']['delay_s'])
        #: (task id, attempt) -> its calculator. Which of several free calculators gets a task depends on microseconds,
        #: so a replay repeats the choice if possible. The replay of a simulation does so without this.
        self.calculators = {}  # type: Dict[Tuple[str, int], str]
        given = {}  # type: Dict[Tuple[str, str], Tuple[int, float]]
        for event in self.watched:
            facts, kind = event.facts, event.kind
            if kind == 'assigned':
                given[facts['task_id'], facts['calculator']] = facts['attempt'], event.time
                if self.seed is None:
                    self.calculators[facts['task_id'], facts['attempt']] = facts['calculator']
            elif kind in ('done', 'reassigned'):
                attempt, since = given.pop((facts['task_id'], facts['calculator']), (0, 0.0))
                name, until, key = facts['calculator'], event.time, (facts['task_id'], attempt)
                if kind == 'reassigned':
                    self._lost[key] = name, until - since
                elif self.seed is None and attempt:
                    self.durations[key] = self._worked_s(name, since, until, self.durations.get(key), ways_s)
        self._drawn = sorted(self.durations.values())

    def _worked_s(self, name, since, until, planned_s, ways_s):
        # type: (str, float, float, float | None, float) -> float
        """How long an attempt took that was assigned at ``since`` and done at ``until``; ``planned_s`` in its file."""
        for begin, end in self._away.get(name, ()):
            if begin < until and since < end:
                if planned_s is not None:
                    return planned_s
                # It was suspended, and its clock continued. A task that was sent meanwhile began after that.
                since = end if begin < since else since
        # On a busy machine this is longer than planned.
        return max(0.0, until - since - ways_s)

    def draw_duration_s(self, random, name, task_id, attempt, settings):
        # type: (Any, str, str, int, Dict[str, Any]) -> float
        """The duration of an attempt on a calculator. If it is not recorded, it is drawn from all recorded durations;
        if it was lost on this calculator, from those that are longer than the time until then.
        """
        known = self.durations.get((task_id, attempt))
        if known is not None:
            return known
        if not self._drawn:
            return lengths.draw(random, settings['task_duration_s'])
        lost_on, least_s = self._lost.get((task_id, attempt), (None, 0.0))
        first = bisect_right(self._drawn, least_s) if lost_on == name else 0
        least_s = least_s if lost_on == name else 0.0
        if first == len(self._drawn):
            return least_s + self._drawn[int(random() * first)]
        return self._drawn[first + int(random() * (len(self._drawn) - first))]

    def _note_ends(self, found):
        # type: (List[Incarnation]) -> None
        #: Task id -> (its end, when it was to be sent, when it ended, its deadline), in virtual time.
        self.ends = {}  # type: Dict[str, Tuple[str, float, float, float]]
        for one in found:
            pace = one.facts.get('pace', 1.0)
            sent = {}  # type: Dict[str, Tuple[float, float]]
            for event in one.events:
                facts, at = event.facts, event.time
                task_id = facts.get('task_id')
                if event.kind == 'sent':
                    sent[task_id] = facts.get('intended_at', at), at + one.facts['settings']['task_timeout_s']
                elif one.role == CLIENT and task_id in sent:
                    self.ends[task_id] = (facts.get('outcome', DONE), self.virtual(sent[task_id][0], pace),
                                          self.virtual(at, pace), self.virtual(sent[task_id][1], pace))


def _check(found):
    # type: (List[Incarnation]) -> None
    """Raise ``RecordingError`` unless these processes can be one run."""
    roles = {}  # type: Dict[str, str]
    paths = {}  # type: Dict[Any, str]
    for one in found:
        key = (one.role, one.name, one.facts['incarnation'])
        if key in paths:
            raise RecordingError('%s and %s: both have the %s %s (%s)' % ((paths[key], one.path) + key))
        paths[key] = one.path
        if roles.setdefault(one.name, one.role) != one.role:
            raise RecordingError('%s: "%s" is the name of a %s too' % (one.path, one.name, roles[one.name]))
    for role in (DISPATCHER, CLIENT):
        if not any(one.role == role for one in found):
            raise RecordingError('%s: none of these files is that of a %s' % (found[0].path, role))


def _check_tasks(found):
    # type: (List[Incarnation]) -> None
    """Raise ``RecordingError`` unless dispatcher and clients have the same tasks. Files that were copied from running
    processes may end within ``SILENT_S`` of each other; a file that ends earlier is cut off.
    """
    clients = {(one.name, one.facts['incarnation']): one for one in found if one.role == CLIENT}
    sent, accepted = set(), {}  # type: Any, Dict[str, float]
    for one in found:
        sent.update([event.facts['task_id'] for event in one.of_kind('sent')])
        if one.role == DISPATCHER:
            accepted.update([(event.facts['task_id'], event.time) for event in one.of_kind('accepted')])
            watched_until = one.ended_at
    for task_id, at in sorted(accepted.items()):
        # A task id is 'name:incarnation:number'.
        client = clients.get(tuple(task_id.rsplit(':', 2)[:2]))  # type: ignore[arg-type]
        if client is None:
            raise RecordingError('the dispatcher has tasks of the client %s (%s), whose file is missing' % tuple(
                task_id.rsplit(':', 2)[:2]))
        if task_id not in sent and not 0 < at - client.ended_at < SILENT_S:
            raise RecordingError('%s: the task %s is not in it: it is cut off, or of another run' % (
                client.path, task_id))
    for one in found:
        for event in one.of_kind('answered'):
            if event.facts['task_id'] not in accepted and not 0 < event.time - watched_until < SILENT_S:
                raise RecordingError('%s: the dispatcher does not know the task %s: its file is cut off, or of another '
                                     'run' % (one.path, event.facts['task_id']))


def _align(found):
    # type: (List[Incarnation]) -> None
    """Shift the clocks of other machines to that of the dispatcher, by the time of day."""
    offset = [one.facts['unix_time'] - one.began_at for one in found if one.role == DISPATCHER][0]
    for one in found:
        shift_s = one.facts['unix_time'] - one.began_at - offset
        if abs(shift_s) > CLOCKS_AGREE_S:
            one.shift(shift_s)


def _missed(about, since, until):
    # type: (Sequence[Any], float, float) -> Any
    """The event by which the dispatcher noticed between ``since`` and ``until`` that a calculator had ended."""
    found = None
    for event in about:
        if since <= event.time < until:
            if event.kind in ('suspected', 'died') and found is None:
                found = event
            elif event.kind == 'recovered':
                found = None
    return found


def _gone_at(event):
    # type: (Any) -> float
    """When the calculator of an event ``suspected`` or ``died`` went silent."""
    heard_at = event.time - event.facts['silence_s']
    if event.facts.get('why') == NOT_LISTENING:
        # The first datagram to it after its death caused the report.
        return max(heard_at, event.time - FOUND_AFTER_S)
    return heard_at


def _alike(settings):
    # type: (Dict[str, Any]) -> Dict[str, Any]
    """The settings without names, addresses and functions, which have no effect in a simulation."""
    made = dict(settings, name=None)
    if 'work' in made:
        made['work'] = None
    if 'dispatcher' in made:
        made['dispatcher'] = scenario.SETTINGS.default['client']['dispatcher']
    if 'listen' in made:
        made['listen'] = {'host': '127.0.0.1', 'port': 5600 if made['listen']['port'] else 0}
    return made


def _grouped(settings):
    # type: (List[Any]) -> Tuple[Any, Any]
    """(number of processes, their common settings); or (a group for each process with its differences from the first,
    settings of the first).
    """
    if not settings:
        return 0, None
    first = settings[0]
    groups = [dict([(key, value) for key, value in made.items() if value != first[key]], count=1) for made in settings]
    return (len(groups) if all(len(group) == 1 for group in groups) else groups), first
