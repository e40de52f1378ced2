"""The events of all processes of a run, held against each other, from outside.

An event is written before what it tells of is sent. So of everything that anybody heard, the event is there, also of a
process that was killed the moment after.

====  ================================================================================================================
S1    a task that a life of the dispatcher accepted is over in that life, or the life was killed
S2    each task ends once for its client's caller, and once in each life of the dispatcher
S3    no answer was wrong (clients compute each result once more)
S4    what a client was answered a dispatcher had called done before; what was done was taken by that calculator before;
      what was accepted, a client had sent
S6    the dispatcher's books never give a calculator more than its capacity
====  ================================================================================================================
"""

from __future__ import absolute_import, division, print_function

import io
import json

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterable, List, Set, Tuple  # noqa: F401


class Event(object):
    """What a process told: when, in which of its lives, and what."""

    __slots__ = ('time', 'life', 'kind', 'facts')

    def __init__(self, time, life, kind, facts):
        # type: (float, str, str, Dict[str, Any]) -> None
        self.time = time
        self.life = life
        self.kind = kind
        self.facts = facts


def read(path):
    # type: (str) -> List[Event]
    """The events of all lives of one process. A crash that a calculator imitates is not among the tests here."""
    events = []
    life = ''
    with io.open(path, encoding='ascii') as file:
        for line in file:
            found = json.loads(line)
            if found['kind'] == 'began':
                life = found['facts']['incarnation']
            events.append(Event(found['time'], life, found['kind'], found['facts']))
    return events


class Auditor(object):
    """Reads the files of events once everything has ended; every ``check`` asserts."""

    def __init__(self, clients, dispatcher, calculators):
        # type: (Iterable[str], str, Dict[str, str]) -> None
        self.clients = [read(path) for path in clients]
        self.dispatcher = read(dispatcher)
        self.calculators = {name: read(path) for name, path in calculators.items()}

    def check(self, capacities, last_life_ended=True):
        # type: (Dict[str, int], bool) -> None
        """All of it. ``capacities`` by name of the calculator."""
        self._check_clients()
        self._check_dispatcher()
        if last_life_ended:
            self._check_last_life()
        self._check_causes()
        self._check_capacity(capacities)

    def ends(self):
        # type: () -> Dict[str, List[str]]
        """Task -> how it ended for its client, over all clients."""
        found = {}  # type: Dict[str, List[str]]
        for events in self.clients:
            for event in events:
                if event.kind == 'sent':
                    found.setdefault(event.facts['task_id'], [])
                elif event.kind in ('answered', 'unanswered', 'refused'):
                    how = event.facts.get('outcome', event.kind)
                    found.setdefault(event.facts['task_id'], []).append(how)
        return found

    def _check_clients(self):
        # type: () -> None
        for task_id, ends in self.ends().items():
            assert len(ends) <= 1, '%s ended as %r' % (task_id, ends)
            assert ends != ['wrong'], '%s: a wrong answer' % task_id

    def _check_dispatcher(self):
        # type: () -> None
        accepted = set()  # type: Set[Tuple[str, str]]
        over = set()  # type: Set[Tuple[str, str]]
        for event in self.dispatcher:
            key = (event.life, event.facts.get('task_id', ''))
            if event.kind == 'accepted':
                assert key not in accepted, 'accepted twice: %r' % (key,)
                accepted.add(key)
            elif event.kind in ('assigned', 'reassigned', 'adopted', 'done', 'ended'):
                assert key in accepted, '%s before it was accepted: %r' % (event.kind, key)
                assert key not in over, '%s after it was over: %r' % (event.kind, key)
                if event.kind in ('done', 'ended'):
                    over.add(key)

    def _check_last_life(self):
        # type: () -> None
        """The last life of the dispatcher was ended softly, when nothing waited: it owes nobody anything."""
        life = self.dispatcher[-1].life
        owed = set()
        for event in self.dispatcher:
            if event.life == life and event.kind == 'accepted':
                owed.add(event.facts['task_id'])
            elif event.life == life and event.kind in ('done', 'ended'):
                owed.discard(event.facts['task_id'])
        assert not owed, 'accepted and never over: %r' % sorted(owed)

    def _check_causes(self):
        # type: () -> None
        sent, accepted, taken, done = set(), set(), set(), {}  # type: Any, Any, Any, Any
        for event in sorted(self._all(), key=lambda event: event[1].time):
            name, told = event
            task_id = told.facts.get('task_id')
            if told.kind == 'sent':
                sent.add(task_id)
            elif told.kind == 'accepted':
                assert task_id in sent, 'accepted and never sent: %s' % task_id
                accepted.add(task_id)
            elif told.kind == 'taken':
                assert task_id in accepted, 'taken and never accepted: %s' % task_id
                taken.add((name, task_id))
            elif told.kind == 'done':
                assert (told.facts['calculator'], task_id) in taken, 'done and never taken: %r' % told.facts
                done[task_id] = told.time
            elif told.kind == 'answered':
                assert task_id in done, 'answered and never done: %s' % task_id

    def _all(self):
        # type: () -> List[Tuple[str, Event]]
        found = [('dispatcher', event) for event in self.dispatcher]
        found += [('client', event) for events in self.clients for event in events]
        return found + [(name, event) for name, events in self.calculators.items() for event in events]

    def _check_capacity(self, capacities):
        # type: (Dict[str, int]) -> None
        place = {}  # type: Dict[str, str]
        numbers = dict.fromkeys(capacities, 0)
        life = ''
        for event in self.dispatcher:
            if event.life != life:
                life = event.life
                place.clear()
                numbers = dict.fromkeys(capacities, 0)
            task_id = event.facts.get('task_id')
            if event.kind in ('reassigned', 'done', 'ended') and task_id in place:
                numbers[place.pop(task_id)] -= 1
            elif event.kind in ('assigned', 'adopted'):
                name = place[task_id] = event.facts['calculator']  # type: ignore[index]
                numbers[name] += 1
                assert numbers[name] <= capacities[name], '%s is given %d' % (name, numbers[name])
