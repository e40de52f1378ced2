"""The programs still print the help, the lines of logs and the accounts that the documentation shows."""

from __future__ import absolute_import, division, print_function

import ast
import json
import os
import re

import pytest

from common.sentences import SENTENCES
from demo.report import _ROW, _TIMES
from demo.sentences import DEMO
from dispatcher.observers.sentences import status_line
from tests.pages import PAGES, ROLES, help_text, read, settings_of
from tests.source_tree import ROOT

#: A place for a value in a template.
PLACE = re.compile(r'%(?:\([\w ]+\))?[-+ 0-9.]*[a-z]')
LOG_LINE = re.compile(r'\d\d:\d\d:\d\d\.\d{3} [A-Z]+ +\S+: (.*)')


@pytest.mark.parametrize('role', ROLES)
def test_the_help_describes_every_setting_with_its_default(role):
    output = help_text('run_%s.py' % role)
    assert max(len(line) for line in output.splitlines()) < 80
    text = ' '.join(output.split())
    for key, setting in settings_of(role).walk():
        assert '%s: %s Default: %s.' % (key, ' '.join(setting.about.split()), json.dumps(setting.default)) in text


def strings(path):
    """All texts in a source file."""
    for node in ast.walk(ast.parse(read(path).encode('utf-8'))):
        # On 2.7 the field is ``s`` (until 2.7 goes).
        text = [getattr(node, field) for field in ('value', 's') if field in node._fields]
        if text and isinstance(text[0], (type(u''), str)):
            yield text[0]


def expression_of(template):
    """A regular expression for the lines that a template prints."""
    return '.*?'.join(re.escape(part) for part in PLACE.split(template)) + r'\Z'


def unknown(lines, expressions):
    return [line for line in lines if not any(re.match(expression, line) for expression in expressions)]


@pytest.fixture(scope='module')
def log_expressions():
    templates = [text for name in sorted(os.listdir(os.path.join(ROOT, 'runtime'))) if name.endswith('.py')
                 for text in strings('runtime/' + name)]
    templates += [sentence for role in ROLES for _, sentence in SENTENCES[role].values()]
    numbers = dict.fromkeys(('waiting', 'running', 'alive', 'suspect', 'dead'), 1)
    templates.append(re.sub(r'[0-9.]+', '%s', status_line(numbers, 1.0, 1.0)))
    return [expression_of(text) for text in templates if len(text) > 10]


@pytest.mark.parametrize('page', PAGES)
def test_every_line_of_a_log_is_still_printed(page, log_expressions):
    assert unknown(LOG_LINE.findall(read(page)), log_expressions) == []


@pytest.mark.parametrize('page', PAGES)
def test_every_line_of_an_account_is_still_printed(page):
    templates = [text for path in ('client/statistics.py', 'dispatcher/observers/sentences.py',
                                   'calculator/sentences.py')
                 for text in strings(path) if re.match(r'[a-z ]{6,}%8d   ', text)]
    assert len(templates) > 10
    labels = tuple(template.split('%')[0] for template in templates)
    # docker-compose puts the name of the container before each line.
    lines = [re.sub(r'^\w+_\d+ +\| ', '', line) for line in read(page).splitlines()]
    # A program prints no blanks at the end of a line.
    expressions = [expression_of(template) for template in templates]
    expressions += [expression_of(template.rstrip()) for template in templates]
    assert unknown([line for line in lines if line.startswith(labels)], expressions) == []


def test_every_line_of_the_demo_on_the_first_page_is_still_printed():
    block = read('README.md').split('$ python3 run_demo.py\n')[1].split('```')[0]
    # Wrapped lines are joined, and the marks of omitted lines are removed.
    block = re.sub(r'\n {4}(?=\S)(?! *\d)', ' ', block)
    lines = [line for line in block.splitlines() if line and line != u'(\u2026)']
    sentences = [sentence for known in list(SENTENCES.values()) + [DEMO] for _, sentence in known.values()]
    printed = [r' *\d+\.\d s  ([\w-]+: )?' + expression_of(sentence) for sentence in sentences]
    # The lines of the report have several templates, of which the first is long.
    pieces = [text for path in ('demo/report.py', 'run_demo.py') for text in strings(path)
              if len(PLACE.sub('', text)) > 10]
    printed += [expression_of(text)[:-len(r'\Z')] for text in pieces]
    printed += [r'  client-\d:\d+' + expression_of(text)[len('.*?'):] for text in pieces if text.startswith('%s')]
    printed.append(r'(client-\d|all clients) +\d+ +\d+ +\d+( +(\d+\.\d\d s|-)){4}\Z')
    printed.append(re.escape(_ROW % (('response time:', 'sent', 'answered', 'unanswered') + _TIMES)) + r'\Z')
    assert unknown(lines, printed) == []
