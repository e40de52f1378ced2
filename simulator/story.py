"""The story of a world in words: a line for each datagram, event and fault."""

from __future__ import absolute_import, division, print_function

import json

from common.sentences import SENTENCES, in_words
from common.words import Facts

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Iterable, List  # noqa: F401

#: Faults that are part of every story.
_FATES = ('killed', 'suspended', 'resumed', 'told to stop', 'disk full', 'disk failing', 'disk well', 'journal lost',
          'older journal', 'wall clock set')

#: Lines that a failure shows.
RELEVANT_MAX = 40


def told(line):
    # type: (Any) -> str
    """One line in words."""
    when, name, what, peer, thing = line
    if what in ('<-', '->'):
        return '%12.6f  %-16s %s %-16s %s' % (when, name, what, peer, _datagram(thing))
    if what == 'killed':
        what = 'killed %(where)s' % thing
    sentence = SENTENCES.get(name.split('-')[0], {}).get(what)
    text = what if sentence is None else sentence[1] % Facts(in_words(what, thing))
    return '%12.6f  %-16s    %s' % (when, name, text)


def failure(result, command):
    # type: (Dict[str, Any], str) -> List[str]
    """Describe the result of a world that failed. ``command`` repeats the world."""
    return (['', '%s violated by seed %d: %s: %s' % (result['verdict'], result['seed'], result['rule'],
                                                    result['sentence']),
             'drawn: %s' % json.dumps(result['settings'], sort_keys=True), 'what led to it:']
            + ['  ' + line for line in result['lines']] + ['to repeat it: ' + command])


class TaskStory(object):
    """Writes the lines about one task in words, from the first that names it."""

    def __init__(self, task_id, write):
        # type: (str, Callable[[str], Any]) -> None
        self._about = (task_id,)
        self._write = write
        #: Whether there is such a task.
        self.has_begun = False

    def take(self, line):
        # type: (Any) -> None
        # Faults before the task existed are not part of its story.
        self.has_begun = self.has_begun or names(line, self._about)
        if self.has_begun and concerns(line, self._about):
            self._write(told(line))


def _datagram(said):
    # type: (Any) -> str
    if said.re is not None:
        return 'greeting re=%d ticket=%s' % (said.re, said.ticket)
    parts = ['%d' % said.number]
    if said.acks:
        parts.append('ack=%s' % ','.join('%d-%d' % tuple(pair) for pair in said.acks))
    if said.open:
        parts.append('open=%d' % said.open)
    parts += ['%s %s' % (kind, ' '.join(json.dumps(row) for row in said.rows[kind])) for kind in sorted(said.rows)]
    return ' '.join(part if len(part) <= 400 else part[:397] + '...' for part in parts)


def concerns(line, about):
    # type: (Any, Iterable[str]) -> bool
    """Whether a line matters to one of these task ids or processes."""
    return line[2] in _FATES or names(line, about)


def names(line, about):
    # type: (Any, Iterable[str]) -> bool
    """Whether a line is about one of them."""
    _, name, what, peer, thing = line
    if name in about or peer in about:
        return True
    if what in ('<-', '->'):
        return any(_mentions(thing, task_id, (name, peer)) for task_id in about)
    return any(value in about for value in thing.values() if not isinstance(value, (list, dict)))


def _mentions(said, task_id, ends):
    # type: (Any, str, Iterable[str]) -> bool
    """Whether a datagram between these two has a row about a task: by its id, or by its number on a channel of its
    client. (A client that moved has a longer name as a host.)
    """
    parts = task_id.split(':')
    for kind in said.rows:
        for row in said.rows[kind]:
            if task_id in [value for value in row if not isinstance(value, (list, dict))]:
                return True
            if len(parts) == 3 and kind in ('submit', 'call', 'cancel', 'refused', 'done', 'ended') \
                    and row[0] == int(parts[2]):
                if said.role == 'client':
                    return bool(said.incarnation == parts[1])
                return any(end == parts[0] or end.startswith(parts[0] + '-') for end in ends)
    return False


def relevant(lines, about):
    # type: (Iterable[Any], Iterable[str]) -> List[str]
    """The last lines that matter for a failure."""
    chosen = [line for line in lines if not about or concerns(line, about)]
    return [told(line) for line in chosen[-RELEVANT_MAX:]]
