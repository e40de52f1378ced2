"""How long until the tasks of a dead calculator run elsewhere, and the cost of failures for a whole batch."""

from __future__ import absolute_import, division, print_function

import time

from benchmarks import systems
from benchmarks.children import RunFailed
from benchmarks.questions.comparison import closing_lines, measured
from benchmarks.systems import Own
from benchmarks.tables import spread, table
from dispatcher.settings import SETTINGS as DISPATCHER_SETTINGS
from runtime.clock import monotonic
from runtime.event_files import count, events_of

ABOUT = 'from the death of one of ten calculators to its tasks running elsewhere; a batch with failures'

CALCULATORS = 10
HEARTBEAT_INTERVAL_S = 0.2

# A death: work for 60 % of the slots, so others are free.
CAPACITY = 2
DURATION_S = [0.5, 1.0]
TASK_INTERVAL_S = [0.03, 0.09]
BEFORE_S = 3.0
AFTER_S = 4.0

# A batch: more tasks in flight than slots, all of the same duration.
BATCH_CAPACITY = 4
BATCH_DURATION_S = 0.25
BATCH_IN_FLIGHT = 200
#: Tasks of each slot.
BATCH_TURNS = 80
#: When a calculator is killed, as shares of the time that a batch without failures takes, and how long it is away.
KILLS = (0.1, 0.25, 0.4)
AWAY_S = 2.0


class Fleet(object):
    """A dispatcher and ten calculators, with the events of all."""

    def __init__(self, context, capacity, duration_s):
        self._group = context.group
        self.own = Own(context.options.pythons[0], calculator={
            'heartbeat_interval_s': HEARTBEAT_INTERVAL_S, 'capacity': capacity, 'task_duration_s': duration_s})
        self._events = self._group.file('events')
        self.dispatcher = self.own.start_dispatcher(self._group, options=['--events', self._events])
        self.port = self.own.listening_port(self.dispatcher)
        #: Calculator -> (process, event file).
        self.calculators = {}
        for number in range(CALCULATORS):
            self.start('calculator-%d' % number)
        self.dispatcher.until(lambda: self.count('registered') == CALCULATORS, 'knew all calculators')

    def start(self, name):
        """Start or restart a calculator; returns when it began."""
        path = self._group.file('events')
        child = self.own.start_calculator(self._group, self.port, ['--events', path], name=name)
        self.calculators[name] = (child, path)
        return child.until(lambda: events_of(path), 'began')[0].time

    def kill(self, name):
        """SIGKILL; returns when."""
        died_at = monotonic()
        self.calculators[name][0].kill()
        return died_at

    def events(self):
        """The events of the dispatcher so far."""
        return events_of(self._events)

    def count(self, kind):
        return count(self._events, kind)


def take(context):
    """A death and a batch in each round."""
    context.section['bound_s'] = DISPATCHER_SETTINGS.checked({})['dead_after_missed'] * HEARTBEAT_INTERVAL_S
    known = [context.own(variant='death', title='a calculator dies'),
             context.own(variant='batch', title='a batch with failures')]
    context.rounds(context.wanted(known), lambda system: (_death if system is known[0] else _batch)(context))


def _death(context):
    fleet = Fleet(context, CAPACITY, DURATION_S)
    client = fleet.own.start_client(context.group, fleet.port, ['--duration', str(BEFORE_S + 2 * AFTER_S)],
                                    task_interval_s=TASK_INTERVAL_S)
    time.sleep(BEFORE_S)
    # The calculator with the most tasks.
    events, now = fleet.events(), monotonic()
    victim = max(sorted(fleet.calculators), key=lambda name: len(held_since(events, name, now)))
    died_at = fleet.kill(victim)
    time.sleep(AFTER_S)
    client.must_run()
    moved = moved_from(fleet.events(), victim, died_at)
    assigned = [assigned_at for _, assigned_at in moved.values() if assigned_at is not None]
    if not assigned or len(assigned) < len(moved):
        raise RunFailed('%d of %d tasks of a dead calculator ran elsewhere' % (len(assigned), len(moved)))
    return {'last_s': max(assigned) - died_at, 'taken_s': max(taken for taken, _ in moved.values()) - died_at,
            'held': len(moved)}


def _batch(context):
    slots = CALCULATORS * BATCH_CAPACITY
    turns = context.scaled(BATCH_TURNS, 20)
    tasks = slots * turns
    away = []
    fleet = Fleet(context, BATCH_CAPACITY, [BATCH_DURATION_S, BATCH_DURATION_S])
    client = fleet.own.start_client(context.group, fleet.port, ['--tasks', str(tasks)], task_interval_s=[0, 0],
                                    in_flight_max=BATCH_IN_FLIGHT)
    client.until(lambda: fleet.count('accepted'), 'began', poll_s=0.02)
    began_at = monotonic()
    for number, share in enumerate(KILLS):
        name = 'calculator-%d' % number
        time.sleep(max(0.0, began_at + share * turns * BATCH_DURATION_S - monotonic()))
        died_at = fleet.kill(name)
        time.sleep(AWAY_S)
        away.append((name, died_at, fleet.start(name)))
    report = systems.finish_client(client, 10 * turns * BATCH_DURATION_S)
    events = fleet.events()
    lost_s = sum(died_at - since for name, died_at, _ in away
                 for since in held_since(events, name, died_at))
    away_s = sum(BATCH_CAPACITY * (back_at - died_at) for _, died_at, back_at in away)
    best_s = (tasks * BATCH_DURATION_S + lost_s + away_s) / slots
    return {'batch_s': report['duration_s'], 'best_s': best_s, 'of_best': report['duration_s'] / best_s,
            'lost_work_s': lost_s, 'away_s': away_s}


def moved_from(events, calculator, died_at):
    """Task id -> [when the dispatcher took it from the dead calculator, when it assigned it to another one or None], of
    the tasks that the calculator held when it died. ``events`` are the dispatcher's.
    """
    found = {}
    for event in events:
        facts = event.facts
        if event.time < died_at:
            continue
        if event.kind == 'reassigned' and facts['calculator'] == calculator:
            found[facts['task_id']] = [event.time, None]
        elif event.kind == 'assigned' and found.get(facts['task_id'], (0, 0))[1] is None:
            found[facts['task_id']][1] = event.time
    return found


def held_since(events, calculator, died_at):
    """The times of assignment of the tasks that a calculator held when it died."""
    held = {}
    for event in events:
        facts = event.facts
        if event.time > died_at:
            break
        if event.kind == 'assigned' and facts['calculator'] == calculator:
            held[facts['task_id']] = event.time
        elif event.kind in ('done', 'ended', 'reassigned'):
            held.pop(facts['task_id'], None)
    return sorted(held.values())


_FIGURES = (
    ('last_s', 'from SIGKILL until all its tasks run elsewhere, s (bound: %(bound_s)g)'),
    ('taken_s', 'of that until the last was taken from it, s'), ('held', 'tasks that it held'),
    ('batch_s', 'a batch while three calculators die and come back, s'),
    ('best_s', 'the best possible for the calculator time that was lost, s'), ('of_best', 'the one over the other'),
    ('lost_work_s', 'calculator time of work that was lost, s'), ('away_s', 'slots times seconds while they were away'))


def lines(section):
    return table(('what', 'measured'), [
        (text % section if '%(' in text else text, spread(found[figure]))
        for _, _, found in measured(section, even_disturbed=True) for figure, text in _FIGURES if figure in found]
        ) + closing_lines(section)
