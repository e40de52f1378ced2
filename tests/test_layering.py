"""The imports of every file follow the layers of the project.

Tests of the cores can control everything only if the cores have no access to a clock, a socket or a global random
generator. No other test would notice a careless import. The programs need only the standard library, and this Python
accepts the syntax of every file.
"""

from __future__ import absolute_import, division, print_function

import ast
import sys

import pytest

from tests.source_tree import python_files

#: Part (a package or a program at the top level) -> the other parts that it may import. All parts may import
#: ``common``. A part that is not in this table is an error.
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
    # The demo starts the programs and observes them from outside.
    'demo': ('runtime', 'monitor', 'net_protocol'),
    # Benchmarks start the programs, and use parts of them so that no fact stands in two places.
    'benchmarks': ('runtime', 'net_protocol', 'client', 'dispatcher', 'calculator', 'simulator', 'run_client'),
    'run_client': ('runtime', 'client', 'net_protocol'),
    'run_dispatcher': ('runtime', 'dispatcher', 'net_protocol'),
    'run_calculator': ('runtime', 'calculator', 'net_protocol'),
    'run_simulator': ('planner', 'simulator', 'runtime', 'net_protocol'),
    'run_monitor': ('monitor', 'runtime', 'net_protocol'),
    'run_demo': ('demo', 'runtime', 'run_monitor'),
}

#: Parts without a clock, socket, file, thread or global random generator. They may import only ``COMPUTES`` from the
#: standard library: modules that have no effect outside of the process.
PURE = ('common', 'net_protocol', 'client', 'dispatcher', 'calculator', 'simulator', 'planner', 'monitor')
#: Files of a role outside of its core. They may import ``runtime``, and the cores may not import them.
SHELLS = frozenset(['calculator/child.py', 'calculator/children.py', 'calculator/worker.py', 'client/__init__.py',
                    'client/commands.py', 'client/executor.py', 'client/futures.py'])
COMPUTES = frozenset([
    '__future__', 'base64', 'binascii', 'bisect', 'collections', 'difflib', 'functools', 'hashlib', 'heapq', 'hmac',
    'itertools', 'math', 'operator', 're', 'struct', 'textwrap', 'traceback', 'zlib',
])
#: Modules that a pure part may import under ``if MYPY:``, which imports nothing at run time.
NAMES_TYPES = frozenset(['random', 'typing'])
#: Parts that may import packages, because no program needs them.
TAKES_PACKAGES = frozenset(['benchmarks'])
#: Builtins with effects outside of the process, and builtins that could avoid this test.
REACHES_OUT = frozenset(['__import__', 'compile', 'eval', 'exec', 'execfile', 'input', 'open', 'print', 'raw_input'])
#: Parts that make random generators from seeds. All others receive their generators as arguments.
MAKES_GENERATORS = frozenset(['simulator', 'planner'])
#: Pure files that may use JSON: for datagrams, settings, rows of the journal, browsers, and in the simulator for noise
#: and for printed rows.
SEES_JSON = frozenset(['dispatcher/journal_rows.py', 'monitor/site.py', 'net_protocol/codec.py',
                       'common/schema.py', 'simulator/noise.py', 'simulator/story.py'])

#: Only 3.10 and later have this list. Older versions do not check that rule.
STANDARD_LIBRARY = getattr(sys, 'stdlib_module_names', None)
#: Modules of 2.7 that have another name on 3.x (until 2.7 goes).
NAMES_ON_2 = frozenset(['ConfigParser', 'Queue', 'StringIO', '__builtin__', 'cPickle', 'cStringIO', 'pipes', 'thread'])

HEADER = {'absolute_import', 'division', 'print_function'}


def imports(tree, path):
    """(Line, absolute dotted name, whether it stands under ``if MYPY:``) of every import at any depth."""
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
            # One dot is the package of the file, and each other dot is one package higher.
            above = path.split('/')[:-node.level] if node.level else []
            names = [node.module] if node.module else [alias.name for alias in node.names]
            if node.module == 'random':
                # ``Random`` is allowed, but the functions of the module share one global generator.
                names = ['random.' + alias.name for alias in node.names]
            for name in names:
                yield node.lineno, '.'.join(above + [name]), node in for_types


def complaint_about_import(path, name, for_types):
    """The reason why this file may not have this import, or an empty text."""
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
    return '%s must not use %s: pass it what it needs as an argument' % (part, target)


