"""Which part of the house may use which, read from the imports.

The cores are worth their tests because nothing in them can reach a clock, a socket or a global random generator; one
careless import would end that without any other test noticing. So the imports are read here, together with what else
can only be held by reading: that the programs need nothing but the standard library, and that 2.7 accepts every file.
"""

from __future__ import absolute_import, division, print_function

import ast
import sys

import pytest

from tests.source_tree import python_files

#: For each part, a package or a program at the top level, the other parts that it may import. A part that is not here
#: has no place in the house yet, and every import in it is a complaint. All may import ``common``.
MAY_IMPORT = {
    'common': (),
    'net_protocol': (),
    'runtime': ('net_protocol',),
    'client': ('net_protocol',),
    'dispatcher': ('net_protocol',),
    'calculator': ('net_protocol',),
    'simulator': ('net_protocol', 'client', 'dispatcher', 'calculator'),
    'planner': ('simulator', 'net_protocol', 'client', 'dispatcher', 'calculator'),
    'monitor': ('net_protocol',),
    # Starts the programs and watches them from outside, as a person would.
    'demo': ('runtime', 'monitor', 'net_protocol'),
    # Starts them too, and takes from the parts what it would otherwise have to know a second time.
    'benchmarks': ('runtime', 'net_protocol', 'client', 'dispatcher', 'calculator', 'simulator', 'run_client'),
    'run_client': ('runtime', 'client', 'net_protocol'),
    'run_dispatcher': ('runtime', 'dispatcher', 'net_protocol'),
    'run_calculator': ('runtime', 'calculator', 'net_protocol'),
    'run_simulator': ('planner', 'simulator', 'runtime', 'net_protocol'),
    'run_monitor': ('monitor', 'runtime', 'net_protocol'),
    'run_demo': ('demo', 'runtime', 'run_monitor'),
}

#: Parts without clock, socket, file, thread, global random: from the standard library they take only what computes.
#: The list says what is in use; to add a module to it is to say that it touches nothing outside the process.
PURE = ('common', 'net_protocol', 'client', 'dispatcher', 'calculator', 'simulator', 'planner', 'monitor')
#: Files in a role that are no part of its core: they may use ``runtime``, and the cores may not import them.
SHELLS = frozenset(['calculator/child.py', 'calculator/children.py', 'calculator/worker.py', 'client/__init__.py',
                    'client/commands.py', 'client/executor.py', 'client/futures.py'])
COMPUTES = frozenset([
    '__future__', 'base64', 'binascii', 'bisect', 'collections', 'difflib', 'functools', 'hashlib', 'heapq', 'hmac',
    'itertools', 'math', 'operator', 're', 'struct', 'textwrap', 'traceback', 'zlib',
])
#: What a pure part may name under ``if MYPY:``, where nothing is imported at run time.
NAMES_TYPES = frozenset(['random', 'typing'])
#: The parts that nobody needs to run the programs: they may use packages.
TAKES_PACKAGES = frozenset(['benchmarks'])
#: Builtins that reach outside, or around this test.
REACHES_OUT = frozenset(['__import__', 'compile', 'eval', 'exec', 'execfile', 'input', 'open', 'print', 'raw_input'])
#: The parts that make generators of random numbers, from seeds that they are given; all others are handed theirs.
MAKES_GENERATORS = frozenset(['simulator', 'planner'])
#: The pure files that may know JSON: one turns datagrams into values and back, one shows a wrong setting as it stands
#: in its file, one turns records of the journal into rows, one speaks to browsers; the simulator makes datagrams by
#: hand and shows rows. Everywhere else a value is a value.
SEES_JSON = frozenset(['dispatcher/journal_rows.py', 'monitor/site.py', 'net_protocol/codec.py',
                       'common/schema.py', 'simulator/noise.py', 'simulator/story.py'])

#: Only 3.10 and later know the names of their standard library; older ones leave that one rule to them.
STANDARD_LIBRARY = getattr(sys, 'stdlib_module_names', None)
#: What 2.7 calls something that has another name on 3.x (until 2.7 goes).
NAMES_ON_2 = frozenset(['ConfigParser', 'Queue', 'StringIO', '__builtin__', 'cPickle', 'cStringIO', 'pipes', 'thread'])

