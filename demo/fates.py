"""What became of the tasks that the killed calculator had.

Nothing here is guessed: what it held is what it told itself until it was killed, what it had been given beyond that and
what came of it is what the dispatcher told.
"""

from __future__ import absolute_import, division, print_function

from demo.sentences import task_name, tasks_in_words

MYPY = False
if MYPY:
    from typing import Any, List  # noqa: F401

    from demo.books import Books, TaskBook  # noqa: F401
    from demo.director import Kill  # noqa: F401


class Fate(object):
    """One task of the killed calculator. ``was_held`` is whether it worked on it; else it had only been sent there."""

    def __init__(self, task, was_held):
        # type: (TaskBook, bool) -> None
        self.task = task
        self.was_held = was_held


def fates(books, kill):
    # type: (Books, Kill) -> List[Fate]
    """Of all tasks that the victim held, or that the dispatcher believed to be there, when it was killed or later."""
    found = []
    for task_id, task in books.tasks.items():
        if task_id in kill.victim.held:
            found.append(Fate(task, True))
        elif any(attempt.calculator == kill.victim.name and _is_there_after(task, attempt, kill.at)
                 for attempt in task.attempts):
            found.append(Fate(task, False))
    return found


def fate_lines(books, kill, seconds_at):
    # type: (Books, Kill, Any) -> List[str]
    """The sentences. ``seconds_at`` turns a point in time into seconds since the beginning of the run."""
    all_fates = fates(books, kill)
    held = [fate for fate in all_fates if fate.was_held]
    sent_there = [fate for fate in all_fates if not fate.was_held]
    lines = ['%s was killed at %.1f s while it held %s.' % (
        kill.victim.name, seconds_at(kill.at), tasks_in_words(len(held)))]
    dead_at = books.declared_dead_at.get(kill.victim.name, kill.at)
    if dead_at > kill.at:
        lines.append('The dispatcher declared it dead %.1f s later.' % (dead_at - kill.at))
    lines += ['  %s %s' % (task_name(fate.task.task_id), _end_in_words(fate.task, kill)) for fate in held]
    if sent_there:
        lines.append('Sent to it as well, before its silence was noticed: %s.' % tasks_in_words(len(sent_there)))
        lines += ['  %s %s' % (task_name(fate.task.task_id), _end_in_words(fate.task, kill)) for fate in sent_there]
    return lines


def _is_there_after(task, attempt, killed_at):
    # type: (TaskBook, Any, float) -> bool
    """Whether, in the dispatcher's book, that attempt was with its calculator at some time after the kill."""
    if attempt.lost_at is not None:
        return attempt.lost_at > killed_at
    return task.end is None or task.end.time > killed_at


def _end_in_words(task, kill):
    # type: (TaskBook, Kill) -> str
    end = task.end
    if end is None:
        return 'had no outcome yet when all was ended'
    when = '%.1f s later' % (end.time - kill.at) if end.time > kill.at else 'before that'
    if end.kind == 'ended':
        return 'ended %s %s: %s' % (end.facts['outcome'], when, end.facts['reason'])
    if end.facts['calculator'] == kill.victim.name:
        return 'was done by %s itself: its answer was under way already' % kill.victim.name
    return 'was done by %s %s, at attempt %d' % (end.facts['calculator'], when, end.facts['attempt'])