def has_header(tree):
    """Whether the first statement after the docstring is the import that makes 2.7 behave like 3.x."""
    statements = tree.body[ast.get_docstring(tree) is not None:]
    if not statements:
        return True
    first = statements[0]
    return (isinstance(first, ast.ImportFrom) and first.module == '__future__'
            and {alias.name for alias in first.names} == HEADER)


def complaints(path, source):
    """One line for each error in the file ``path`` with the text ``source``."""
    part = path.split('/')[0].replace('.py', '')
    # 2.7 refuses a decoded text that contains the name of its encoding.
    tree = ast.parse(source.encode('utf-8'), path)
    if part == 'config':
        # A sample of functions that a user writes.
        return []
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


def test_every_file_follows_the_layers():
    found = [complaint for path, source in python_files() for complaint in complaints(path, source)]
    assert not found, '\n' + '\n'.join(found)


HEADER_LINE = 'from __future__ import absolute_import, division, print_function\n'


@pytest.mark.parametrize('path, source', [
    ('client/core.py', 'import socket'),
    ('client/core.py', 'import collections, os.path'),
    ('client/core.py', 'from time import time'),
    ('client/core.py', 'def now():\n    import datetime'),
    ('client/core.py', 'MYPY = False\nif MYPY:\n    import socket'),
    ('client/core.py', 'MYPY = False\nif MYPY:\n    pass\nelse:\n    import random'),
    ('client/core.py', 'print("sent")'),
    ('client/core.py', 'import json'),
    ('net_protocol/rows.py', 'import json'),
    ('client/core.py', 'import client.executor'),
    ('calculator/core.py', 'from calculator.children import Children'),
    ('calculator/children.py', 'from dispatcher.tasks import Task'),
    ('client/core.py', 'import runtime.clock'),
    ('client/core.py', 'MYPY = False\nif MYPY:\n    from dispatcher.tasks import Task'),
    ('client/core.py', 'from ..dispatcher import tasks'),
    ('client/core.py', 'from .. import dispatcher'),
    ('client/core.py', 'from tests import source_tree'),
    ('client/deeper/core.py', 'from ...dispatcher import tasks'),
    ('runtime/loop.py', 'from client.core import Client'),
    ('simulator/world.py', 'import random'),
    ('simulator/world.py', 'from random import choice'),
    ('client/core.py', 'from random import Random'),
    ('demo/director.py', 'from dispatcher.core import DispatcherCore'),
    ('run_client.py', 'import run_dispatcher'),
    ('cellar/wine.py', ''),
])
def test_a_forbidden_import_is_found(path, source):
    assert len(complaints(path, HEADER_LINE + source)) == 1


@pytest.mark.skipif(STANDARD_LIBRARY is None, reason='only 3.10 and later know the names of their standard library')
@pytest.mark.parametrize('path', ['client/core.py', 'runtime/loop.py', 'run_client.py', 'run_demo.py'])
def test_an_import_of_another_package_is_found(path):
    assert len(complaints(path, HEADER_LINE + 'import six')) == 1


@pytest.mark.parametrize('source', [
    'import math',
    'from __future__ import print_function',
    'from __future__ import absolute_import, division, print_function, unicode_literals',
    '"""A file."""\nLIMIT = 1\n' + HEADER_LINE,
])
@pytest.mark.parametrize('path', ['client/core.py', 'run_client.py', 'tests/test_client.py'])
def test_a_file_without_the_import_from_future_is_found(path, source):
    assert len(complaints(path, source)) == 1


@pytest.mark.parametrize('path, source', [
    ('client/__init__.py', '"""The client."""\n'),
    ('client/core.py', HEADER_LINE + 'from .statistics import Statistics'),
    ('client/core.py', HEADER_LINE + 'MYPY = False\nif MYPY:\n    import random\n    from typing import Dict'),
    ('calculator/children.py', HEADER_LINE + 'import os\nimport runtime.logs'),
    ('net_protocol/codec.py', '"""Bytes."""\n' + HEADER_LINE + 'import json'),
    ('runtime/endpoint.py', HEADER_LINE + 'import errno, json, random, select, socket, time'),
    ('simulator/world.py', HEADER_LINE + 'from random import Random\nfrom client.core import Client'),
    ('benchmarks/plots.py', HEADER_LINE + 'import matplotlib'),
    ('run_client.py', HEADER_LINE + 'from client.core import Client\nfrom runtime.loop import Loop'),
    ('tests/test_client.py', HEADER_LINE + 'import pytest\nfrom client.core import Client'),
])
def test_an_allowed_import_is_no_error(path, source):
    assert complaints(path, source) == []
