"""The model of the protocol, its page and the code say the same; spin searches the smallest of it.

All of the search, with every broken variant, is `tests/model/run`, a step of its own in continuous integration.
"""

from __future__ import absolute_import, division, print_function

import importlib
import io
import re

import pytest

from dispatcher import reconcile
from dispatcher.tasks import Task
from net_protocol.delivery import DATAGRAM_LIFETIME_S, REMEMBER_S, Resender
from tests.model import __main__ as program
from tests.model.searches import SEARCHES, VARIANTS
from tests.model.spin import MODEL, Searcher, is_missing

MYPY = False
if MYPY:
    from typing import Dict, List  # noqa: F401

#: What the model is written with, and does nothing that the code does.
HELPERS = frozenset(['send', 'take', 'pick', 'note_fired', 'audit', 'beat_in_storm'])

needs_spin = pytest.mark.skipif(bool(is_missing()), reason='%s missing' % ' and '.join(is_missing()))


def read(path):
    # type: (str) -> str
    with io.open(path, encoding='utf-8') as source:
        return source.read()


def rows(heading):
    # type: (str) -> Dict[str, List[str]]
    """The table below a heading of the page: the word in its first cell -> the other cells."""
    below = read(program.PAGE).split('\n## %s\n' % heading)[1].split('\n## ')[0]
    cells = [line.split(' | ') for line in below.splitlines() if line.startswith('| `')]
    return {line[0].strip('|` '): [cell.strip('| ') for cell in line[1:]] for line in cells}


def test_every_step_of_the_model_has_a_row_and_no_other():
    steps = set(re.findall(r'^inline (\w+)\(', read(MODEL), re.MULTILINE)) - HELPERS
    assert set(rows('Each step, and the code that does it')) == steps


@pytest.mark.parametrize('step', sorted(rows('Each step, and the code that does it')))
def test_what_does_a_step_is_there(step):
    names = re.findall(r'`([\w.]+)`', rows('Each step, and the code that does it')[step][-1])
    assert names
    for name in names:
        package, module, rest = name.split('.', 2)
        found = importlib.import_module(package + '.' + module)
        for part in rest.split('.'):
            found = getattr(found, part)
        assert callable(found), name


def test_what_the_page_names_beside_the_table_is_there():
    assert callable(reconcile.collect) and callable(reconcile.missing)
    assert callable(Task.was_too_slow_on) and callable(Resender.handle_timer)
    text = read(program.PAGE)
    assert '(%g s)' % REMEMBER_S in text and '`DATAGRAM_LIFETIME_S`, %g s' % DATAGRAM_LIFETIME_S in text
    # A tombstone outlives every copy of its submit: what `forget` of the model takes for granted.
    assert REMEMBER_S > DATAGRAM_LIFETIME_S


def test_the_page_lists_every_broken_variant_and_what_it_is_caught_as():
    listed = {name: cells[0] for name, cells in rows('Broken variants').items()}
    assert listed == {search.name: rule for search, rule in VARIANTS}
    macros = set(re.findall(r'(?:ifn?def |defined\()(\w+)', read(MODEL)))
    assert set(listed) <= macros


def test_the_page_lists_every_search():
    assert [name for name, _ in program.published()] == [search.name for search in SEARCHES]


@needs_spin
def test_every_task_ends_with_one_calculator_and_a_late_message():
    search, = [search for search in SEARCHES if search.name == 'one calculator, late']
    with Searcher(search) as searcher:
        found = searcher.search()
    assert found.error == ''
    assert found.states == dict(program.published())[search.name]


@needs_spin
@pytest.mark.parametrize('variant', ['FORMER_FOR_EVER', 'LATE_RESULT_COUNTS'])
def test_a_broken_variant_is_caught(variant):
    (search, rule), = [pair for pair in VARIANTS if pair[0].name == variant]
    with Searcher(search) as searcher:
        assert searcher.search().rule == rule