HEADER = {'absolute_import', 'division', 'print_function'}


def imports(tree, path):
    """Line, absolute dotted name, and whether it stands under ``if MYPY:``, of every import at any depth."""
    for_types = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == 'MYPY':
            for statement in node.body:
                for_types.update(ast.walk(statement))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, node in for_types
        elif isinstance(node, ast.ImportFrom):
            # One dot is the file's own package, each further dot one package up.
            above = path.split('/')[:-node.level] if node.level else []
            names = [node.module] if node.module else [alias.name for alias in node.names]
            if node.module == 'random':
                # What is taken from it matters: its functions share one generator.
                names = ['random.' + alias.name for alias in node.names]
            for name in names:
                yield node.lineno, '.'.join(above + [name]), node in for_types


def complaint_about_import(path, name, for_types):
    """Why this import has no place in this file; empty where it has one."""
    part, target = path.split('/')[0].replace('.py', ''), name.split('.')[0]
    if path in SHELLS and target == 'runtime':
        return ''
    if part in PURE and path not in SHELLS and name.replace('.', '/') + '.py' in SHELLS:
        return 'a core must not know the shell %s' % name
    if target in MAY_IMPORT or target == 'tests':
        if target in (part, 'common') or target in MAY_IMPORT[part]:
            return ''
        return '%s must not know %s' % (part, target)
    if part in TAKES_PACKAGES:
        return ''
    if STANDARD_LIBRARY is not None and target not in STANDARD_LIBRARY and target not in NAMES_ON_2:
        return '%s is not in the standard library' % target
    if part not in PURE or path in SHELLS or target in COMPUTES or (for_types and target in NAMES_TYPES):
        return ''
    if target == 'json' and path in SEES_JSON:
        return ''
    if name == 'random.Random' and part in MAKES_GENERATORS:
        return ''
    return '%s must not touch %s: it is handed what it needs' % (part, target)


def has_header(tree):
    """Whether the first statement after the docstring makes 2.7 divide, print and import as 3.x does."""
    statements = tree.body[ast.get_docstring(tree) is not None:]
    if not statements:
        return True
    first = statements[0]
    return (isinstance(first, ast.ImportFrom) and first.module == '__future__'
            and {alias.name for alias in first.names} == HEADER)


def complaints(path, source):
    """What is wrong with the file ``path`` if its text is ``source``; one line for each."""
    part = path.split('/')[0].replace('.py', '')
    if part == 'config':
        # What users write: a sample of functions.
        return []
    # 2.7 refuses a text that is decoded already and names its encoding all the same.
    tree = ast.parse(source.encode('utf-8'), path)
    found = [] if has_header(tree) else ['%s:1: does not start with the line from __future__' % path]
    if part == 'tests':
        return found
    if part not in MAY_IMPORT:
        return found + ['%s:1: %s has no place in MAY_IMPORT of %s' % (path, part, __name__)]
    for line, name, for_types in imports(tree, path):
        complaint = complaint_about_import(path, name, for_types)
        if complaint:
            found.append('%s:%d: %s' % (path, line, complaint))
    if part in PURE and path not in SHELLS:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REACHES_OUT:
                found.append('%s:%d: %s must not call %s' % (path, node.lineno, part, node.func.id))
    return found


def test_every_part_keeps_its_place():
    found = [complaint for path, source in python_files() for complaint in complaints(path, source)]
    assert not found, '\n' + '\n'.join(found)


def test_every_file_compiles_on_this_python():
    for path, source in python_files():
        compile(source.encode('utf-8'), path, 'exec', dont_inherit=True)


HEADER_LINE = 'from __future__ import absolute_import, division, print_function\n'


