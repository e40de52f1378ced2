"""``python3 -m tests.reference``: write the tables of docs/reference.md from the code.

Each table stands between the comments ``<!-- NAME -->`` and ``<!-- end -->``. A test compares the tables with the code.
"""

from __future__ import absolute_import, division, print_function

import importlib
import io
import json
import os
import re
import subprocess
import sys

import monitor.metrics
from common.sentences import SENTENCES
from tests.source_tree import ROOT

PATH = os.path.join(ROOT, 'docs', 'reference.md')
BLOCK = re.compile(r'<!-- (\w+) (\w+) -->\n.*?<!-- end -->', re.DOTALL)
SETTINGS = {'client': 'client.settings', 'dispatcher': 'dispatcher.settings', 'calculator': 'calculator.settings',
            'monitor': 'monitor.settings', 'simulator': 'simulator.scenario'}


def row(*cells):
    return '| %s |' % ' | '.join(' '.join(cell.split()).replace('|', '\\|') for cell in cells)


def settings(role):
    group = importlib.import_module(SETTINGS[role]).SETTINGS
    return [row('setting', 'default', 'takes', 'what it is'), '| --- | --- | --- | --- |'] + [
        row('`%s`' % key, '`%s`' % json.dumps(setting.default), setting.kind.expected, setting.about)
        for key, setting in group.walk() if role != 'simulator' or key.split('.')[0] not in SETTINGS]


def options(role):
    """The options in the output of ``--help``. A line with a deeper indentation continues the previous line."""
    output = subprocess.check_output(
        [sys.executable, os.path.join(ROOT, 'run_%s.py' % role), '--help'],
        env=dict(os.environ, COLUMNS='1000', PYTHONIOENCODING='utf-8')).decode('utf-8')
    listed = re.split(r'\n(?:options|optional arguments):\n', output)[1]
    # 3.13 and later write the metavariable once.
    listed = re.sub(r'^  (-\w), (--[\w-]+) ([A-Z]+)', r'  \1 \3, \2 \3', listed, flags=re.MULTILINE)
    entries = re.findall(r'^  (-\S.*?)(?:\s{2,}|\n\s{10,})(\S.*)$', listed, re.MULTILINE)
    return [row('option', 'what it does'), '| --- | --- |'] + [row('`%s`' % left, about) for left, about in entries]


def events(role):
    sentences = SENTENCES[role]
    found = [row('event', 'level', 'sentence'), '| --- | --- | --- |']
    for kind in sorted(sentences):
        level, sentence = sentences[kind]
        found.append(row('`%s`' % kind, level, re.sub(
            r'%\((\w+)(?: (\w+))?\)[-+ 0-9.]*[a-z]', lambda match: '`%s`%s' % (
                match.group(1), ' ' + match.group(2) if match.group(2) else ''), sentence).replace('%%', '%')))
    return found


class Recorder(list):
    """Stands for a page of metrics, and for a picture without calculators and clients."""

    calculators = clients = {}

    def __init__(self):
        super(Recorder, self).__init__()
        self.lines = []

    def metric(self, name, kind, about, _):
        self.append(row('`%s`' % name, kind, about))


def metrics(_):
    page = Recorder()
    monitor.metrics._add_dispatcher(page, {})
    monitor.metrics._add_tasks(page, {})
    monitor.metrics._add_response_times(page, {}, {})
    _, _, name, about = page.lines[0].split(' ', 3)
    page.metric(name, 'histogram', about, None)
    monitor.metrics._add_calculators(page, page)
    monitor.metrics._add_clients(page, page)
    return [row('metric', 'type', 'what it is'), '| --- | --- | --- |'] + page


TABLES = {'settings': settings, 'options': options, 'events': events, 'metrics': metrics}


def written(text):
    """The page with new tables."""
    return BLOCK.sub(lambda match: '<!-- %s %s -->\n%s\n<!-- end -->' % (
        match.group(1), match.group(2), '\n'.join(TABLES[match.group(1)](match.group(2)))), text)


def main():
    with io.open(PATH, encoding='utf-8') as page:
        text = written(page.read())
    with io.open(PATH, 'w', encoding='utf-8', newline='\n') as page:
        page.write(text)


if __name__ == '__main__':
    main()
