"""What must agree across files and is only found by reading them: messages and handlers, events and their sentences,
counters, timers.

A misspelt counter or a sentence without its fact raises where it is used, which for a rare path may be in a year. So
the sources are read here.
"""

from __future__ import absolute_import, division, print_function

import ast
import re
from collections import defaultdict

import pytest

from calculator import sentences as calculator_sentences
from calculator.core import CalculatorCore
from client import sentences as client_sentences
from client.core import ClientCore
from dispatcher import sentences as dispatcher_sentences
from dispatcher.core import DispatcherCore
from monitor.core import MonitorCore
from net_protocol.messages import BY_KIND, MESSAGES, Ping, Pong, Welcome
from tests.source_tree import python_files

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterator, List, Set, Tuple  # noqa: F401

CORES = {'client': ClientCore, 'dispatcher': DispatcherCore, 'calculator': CalculatorCore}  # type: Dict[str, Any]
#: Those that take messages: the roles and who watches them.
TAKERS = dict(CORES, monitor=MonitorCore)  # type: Dict[str, Any]
SENTENCES = {'client': client_sentences.SENTENCES, 'dispatcher': dispatcher_sentences.SENTENCES,
             'calculator': calculator_sentences.SENTENCES}  # type: Dict[str, Dict[str, Tuple[str, str]]]
ROLES = sorted(CORES)

LEVELS = ('debug', 'info', 'warning', 'error')
#: What the docstring of a message begins with: who sends it to whom.
WAY = re.compile(r'({0}) -> ({0}): [a-zA-Z]'.format('client|dispatcher|calculator|monitor'))
#: What ``net_protocol.core`` counts for every core, and its account adds.
COUNTED_BELOW = {'unexpected_messages', 'pings', 'resent'}


def nodes(role, kind):
    # type: (str, Any) -> Iterator[Any]
    """All syntax nodes of one kind in the package of a role."""
    for path, source in python_files():
        if path.startswith(role + '/'):
            for node in ast.walk(ast.parse(source.encode('utf-8'), path)):
                if isinstance(node, kind):
                    yield node


