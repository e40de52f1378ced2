"""What the programs wrote into their files of events (``--events``)."""

from __future__ import absolute_import, division, print_function

import json

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401


def read(path):
    # type: (str) -> List[Dict[str, Any]]
    """All whole lines, in order: each a dict with ``time``, ``kind`` and ``facts``. None where there is no file yet."""
    try:
        with open(path) as file:
            text = file.read()
    except IOError:
        return []
    return [json.loads(line) for line in text[:text.rfind('\n') + 1].splitlines()]


def moved(events, calculator, died_at):
    # type: (List[Dict[str, Any]], str, float) -> Dict[str, Tuple[float, float | None]]
    """What a calculator held when it died, by the dispatcher's events: task id -> (when it was taken from the dead,
    when it was given to another; None where that never happened).
    """
    found = {}  # type: Dict[str, Tuple[float, float | None]]
    for event in events:
        facts = event['facts']
        if event['time'] < died_at:
            continue
        if event['kind'] == 'reassigned' and facts['calculator'] == calculator:
            found[facts['task_id']] = (event['time'], None)
        elif event['kind'] == 'assigned' and facts['task_id'] in found:
            taken_at, given_at = found[facts['task_id']]
            if given_at is None:
                found[facts['task_id']] = (taken_at, event['time'])
    return found


def lost_work_s(events, calculator, died_at):
    # type: (List[Dict[str, Any]], str, float) -> float
    """How many seconds the tasks that a calculator held when it died had been with it: work that was done in vain."""
    held = {}  # type: Dict[str, float]
    for event in events:
        facts = event['facts']
        if event['time'] > died_at:
            break
        if event['kind'] == 'assigned' and facts['calculator'] == calculator:
            held[facts['task_id']] = event['time']
        elif event['kind'] in ('done', 'ended', 'reassigned') and facts['task_id'] in held:
            del held[facts['task_id']]
    return sum(died_at - given_at for given_at in held.values())


def held_by(events, calculator, moments):
    # type: (List[Dict[str, Any]], str, List[float]) -> List[int]
    """How many tasks were with a calculator at each of those moments, which ascend."""
    held = set()
    counts = []
    position = 0
    for moment in moments:
        while position < len(events) and events[position]['time'] <= moment:
            event, facts = events[position], events[position]['facts']
            if event['kind'] == 'assigned' and facts['calculator'] == calculator:
                held.add(facts['task_id'])
            elif event['kind'] == 'assigned' or event['kind'] in ('done', 'ended', 'reassigned'):
                held.discard(facts['task_id'])
            position += 1
        counts.append(len(held))
    return counts


def each(events, kind, moments):
    # type: (List[Dict[str, Any]], str, List[float]) -> List[int]
    """How many events of a kind there were between each of those moments and the next."""
    counts = [0] * (len(moments) - 1)
    position = 0
    for event in events:
        while position < len(counts) and event['time'] >= moments[position + 1]:
            position += 1
        if position == len(counts):
            break
        if event['kind'] == kind and event['time'] >= moments[position]:
            counts[position] += 1
    return counts
