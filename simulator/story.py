"""The story of a world: every message, every event, every fate of a process, a line each, in words."""

from __future__ import absolute_import, division, print_function

from calculator.sentences import SENTENCES as CALCULATOR
from client.sentences import SENTENCES as CLIENT
from dispatcher.sentences import SENTENCES as DISPATCHER
from net_protocol.words import Facts

MYPY = False
if MYPY:
    from typing import Any, Iterable, List  # noqa: F401

_SENTENCES = {'calculator': CALCULATOR, 'client': CLIENT, 'dispatcher': DISPATCHER}  # type: Any

#: What happens to a process matters to every story.
_FATES = ('killed', 'suspended', 'resumed', 'told to stop', 'disk full', 'disk failing', 'disk well', 'journal lost',
          'older journal', 'wall clock set')

#: Lines that a failure shows.
RELEVANT_MAX = 40


def told(line):
    # type: (Any) -> str
    """One line in words."""
    when, name, what, peer, thing = line
    if what in ('<-', '->'):
        host = peer if type(peer) is str or not isinstance(peer, tuple) else peer[0]
        fields = ' '.join('%s=%s' % (field, _short(value)) for (field, _), value in zip(thing.FIELDS, thing.values()))
        return '%12.6f  %-16s %s %-16s %s %s' % (when, name, what, host, thing.KIND, fields)
    if what == 'killed':
        what = 'killed %(where)s' % thing
    role = name.split('-')[0]
    sentence = _SENTENCES.get(role, {}).get(what)
    return '%12.6f  %-16s    %s' % (when, name, what if sentence is None else sentence[1] % Facts(thing))


def concerns(line, about):
    # type: (Any, Iterable[str]) -> bool
    """Whether a line matters to one of these task ids or processes."""
    return line[2] in _FATES or names(line, about)


def names(line, about):
    # type: (Any, Iterable[str]) -> bool
    """Whether a line is about one of them."""
    _, name, _, peer, thing = line
    if name in about or peer in about or (type(peer) is tuple and peer[0] in about):
        return True
    return any(any(pair[0] in about for pair in value if isinstance(pair, tuple)) if isinstance(value, list)
               else value in about for value in thing.values())


def relevant(lines, about):
    # type: (Iterable[Any], Iterable[str]) -> List[str]
    """The last lines that matter for a failure."""
    chosen = [line for line in lines if not about or concerns(line, about)]
    return [told(line) for line in chosen[-RELEVANT_MAX:]]


def _short(value):
    # type: (Any) -> str
    if isinstance(value, float):
        return '%.3f' % value
    if isinstance(value, list) and all(isinstance(pair, tuple) for pair in value):
        return '[%s]' % ', '.join('%s/%d' % pair for pair in value)
    shown = '%s' % (value,)
    return shown if len(shown) <= 40 else shown[:37] + '...'
