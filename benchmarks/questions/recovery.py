"""How long until the tasks of a dead calculator run elsewhere, and what failures cost a batch as a whole."""

from __future__ import absolute_import, division, print_function

import time

from benchmarks import event_files, systems
from benchmarks.children import RunFailed
from benchmarks.questions.comparison import closing_lines
from benchmarks.rounds import figures
from benchmarks.systems import Own
from benchmarks.tables import spread, table
from dispatcher.settings import SETTINGS as DISPATCHER_SETTINGS
from dispatcher.time_line import held_s, sent_s
from runtime.clock import monotonic

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

    from benchmarks.children import Child  # noqa: F401
    from benchmarks.context import Context  # noqa: F401

ABOUT = 'from the death of one of ten calculators to its tasks running elsewhere; a batch with failures'

CALCULATORS = 10
#: The quickest row of what ``run_dispatcher.py --check`` prints.
HEARTBEAT_INTERVAL_S = 0.2

# A death: places for 60 % of the work, so that others are free.
CAPACITY = 2
DURATION_S = [0.5, 1.0]
TASK_INTERVAL_S = [0.03, 0.09]
BEFORE_S = 3.0
AFTER_S = 4.0

# A batch: more tasks are out than there are places, each takes as long as the others.
BATCH_CAPACITY = 4
BATCH_DURATION_S = 0.25
BATCH_IN_FLIGHT = 200
#: Turns of all places; each is a quarter of a second.
BATCH_TURNS = 80
#: When a calculator is killed, as shares of the time that a batch without failures takes, and how long it is away.
KILLS = (0.1, 0.25, 0.4)
AWAY_S = 2.0


class Fleet(object):
    """A dispatcher and ten calculators, all of whose events are kept."""

    def __init__(self, context, capacity, duration_s):
        # type: (Context, int, List[float]) -> None
        self._house = context.house
        own = context.own()
        self.own = Own(own.python, own.version, calculator={
            'heartbeat_interval_s': HEARTBEAT_INTERVAL_S, 'capacity': capacity, 'task_duration_s': duration_s})
        self._events_path = self._house.file('events')
        self.dispatcher = self.own.start_dispatcher(self._house, options=['--events', self._events_path])
        self.port = self.own.listening_port(self.dispatcher)
        #: Calculator -> (process, file of events).
        self.calculators = {}  # type: Dict[str, Tuple[Child, str]]
        for number in range(CALCULATORS):
            self.start('calculator-%d' % number)
        self.dispatcher.until(lambda: self.count('registered') == CALCULATORS, 'knew all calculators')

    def start(self, name):
        # type: (str) -> None
        """Start that calculator, for the first time or again."""
        path = self._house.file('events')
        self.own.calculator_settings['name'] = name
        self.calculators[name] = (self.own.start_calculator(self._house, self.port, ['--events', path]), path)

    def kill(self, name):
        # type: (str) -> float
        """SIGKILL; returns when."""
        died_at = monotonic()
        self.calculators[name][0].kill()
        return died_at

    def began_at(self, name):
        # type: (str) -> float
        """When the present life of a calculator began; waits until it has."""
        child, path = self.calculators[name]
        child.until(lambda: event_files.read(path), 'began')
        return event_files.read(path)[0]['time']

    def events(self):
        # type: () -> List[Dict[str, Any]]
        """Those of the dispatcher so far."""
        return event_files.read(self._events_path)

    def count(self, kind):
        # type: (str) -> int
        """How many of a kind."""
        return sum(event['kind'] == kind for event in self.events())


def take(context):
    # type: (Context) -> None
    """A death and a batch in each round."""
    # Tasks may still be sent to the dead one until it is suspect; all of them must move.
    settings = DISPATCHER_SETTINGS.checked({})
    context.section['bound_s'] = max(held_s(settings, HEARTBEAT_INTERVAL_S), sent_s(settings, HEARTBEAT_INTERVAL_S))
    context.section['time_lines'] = []
    known = [context.own(variant='death', title='a calculator dies'),
             context.own(variant='batch', title='a batch with failures')]
    context.rounds(context.wanted(known), lambda system: (_death if system is known[0] else _batch)(context))


