"""Files and functions are short. A file or function that becomes too long is divided where its state divides."""

from __future__ import absolute_import, division, print_function

import ast

from tests.source_tree import python_files

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 65


def functions(source):
    """(Name, first line, number of lines) of every function, up to the line on which its last expression begins."""
    for node in ast.walk(ast.parse(source.encode('utf-8'))):
        if isinstance(node, ast.FunctionDef):
            last = max(getattr(inside, 'lineno', 0) for inside in ast.walk(node))
            yield node.name, node.lineno, last - node.lineno + 1


def test_files_are_small():
    too_long = [(path, len(source.splitlines())) for path, source in python_files()
                if len(source.splitlines()) > FILE_LINES_MAX]
    assert too_long == []


def test_functions_are_small():
    too_long = [(path, line, name, lines) for path, source in python_files()
                for name, line, lines in functions(source) if lines > FUNCTION_LINES_MAX]
    assert too_long == []


def test_a_function_is_measured_to_its_last_line():
    source = u'LIMIT = 1\n\n\ndef outer():\n    def inner():\n        return 1\n    return inner\n'
    assert sorted(functions(source)) == [('inner', 5, 2), ('outer', 4, 4)]
