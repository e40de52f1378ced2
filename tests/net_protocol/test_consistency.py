"""Names that must agree in several files: kinds and handlers, events and their sentences, counters, timers.

A misspelt counter or a missing fact raises only when its line runs, which for a rare line may take a year. So these
tests read the sources.
"""

from __future__ import absolute_import, division, print_function

import ast
import importlib
import re
from collections import defaultdict

import pytest

from common.sentences import SENTENCES
from common.words import Facts
from net_protocol import rows
from net_protocol.rows import CALCULATOR, CLIENT, DISPATCHER, FIELDS, LISTENS_TO, MONITOR, ORDER, ROLES, UNACKNOWLEDGED
from tests.source_tree import python_files

CORES = {CLIENT: 'client.calls.CallingClientCore', DISPATCHER: 'dispatcher.core.DispatcherCore',
         CALCULATOR: 'calculator.core.CalculatorCore', MONITOR: 'monitor.core.MonitorCore'}
LEVELS = ('debug', 'info', 'warning', 'error')

#: Kind -> the role that handles it. All roles acknowledge a ``ping``.
HANDLED_BY = dict(
    [(kind, CLIENT) for kind in ('refused', 'not_offered', 'known_functions', 'done', 'ended', 'done_before',
                                   'ended_before')]
    + [(kind, CALCULATOR) for kind in ('revoke', 'assign', 'run', 'functions_wanted', 'not_registered')]
    + [(kind, DISPATCHER) for kind in ('assign_refused', 'result', 'failed', 'heartbeat', 'offer', 'functions', 'leave',
                                       'submit', 'call', 'cancel', 'status', 'task_status', 'operate',
                                       'ask_functions')]
    + [('status_report', MONITOR), ('operated', MONITOR)])


def core(role):
    module, _, name = CORES[role].rpartition('.')
    return getattr(importlib.import_module(module), name)


def nodes(role, kind):
    """All syntax nodes of one kind in the package of a role, without its sentences."""
    for path, source in python_files():
        if path.startswith(role + '/') and not path.endswith('sentences.py'):
            for node in ast.walk(ast.parse(source.encode('utf-8'), path)):
                if isinstance(node, kind):
                    yield node


def texts(node):
    """The texts that an expression may be. One that is known only at the beginning ends in ``*``."""
    if isinstance(node, ast.IfExp):
        return texts(node.body) | texts(node.orelse)
    if isinstance(node, ast.BinOp):
        return {begin + '*' for begin in texts(node.left)}
    if isinstance(node, ast.Name):
        value = getattr(rows, node.id, None)
    else:
        try:
            value = ast.literal_eval(node)
        except ValueError:
            value = None
    return {value} if isinstance(value, str) else set()


def fits(name, patterns):
    return any(name == pattern or pattern.endswith('*') and name.startswith(pattern[:-1]) for pattern in patterns)


def literals(role):
    """All texts in the package of a role, and the constants of ``rows`` that it names."""
    found = [text for node in nodes(role, ast.expr) if not isinstance(node, ast.IfExp) for text in texts(node)]
    return found + [text for text in rows.OUTCOMES if 'OUTCOMES' in {node.id for node in nodes(role, ast.Name)}]


# Kinds.

def test_every_kind_has_fields_a_place_in_the_order_and_one_role_that_handles_it():
    assert sorted(ORDER) == sorted(FIELDS)
    assert sorted(HANDLED_BY) == sorted(set(FIELDS) - {'ping'})
    assert set(UNACKNOWLEDGED) <= rows.UNRELIABLE <= set(FIELDS)
    for kind, fields in FIELDS.items():
        assert re.match(r'[a-z]+(_[a-z]+)*\Z', kind)
        assert len({name for name, _ in fields}) == len(fields)
    assert set(LISTENS_TO) == set(ROLES)


@pytest.mark.parametrize('role', sorted(CORES))
def test_a_core_handles_exactly_the_kinds_for_its_role(role):
    handled = {kind for kind in FIELDS if HANDLED_BY.get(kind) == role}
    assert set(core(role).HANDLERS) - {'ping'} == handled
    assert set(core(role).ACKNOWLEDGED) <= set(FIELDS) - handled - UNACKNOWLEDGED
    for method in core(role).HANDLERS.values():
        assert callable(getattr(core(role), method))


# Timers.

@pytest.mark.parametrize('role', sorted(CORES))
def test_the_timers_that_are_set_are_those_that_are_handled(role):
    found = set()
    for call in nodes(role, ast.Call):
        function = call.func
        if (isinstance(function, ast.Attribute) and function.attr == 'set' and isinstance(function.value, ast.Attribute)
                and function.value.attr in ('_timers', 'timers') and isinstance(call.args[0], ast.Tuple)):
            found |= texts(call.args[0].elts[0])
    assert found == set(core(role).TIMERS)
    for method in core(role).TIMERS.values():
        assert callable(getattr(core(role), method))


# Events.

@pytest.mark.parametrize('role', sorted(SENTENCES))
def test_every_event_has_a_sentence_and_its_facts(role):
    known, facts_of = SENTENCES[role], {}
    for call in nodes(role, ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr in ('emit', '_emit') and len(call.args) == 2:
            facts = {str(keyword.arg) for keyword in call.keywords}
            for kind in texts(call.args[1]):
                assert kind in known, kind
                needed = set(re.findall(r'%\((\w+)', known[kind][1]))
                assert needed <= facts, '%s lacks %s' % (kind, sorted(needed - facts))
                assert facts_of.setdefault(kind, facts) == facts, '%s has other facts elsewhere' % kind
    assert len(facts_of) > 4


@pytest.mark.parametrize('role', sorted(SENTENCES))
def test_every_sentence_is_used(role):
    assert sorted(set(SENTENCES[role]) - set(literals(role))) == []


@pytest.mark.parametrize('role', sorted(SENTENCES))
def test_every_sentence_is_one_line_of_a_known_level(role):
    for kind, (level, sentence) in SENTENCES[role].items():
        assert level in LEVELS
        text = sentence % Facts(defaultdict(int))
        assert '\n' not in text
        assert '%' not in text
        # The sentence of ``not_offered`` is its reason.
        assert kind == 'not_offered' or (text[0].isupper() and text.endswith('.'))


# Counters.

@pytest.mark.parametrize('role', sorted(CORES))
def test_the_counters_that_are_used_are_those_that_exist(role):
    counters, used = core(role).COUNTERS, set()
    for subscript in nodes(role, ast.Subscript):
        owner = subscript.value
        if getattr(owner, 'attr', getattr(owner, 'id', '')) in ('counts', '_counts'):
            # Up to 3.8 the index is wrapped once more.
            used |= texts(getattr(subscript.slice, 'value', subscript.slice)
                             if type(subscript.slice).__name__ == 'Index' else subscript.slice)
    assert len(counters) == len(set(counters))
    assert [name for name in used if not any(fits(counter, [name]) for counter in counters)] == []
    # A name that is computed is a text in another place than the list of counters.
    every = literals(role)
    assert [name for name in counters if not fits(name, used) and every.count(name) < 2] == []