def _death(context):
    # type: (Context) -> Dict[str, Any]
    try:
        fleet = Fleet(context, CAPACITY, DURATION_S)
        client = fleet.own.start_client(context.house, fleet.port, ['--duration', str(BEFORE_S + 2 * AFTER_S)],
                                        {'task_interval_s': TASK_INTERVAL_S})
        time.sleep(BEFORE_S)
        victim = _busy(fleet)
        died_at = fleet.kill(victim)
        time.sleep(AFTER_S)
        events = fleet.events()
        client.must_be_well()
    finally:
        context.house.end_all()
    moved = event_files.moved(events, victim, died_at)
    given = [given_at for _, given_at in moved.values() if given_at is not None]
    if not given or len(given) < len(moved):
        raise RunFailed('%d of %d tasks of a dead calculator ran elsewhere' % (len(given), len(moved)))
    moments = [died_at + 0.1 * step for step in range(int(-10 * BEFORE_S), int(10 * AFTER_S) + 1)]
    context.section['time_lines'].append({
        'seconds': [round(moment - died_at, 3) for moment in moments],
        'held': event_files.held_by(events, victim, moments), 'done': event_files.each(events, 'done', moments)})
    return {'last_s': max(given) - died_at, 'taken_s': max(taken for taken, _ in moved.values()) - died_at,
            'held': len(moved)}


def _busy(fleet):
    # type: (Fleet) -> str
    """The calculator that has most to lose right now."""
    events = fleet.events()
    now = monotonic()
    return max(sorted(fleet.calculators), key=lambda name: event_files.held_by(events, name, [now])[0])


def _batch(context):
    # type: (Context) -> Dict[str, Any]
    places = CALCULATORS * BATCH_CAPACITY
    turns = max(20, int(BATCH_TURNS * context.options.size))
    tasks = places * turns
    away = []
    try:
        fleet = Fleet(context, BATCH_CAPACITY, [BATCH_DURATION_S, BATCH_DURATION_S])
        client = fleet.own.start_client(context.house, fleet.port, ['--tasks', str(tasks)],
                                        {'task_interval_s': [0, 0], 'in_flight_max': BATCH_IN_FLIGHT})
        client.until(lambda: fleet.count('accepted'), 'began', poll_s=0.02)
        began_at = monotonic()
        for number, share in enumerate(KILLS):
            name = 'calculator-%d' % number
            time.sleep(max(0.0, began_at + share * turns * BATCH_DURATION_S - monotonic()))
            died_at = fleet.kill(name)
            time.sleep(AWAY_S)
            fleet.start(name)
            away.append((name, died_at, fleet.began_at(name)))
        report = systems.finish_client(client, 10 * turns * BATCH_DURATION_S)
        events = fleet.events()
    finally:
        context.house.end_all()
    if report['answered'] != tasks:
        raise RunFailed('%d of %d tasks of a batch were answered' % (report['answered'], tasks))
    lost_s = sum(event_files.lost_work_s(events, name, died_at) for name, died_at, _ in away)
    gone_s = sum(BATCH_CAPACITY * (back_at - died_at) for _, died_at, back_at in away)
    best_s = (tasks * BATCH_DURATION_S + lost_s + gone_s) / places
    return {'batch_s': report['duration_s'], 'best_s': best_s, 'of_best': report['duration_s'] / best_s,
            'lost_work_s': lost_s, 'gone_s': gone_s, 'reassigned': sum(e['kind'] == 'reassigned' for e in events)}


def lines(section):
    # type: (Dict[str, Any]) -> List[str]
    """Both, one row a figure."""
    rows = []
    for name in section['order']:
        found = figures(section['runs'], name, even_disturbed=True)
        for figure, text in (
                ('last_s', 'from SIGKILL until all its tasks run elsewhere, s (bound: %g)' % section['bound_s']),
                ('taken_s', 'of that until the last was taken from it, s'), ('held', 'tasks that it held'),
                ('batch_s', 'a batch while three calculators die and come back, s'),
                ('best_s', 'the best possible for the calculator time that was lost, s'),
                ('of_best', 'the one over the other'),
                ('lost_work_s', 'calculator time that was lost: work in vain, s'),
                ('gone_s', 'and while they were away, s')):
            if figure in found:
                rows.append((text, spread(found[figure])))
    return table(('what', 'measured'), rows) + closing_lines(section)