@pytest.mark.parametrize('path, source', [
    ('client/core.py', 'import socket'),
    ('client/core.py', 'import os.path'),
    ('client/core.py', 'from time import time'),
    ('client/core.py', 'import random'),
    ('client/core.py', 'import collections, logging'),
    ('client/core.py', 'def now():\n    import datetime'),
    ('client/core.py', 'try:\n    import threading\nexcept ImportError:\n    pass'),
    ('client/core.py', 'MYPY = False\nif MYPY:\n    import socket'),
    ('client/core.py', 'MYPY = False\nif MYPY:\n    pass\nelse:\n    import random'),
    ('client/core.py', 'open("/etc/hostname")'),
    ('client/core.py', 'print("sent")'),
    ('client/core.py', '__import__("socket")'),
    ('client/core.py', 'import importlib'),
    ('client/core.py', 'import json'),
    ('net_protocol/rows.py', 'import json'),
    ('client/core.py', 'import client.executor'),
    ('calculator/core.py', 'from calculator.children import Children'),
    ('calculator/children.py', 'from dispatcher.tasks import Task'),
    ('client/core.py', 'import runtime.clock'),
    ('client/core.py', 'from runtime import clock'),
    ('client/core.py', 'from dispatcher.tasks import Task'),
    ('client/core.py', 'MYPY = False\nif MYPY:\n    from dispatcher.tasks import Task'),
    ('client/core.py', 'from ..dispatcher import tasks'),
    ('client/core.py', 'from .. import dispatcher'),
    ('client/core.py', 'from tests import source_tree'),
    ('client/deeper/core.py', 'from ...dispatcher import tasks'),
    ('net_protocol/core.py', 'import client'),
    ('net_protocol/core.py', 'from runtime.clock import monotonic'),
    ('runtime/loop.py', 'from client.core import Client'),
    ('simulator/world.py', 'from runtime import clock'),
    ('simulator/world.py', 'import random'),
    ('simulator/world.py', 'from random import choice'),
    ('client/core.py', 'from random import Random'),
    ('simulator/world.py', 'import time'),
    ('demo/director.py', 'from dispatcher.core import DispatcherCore'),
    ('run_client.py', 'from dispatcher.core import DispatcherCore'),
    ('run_client.py', 'import run_dispatcher'),
    ('cellar/wine.py', ''),
])
def test_what_breaks_the_order_is_noticed(path, source):
    assert len(complaints(path, HEADER_LINE + source)) == 1


@pytest.mark.skipif(STANDARD_LIBRARY is None, reason='only 3.10 and later know the names of their standard library')
@pytest.mark.parametrize('path', ['client/core.py', 'runtime/loop.py', 'run_client.py', 'run_demo.py'])
def test_a_package_from_elsewhere_is_noticed(path):
    assert len(complaints(path, HEADER_LINE + 'import six')) == 1


@pytest.mark.parametrize('source', [
    'import math',
    'from __future__ import print_function',
    'from __future__ import absolute_import, division, print_function, unicode_literals',
    '"""Of a file."""\nLIMIT = 1\n' + HEADER_LINE,
])
@pytest.mark.parametrize('path', ['client/core.py', 'run_client.py', 'tests/test_client.py'])
def test_a_file_without_its_first_line_is_noticed(path, source):
    assert len(complaints(path, source)) == 1


@pytest.mark.parametrize('path, source', [
    ('client/__init__.py', ''),
    ('client/__init__.py', '"""What a client does."""\n'),
    ('client/core.py', HEADER_LINE + 'from net_protocol import codec, rows\nimport client.statistics'),
    ('client/core.py', HEADER_LINE + 'from . import statistics\nfrom .statistics import Statistics'),
    ('client/core.py', HEADER_LINE + 'MYPY = False\nif MYPY:\n    import random\n    from typing import Dict'),
    ('calculator/children.py', HEADER_LINE + 'import os\nfrom calculator.child import Child\nimport runtime.logs'),
    ('net_protocol/codec.py', '"""Bytes."""\n' + HEADER_LINE + 'import json'),
    ('runtime/endpoint.py', HEADER_LINE + 'import errno, json, random, select, socket, time'),
    ('simulator/world.py', HEADER_LINE + 'from random import Random\nfrom client.core import Client'),
    ('benchmarks/plots.py', HEADER_LINE + 'import matplotlib'),
    ('run_client.py', HEADER_LINE + 'from client.core import Client\nfrom runtime.loop import Loop'),
    ('tests/test_client.py', HEADER_LINE + 'import pytest\nfrom client.core import Client'),
])
def test_what_keeps_the_order_passes(path, source):
    assert complaints(path, source) == []
