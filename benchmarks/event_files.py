"""What the programs wrote into their event files (``--events``)."""

from __future__ import absolute_import, division, print_function

from runtime import event_file


def read(path):
    """All complete lines, in order: each a dict with ``time``, ``kind`` and ``facts``."""
    try:
        return event_file.read(path)
    except IOError:
        return []


def moved(events, calculator, died_at):
    """The tasks that a calculator held when it died: task id -> [when it was taken from the dead calculator, when it
    was assigned to another, None if that never happened]. ``events`` are the dispatcher's.
    """
    found = {}
    for event in events:
        facts = event['facts']
        if event['time'] < died_at:
            continue
        if event['kind'] == 'reassigned' and facts['calculator'] == calculator:
            found[facts['task_id']] = [event['time'], None]
        elif event['kind'] == 'assigned' and found.get(facts['task_id'], (0, 0))[1] is None:
            found[facts['task_id']][1] = event['time']
    return found


def held_since(events, calculator, died_at):
    """When each of the tasks was assigned that a calculator held when it died."""
    held = {}
    for event in events:
        facts = event['facts']
        if event['time'] > died_at:
            break
        if event['kind'] == 'assigned' and facts['calculator'] == calculator:
            held[facts['task_id']] = event['time']
        elif event['kind'] in ('done', 'ended', 'reassigned'):
            held.pop(facts['task_id'], None)
    return sorted(held.values())