def text(node):
    # type: (Any) -> str | None
    """The value of a text that stands in the source; None for anything else."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def texts(node):
    # type: (Any) -> Tuple[Set[str], Set[str]]
    """What an expression may be, as far as it can be read: (whole texts, beginnings of texts)."""
    if text(node) is not None:
        return {str(text(node))}, set()
    if isinstance(node, ast.IfExp):
        one, other = texts(node.body), texts(node.orelse)
        return one[0] | other[0], one[1] | other[1]
    if isinstance(node, ast.BinOp) and text(node.left) is not None:
        return set(), {str(text(node.left))}
    return set(), set()


def told(role):
    # type: (str) -> Iterator[Tuple[str, Set[str]]]
    """Kind and names of the facts of every event that a role tells."""
    for call in nodes(role, ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr == '_tell':
            kinds, _ = texts(call.args[0])
            assert kinds, 'line %d: the kind of an event must stand where it is told' % call.lineno
            for kind in kinds:
                yield kind, {str(keyword.arg) for keyword in call.keywords}


def counted(role):
    # type: (str) -> Tuple[Set[str], Set[str]]
    """Names, and beginnings of names, of the counters that a role touches."""
    whole, begun = set(), set()  # type: Tuple[Set[str], Set[str]]
    for subscript in nodes(role, ast.Subscript):
        owner = subscript.value
        if (isinstance(owner, ast.Attribute) and owner.attr in ('counts', '_counts')
                or isinstance(owner, ast.Name) and owner.id == 'counts'):
            # Up to 3.8 the index is wrapped once more.
            index = subscript.slice.value if type(subscript.slice).__name__ == 'Index' else subscript.slice
            found = texts(index)
            whole |= found[0]
            begun |= found[1]
    return whole, begun


def timers_set(role):
    # type: (str) -> Iterator[str]
    for call in nodes(role, ast.Call):
        function = call.func
        if (isinstance(function, ast.Attribute) and function.attr == 'set' and isinstance(function.value, ast.Attribute)
                and function.value.attr == '_timers' and isinstance(call.args[0], ast.Tuple)):
            yield str(text(call.args[0].elts[0]))


# Messages.

def test_every_message_has_a_name_of_its_own():
    assert len(BY_KIND) == len(MESSAGES)
    assert all(re.match(r'[a-z]+(_[a-z]+)*\Z', kind) for kind in BY_KIND)


@pytest.mark.parametrize('message', MESSAGES, ids=lambda message: message.KIND)
def test_a_message_is_made_with_the_fields_it_has_on_the_wire(message):
    fields = tuple(name for name, _ in message.FIELDS)
    assert message.__slots__ == fields
    assert 'kind' not in fields
    made = message(*range(len(fields)))
    assert made.values() == tuple(range(len(fields)))


@pytest.mark.parametrize('message', [message for message in MESSAGES if message not in (Ping, Pong, Welcome)],
                         ids=lambda message: message.KIND)
def test_exactly_the_role_that_a_message_is_for_handles_it(message):
    way = WAY.match(message.__doc__)
    assert way, 'the docstring says who sends it to whom'
    assert [taker for taker in sorted(TAKERS) if message in TAKERS[taker].HANDLERS] == [way.group(2)]


@pytest.mark.parametrize('taker', sorted(TAKERS))
def test_a_handler_is_named_after_its_message(taker):
    for message, method in TAKERS[taker].HANDLERS.items():
        assert method == '_on_' + message.KIND
        assert callable(getattr(TAKERS[taker], method))


# Timers.

@pytest.mark.parametrize('role', ROLES)
def test_every_timer_that_is_set_is_handled_and_every_handled_one_is_set(role):
    assert set(timers_set(role)) == set(CORES[role].TIMERS)


@pytest.mark.parametrize('role', ROLES)
def test_a_timer_is_handled_by_a_method_named_after_it(role):
    for kind, method in CORES[role].TIMERS.items():
        assert method == '_due_' + kind
        assert callable(getattr(CORES[role], method))


# Events.

@pytest.mark.parametrize('role', ROLES)
def test_every_event_that_is_told_has_a_sentence_and_every_sentence_is_told(role):
    assert {kind for kind, _ in told(role)} == set(SENTENCES[role])


@pytest.mark.parametrize('role', ROLES)
def test_every_fact_of_a_sentence_is_given_wherever_the_event_is_told(role):
    for kind, facts in told(role):
        needed = set(re.findall(r'%\((\w+)\)', SENTENCES[role][kind][1]))
        assert needed <= facts, '%s lacks %s' % (kind, sorted(needed - facts))


@pytest.mark.parametrize('role', ROLES)
def test_an_event_is_told_with_the_same_facts_everywhere(role):
    facts_of = {}  # type: Dict[str, Set[str]]
    for kind, facts in told(role):
        assert facts_of.setdefault(kind, facts) == facts, kind


@pytest.mark.parametrize('role', ROLES)
def test_every_sentence_is_one_line_of_a_known_level(role):
    for level, sentence in SENTENCES[role].values():
        assert level in LEVELS
        filled = sentence % defaultdict(int)
        assert '\n' not in filled
        assert '%' not in filled
        assert not filled.endswith('.')


# Counters.

@pytest.mark.parametrize('role', ROLES)
def test_every_counter_that_is_touched_exists(role):
    whole, begun = counted(role)
    known = set(CORES[role].COUNTERS) | COUNTED_BELOW
    assert len(whole) >= 5
    assert whole <= known
    assert [start for start in begun if not any(name.startswith(start) for name in known)] == []


@pytest.mark.parametrize('role', ROLES)
def test_every_counter_that_exists_is_counted_somewhere(role):
    whole, begun = counted(role)
    # How tasks end is counted by the outcome itself.
    by_value = {'done', 'failed', 'expired', 'cancelled'} if role == 'dispatcher' else set()
    assert [name for name in CORES[role].COUNTERS
            if name not in whole | by_value and not name.startswith(tuple(begun))] == []


@pytest.mark.parametrize('role', ROLES)
def test_no_counter_is_listed_twice(role):
    counters = CORES[role].COUNTERS
    assert len(counters) == len(set(counters))
