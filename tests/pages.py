"""Reads the pages of the documentation, for the tests that compare them with the code."""

from __future__ import absolute_import, division, print_function

import importlib
import io
import os
import re
import subprocess
import sys

from tests.source_tree import ROOT

ROLES = ('client', 'dispatcher', 'calculator')
PAGES = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md'] + sorted(
    'docs/' + name for name in os.listdir(os.path.join(ROOT, 'docs')) if name.endswith('.md'))
PROGRAM_FILES = sorted(name for name in os.listdir(ROOT) if name.startswith('run_') and name.endswith('.py'))

_help_texts = {}  # type: dict


def read(path):
    with io.open(os.path.join(ROOT, path), encoding='utf-8') as page:
        return page.read()


def section(page, heading):
    """The text below a heading, up to the next heading of the same or a higher level."""
    lines = read(page).splitlines()
    start = lines.index(heading)
    depth = len(heading.split(' ')[0])
    below = []
    for line in lines[start + 1:]:
        if re.match(r'#{1,%d} ' % depth, line):
            break
        below.append(line)
    return '\n'.join(below)


def table(text):
    """Rows of all tables in a text whose first cell is one word of code: word -> the other cells."""
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split('|')]
        word = re.match(r'`([^`]+)`$', cells[1]) if len(cells) > 3 else None
        if word is not None:
            assert word.group(1) not in rows, 'two rows for %s' % word.group(1)
            rows[word.group(1)] = cells[2:-1]
    return rows


def json_blocks(text):
    return re.findall(r'```json\n(.*?)```', text, re.DOTALL)


def settings_of(role):
    return importlib.import_module(role + '.settings').SETTINGS


def help_text(program):
    """The output of ``--help`` on a terminal of 80 columns."""
    if program not in _help_texts:
        _help_texts[program] = subprocess.check_output(
            [sys.executable, os.path.join(ROOT, program), '--help'], env=dict(os.environ, COLUMNS='80')).decode('utf-8')
    return _help_texts[program]
