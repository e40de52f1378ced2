"""The manual agrees with the code: defaults, ranges, options, fields, kinds of rows, times, names of files.

Sentences cannot be tested. Tables, examples, commands and links can.
"""

from __future__ import absolute_import, division, print_function

import ast
import importlib
import io
import json
import os
import re
import signal
import subprocess
import sys

import pytest

from common import report
from common.compat import INTEGER_TYPES
from common.sentences import SENTENCES
from demo.report import _ROW, _TIMES
from demo.sentences import DEMO
from dispatcher.observers.sentences import status_line
from dispatcher.settings import SETTINGS as DISPATCHER_SETTINGS
from net_protocol import budget, channel, codec, limits, recovery
from net_protocol import rows as row_kinds
from net_protocol import schedule, sending, turn
from net_protocol.rows import FIELDS, ORDER, OUTCOMES
from net_protocol.seals import CHECKSUM
from net_protocol.time_line import time_line
from net_protocol.traffic import Traffic
from runtime import settings as settings_file
from runtime.launcher import Child, command, wait_until
from tests import reference
from tests.simulator.mutants import MUTANTS
from tests.source_tree import ROOT, python_files

ROLES = ('client', 'dispatcher', 'calculator')
#: Programs with settings and a page of their own.
PROGRAMS = ROLES + ('monitor',)
PROGRAM_FILES = sorted(name for name in os.listdir(ROOT) if name.startswith('run_') and name.endswith('.py'))
PAGES = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md'] + sorted(
    'docs/' + name for name in os.listdir(os.path.join(ROOT, 'docs')) if name.endswith('.md'))

#: Names in the text that are no files of the tree: what a reader writes, and what a sentence calls by its ending.
#: Figures are committed with a release only.
NO_FILES = frozenset(['config.json', 'core.py', 'settings.py', 'docker-compose.yml', 'benchmarks/results.json',
                      'work.py'])


def read(path):
    with io.open(os.path.join(ROOT, path), encoding='utf-8') as page:
        return page.read()


def section(page, heading):
    """What stands below a heading, down to the next one that is not below it."""
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
    """The rows of all tables in a text whose first cell is one word of code: word -> the other cells."""
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


#: What a sample says and a bare command does not: whoever edits a file has a place for files.
NOT_DEFAULT = {'dispatcher': {'journal': 'dispatcher.journal'}}


def settings_of(role):
    return importlib.import_module(role + '.settings').SETTINGS


# Settings.

def test_the_tables_of_the_reference_are_what_the_code_says():
    text = read('docs/reference.md')
    assert text == reference.written(text), 'python3 -m tests.reference writes them'


@pytest.mark.parametrize('role', PROGRAMS)
def test_the_sample_settings_load_and_have_every_key_with_its_default(role):
    path = os.path.join(ROOT, 'config', role + '.json')
    group = settings_of(role)
    loaded = settings_file.load(path, group)
    assert loaded == dict(group.checked({}), **NOT_DEFAULT.get(role, {}))
    written = json.loads(read('config/%s.json' % role))
    for key, _ in group.walk():
        value = written
        for part in key.split('.'):
            assert part in value, '%s is not in the sample of the %s' % (key, role)
            value = value[part]


@pytest.mark.parametrize('role', PROGRAMS)
def test_the_settings_for_containers_load(role):
    settings_file.load(os.path.join(ROOT, 'config', 'compose', role + '.json'), settings_of(role))


@pytest.mark.parametrize('role', ROLES)
def test_the_settings_for_kubernetes_load(role):
    settings_file.load(os.path.join(ROOT, 'deploy', 'kubernetes', role + '.json'), settings_of(role))


def test_the_time_line_in_the_manual_is_what_check_prints():
    text = section('docs/operations.md', '## How a death is noticed')
    given = re.search(r'\(`(\{.*?\})`\)', text)
    assert given is not None
    settings = DISPATCHER_SETTINGS.checked(json.loads(given.group(1)))
    assert '\n'.join(time_line(settings)) in text


# The protocol.

def decoded(rows):
    """The rows of a datagram that carries them as they stand in the manual."""
    head = codec.head('client', 'somebody', 'k3f7q2xa', '')
    return codec.decode(codec.datagram(CHECKSUM, head, 1, [], 0, rows.strip()[1:-1])).rows


def test_the_kinds_of_rows_in_the_manual_are_those_of_the_code_in_their_order():
    assert re.findall(r'^### `(.*)`$', section('docs/protocol.md', '## Rows'), re.MULTILINE) == list(ORDER)
    assert set(ORDER) == set(FIELDS)


@pytest.mark.parametrize('kind', ORDER)
def test_every_kind_of_row_has_its_fields_and_an_example_that_decodes(kind):
    text = section('docs/protocol.md', '### `%s`' % kind)
    begin = re.match(u'\n*(?:client|dispatcher|calculator|monitor|anybody) \u2192 [a-z ]+'
                     u'(?:, no fields|: ([^.]*))\\.', text)
    assert begin is not None, 'sender, receiver and fields'
    assert re.findall('`([a-z_]+)`', begin.group(1) or '') == [name for name, _ in FIELDS[kind]]
    body, = json_blocks(text)
    assert decoded(body) == json.loads(body)
    assert list(json.loads(body)) == [kind]


def test_the_datagram_in_the_manual_is_one_that_the_codec_writes():
    text = section('docs/protocol.md', '## Datagrams')
    shown, = json_blocks(text)
    shown = shown.strip()
    found = codec.decode(shown.encode('ascii'))
    _, rows, rest = codec.pack(found.rows, 1400, 1.0)
    head = codec.head(found.role, found.name, found.incarnation, found.to)
    assert rest is None
    assert codec.datagram(CHECKSUM, head, found.number, sorted(found.acks), found.open, rows,
                          delay_ms=found.delay_ms) == shown.encode('ascii')
    assert set(table(text)) == set(json.loads(shown))


def constants():
    """The numbers of the protocol. The order of kinds and the estimated size of an envelope are none."""
    found = {}
    for module in (schedule, limits, recovery, channel, budget, sending, turn):
        for name, value in vars(module).items():
            if name.isupper() and name[0] != '_' and type(value) in INTEGER_TYPES + (float, tuple) \
                    and name not in ('ORDER', 'ENVELOPE_BYTES'):
                found[name] = value
    return found


def test_every_time_and_every_limit_is_in_the_manual():
    rows = table(section('docs/reference.md', '## Constants of the protocol'))
    written = {name: json.loads(cells[0]) for name, cells in rows.items()}
    assert written == {name: list(value) if type(value) is tuple else value for name, value in constants().items()}


def test_every_cause_outcome_and_reason_is_in_the_manual():
    assert set(table(section('docs/protocol.md', '## Refused datagrams'))) == set(Traffic().refused)
    assert set(table(section('docs/protocol.md', '## Tasks'))) == set(OUTCOMES)
    for kind, reasons in (('refused', row_kinds.REFUSALS), ('assign_refused', row_kinds.ASSIGN_REFUSALS),
                          ('not_registered', row_kinds.REGISTRATION_REFUSALS)):
        text = section('docs/protocol.md', '### `%s`' % kind)
        for reason in reasons:
            assert '`%s`' % reason in text, '%s of %s' % (reason, kind)
    assert set(table(section('docs/protocol.md', '### `status_report`'))) == set(report.COLUMNS) | {report.FACTS}


# Command lines and what they print.

def help_of(program):
    """The options in the help of a program."""
    output = subprocess.check_output([sys.executable, os.path.join(ROOT, program), '--help']).decode('utf-8')
    return set(re.findall(r'(?<![\w-])(--?[a-z][a-z-]*)', output.split('options:' if 'options:' in output
                                                                      else 'optional arguments:')[1]))


@pytest.mark.parametrize('role', ROLES)
def test_the_help_describes_every_setting_with_its_default(role):
    output = subprocess.check_output([sys.executable, os.path.join(ROOT, 'run_%s.py' % role), '--help'],
                                     env=dict(os.environ, COLUMNS='80')).decode('utf-8')
    assert max(len(line) for line in output.splitlines()) < 80
    text = ' '.join(output.split())
    for key, setting in settings_of(role).walk():
        assert '%s: %s Default: %s.' % (key, ' '.join(setting.about.split()), json.dumps(setting.default)) in text


def account_of(role, folder):
    """What a real process prints with ``--json`` when it is asked to stop as soon as it listens."""
    settings = {'drain_timeout_s': 0}  # type: dict
    if role != 'client':
        settings['listen'] = {'port': 0}
    process = Child(command(role, str(folder.join('settings.json')), settings) + ['--json'], str(folder.join(role)))
    try:
        assert wait_until(lambda: 'listening' in process.log, 60)
        process.signal(signal.SIGINT)
        assert wait_until(lambda: not process.is_running, 60)
    finally:
        process.dispose()
    assert process.exit_status == 0
    return json.loads(process.output)


def paths(value, prefix=''):
    """The dotted keys of everything that is no object, or an empty one."""
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            for path in paths(inner, prefix + key + '.'):
                yield path
        else:
            yield prefix + key


@pytest.mark.parametrize('role', ROLES)
def test_every_field_of_the_account_is_in_the_manual_and_no_other(role, tmpdir):
    account = account_of(role, tmpdir)
    rows = table(section('docs/reference.md', '### Account of the %s' % role))
    traffic = account.pop('traffic')
    assert set(table(section('docs/reference.md', '### Traffic'))) == set(traffic)
    there = set(paths(account)) | {'traffic'}
    # The dispatcher's counters repeat what stands above them; the manual says so once.
    repeated = {path for path in there if role == 'dispatcher' and path.startswith('counts.') and (
        path[len('counts.'):] in account or path[len('counts.'):] in OUTCOMES
        or path.startswith('counts.attempt_'))}
    groups = {path.rsplit('.', 1)[0] for path in there if '.' in path}
    assert set(rows) - groups == there - repeated
    assert groups <= set(rows)


def strings(path):
    """All texts in a source file."""
    for node in ast.walk(ast.parse(read(path).encode('utf-8'))):
        # On 2.7 it is called ``s`` (until 2.7 goes).
        text = [getattr(node, field) for field in ('value', 's') if field in node._fields]
        if text and isinstance(text[0], (type(u''), str)):
            yield text[0]


def printed_by(template):
    """The expression that matches what a text with places for values prints."""
    places = re.compile(r'%(?:\([\w ]+\))?[-+ 0-9.]*[a-z]')
    return '.*?'.join(re.escape(part) for part in places.split(template)) + r'\Z'


LOG_TEMPLATES = [text for name in sorted(os.listdir(os.path.join(ROOT, 'runtime'))) if name.endswith('.py')
                 for text in strings('runtime/' + name)]
LOG_TEMPLATES += [sentence for role in ROLES for _, sentence in SENTENCES[role].values()]
LOG_LINE = re.compile(r'\d\d:\d\d:\d\d\.\d{3} [A-Z]+ +\S+: (.*)')


def log_expressions():
    numbers = dict.fromkeys(('waiting', 'running', 'alive', 'suspect', 'dead'), 1)
    status = re.sub(r'[0-9.]+', '%s', status_line(numbers, 1.0, 1.0))
    return [printed_by(text) for text in LOG_TEMPLATES + [status] if len(text) > 10 and text != '%s']


@pytest.mark.parametrize('page', PAGES)
def test_every_line_of_a_log_in_the_manual_is_one_that_is_still_printed(page):
    expressions = log_expressions()
    unknown = [line for line in LOG_LINE.findall(read(page))
               if not any(re.match(expression, line) for expression in expressions)]
    assert unknown == []


@pytest.mark.parametrize('page', PAGES)
def test_every_line_of_an_account_in_the_manual_is_one_that_is_still_printed(page):
    templates = [text for path in ('client/statistics.py', 'dispatcher/observers/sentences.py',
                                   'calculator/sentences.py')
                 for text in strings(path) if re.match(r'[a-z ]{6,}%8d   ', text)]
    assert len(templates) > 10
    labels = tuple(template.split('%')[0] for template in templates)
    # docker-compose puts the name of the container before each line.
    lines = [re.sub(r'^\w+_\d+ +\| ', '', line) for line in read(page).splitlines()]
    expressions = [printed_by(template) for template in templates]
    # The blanks that nothing follows are not printed.
    unknown = [line for line in lines if line.startswith(labels)
               and not any(re.match(expression, line + blanks) for expression in expressions for blanks in ('', '   '))]
    assert unknown == []


def demo_on_the_first_page():
    """The lines of the sample, those that were wrapped put together again, without the marks of what was left out."""
    block = read('README.md').split('$ python3 run_demo.py\n')[1].split('```')[0]
    block = re.sub(r'\n {4}(?=\S)(?! *\d)', ' ', block)
    return [line for line in block.splitlines() if line and line != u'(\u2026)']


def test_every_line_of_the_demo_on_the_first_page_is_one_that_is_still_printed():
    sentences = [sentence for known in list(SENTENCES.values()) + [DEMO] for _, sentence in known.values()]
    printed = [r' *\d+\.\d s  ([\w-]+: )?' + printed_by(sentence) for sentence in sentences]
    # What the report puts together from pieces begins like one of them.
    places = re.compile(r'%[-+ 0-9.]*[a-z]')
    pieces = [text for path in ('demo/report.py', 'run_demo.py') for text in strings(path)
              if len(places.sub('', text)) > 10]
    printed += [printed_by(text)[:-len(r'\Z')] for text in pieces]
    printed += [r'  client-\d:\d+' + printed_by(text)[len('.*?'):] for text in pieces if text.startswith('%s')]
    row = r'(client-\d|all clients) +\d+ +\d+ +\d+( +(\d+\.\d\d s|-)){4}\Z'
    heading = re.escape(_ROW % (('response time:', 'sent', 'answered', 'unanswered') + _TIMES)) + r'\Z'
    unknown = [line for line in demo_on_the_first_page()
               if not any(re.match(expression, line) for expression in printed + [row, heading])]
    assert unknown == []


def test_the_accounts_of_the_demo_on_the_first_page_add_up():
    text = '\n'.join(demo_on_the_first_page())
    rows = {name: [int(number) for number in numbers]
            for name, numbers in ((row[0], row[1:]) for row in re.findall(
                r'^(client-\d|all clients) +(\d+) +(\d+) +(\d+) ', text, re.MULTILINE))}
    total = rows.pop('all clients')
    assert [sum(column) for column in zip(*rows.values())] == total
    sent, answered, unanswered = total
    assert sent == answered + unanswered
    assert 'The dispatcher accepted %d tasks: done %d' % (sent, answered) in text
    assert 'sent and accepted %d, answered and done %d.' % (sent, answered) in text
    (attempts, lost), = re.findall(r'^It took (\d+) attempts, (\d+) of them without a result', text, re.MULTILINE)
    assert int(attempts) - int(lost) == answered
    held, = re.findall(r'^calculator-\w was killed at .* while it held (\d+) tasks?\.$', text, re.MULTILINE)
    assert len(re.findall(r'^  client-\d:\d+ ', text, re.MULTILINE)) >= int(held)


# Files, links and commands.

def anchors(page):
    """The anchors that a page has when it is shown: made of its headings."""
    found = set()
    fenced = False
    for line in read(page).splitlines():
        if line.startswith('```'):
            fenced = not fenced
        elif not fenced and re.match(r'#+ ', line):
            words = re.sub(r'[^\w\- ]', '', line.lstrip('# ').lower(), flags=re.UNICODE)
            found.add(words.replace(' ', '-'))
    return found


def links(page):
    """Relative links as (path from the root, anchor or '')."""
    for target in re.findall(r'\]\(([^)\s]+)\)', read(page)):
        if '://' not in target:
            path, _, anchor = target.partition('#')
            yield os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page, anchor


@pytest.mark.parametrize('page', PAGES)
def test_every_relative_link_leads_somewhere(page):
    for path, anchor in links(page):
        assert os.path.exists(os.path.join(ROOT, path)), path
        if anchor:
            assert anchor in anchors(path.replace(os.sep, '/')), '%s#%s' % (path, anchor)


@pytest.mark.parametrize('page', PAGES)
def test_every_file_that_is_named_is_there(page):
    named = re.findall(r'(?<![\w./<-])([a-z_*][\w./*-]*\.(?:py|md|json|yml|txt|toml|ini))\b', read(page))
    # What a profile shows of the standard library is not ours.
    missing = [name for name in named if '*' not in name and name not in NO_FILES and not name.startswith('python3.')
               and not os.path.exists(os.path.join(ROOT, name))
               and not any(os.path.exists(os.path.join(ROOT, folder, name))
                           for folder in (os.path.dirname(page), 'deploy/kubernetes'))]
    assert missing == []


def commands(page):
    """Each ``python X.py`` in a page, with the options that follow on its line."""
    for program, rest in re.findall(r'\bpython[0-9.]* ([\w./]+\.py)\b([^`\n;|]*)', read(page)):
        yield program, re.findall(r'(?<![\w-])(--?[a-z][a-z-]*)', re.split(r'\s#|\s{3}', rest)[0])


@pytest.mark.parametrize('page', PAGES)
def test_every_command_names_a_program_that_exists_and_options_that_it_has(page):
    for program, options in commands(page):
        assert os.path.exists(os.path.join(ROOT, program)), program
        assert set(options) <= help_of(program), '%s %s' % (program, options)


@pytest.mark.parametrize('page', PAGES)
def test_every_make_target_that_is_named_exists(page):
    targets = re.findall(r'^([a-z]+):', read('Makefile'), re.MULTILINE)
    for target in re.findall(r'(?:`|^|\$ )make ([a-z]+)', read(page), re.MULTILINE):
        assert target in targets


def test_every_file_that_a_source_names_is_there():
    missing = [(path, name) for path, source in python_files() if not path.startswith('tests/')
               for name in re.findall(r'(?<![\w./<>*-])((?:[a-z_]+/)+[a-z_]+\.(?:py|md|json))\b', source)
               if name not in NO_FILES and not os.path.exists(os.path.join(ROOT, name))]
    assert missing == []


@pytest.mark.parametrize('page', ['README.md', 'docs/design.md', 'docs/tutorial.md', 'CONTRIBUTING.md'])
def test_how_the_promises_are_tried_is_linked_from_where_they_are_read(page):
    assert 'docs/reliability.md' in [path for path, _ in links(page)]


def test_every_page_of_the_manual_is_linked_from_the_first_one():
    assert {page for page in PAGES if page.startswith('docs/')} <= {path for path, _ in links('README.md')}


@pytest.mark.parametrize('program', PROGRAM_FILES)
def test_every_program_is_in_the_list_of_changes_or_is_a_daemon(program):
    text = read('CHANGELOG.md').lower()
    assert program in text or 'the %s: ' % program[len('run_'):-len('.py')] in text


#: Pages whose prose is wrapped; what a program prints, a table and an example are as long as they are.
WRAPPED = ['README.md'] + ['docs/%s.md' % name for name in ('operations', 'protocol', 'design', 'tutorial')]


@pytest.mark.parametrize('page', WRAPPED)
def test_no_line_of_prose_is_too_long_to_read_beside_the_code(page):
    prose = re.sub(r'```.*?```', '', read(page), flags=re.DOTALL)
    assert [line for line in prose.splitlines() if len(line) >= 120 and not line.startswith(('|', '!['))] == []


def test_the_first_page_is_short_and_finished():
    text = read('README.md')
    assert len(text.splitlines()) < 150
    assert '<!--' not in text


def test_the_tree_on_the_first_page_is_the_one_that_is_there():
    tree = section('README.md', '## Where things live').split('```')[1]
    named = {name for line in tree.splitlines() for name in re.findall(r'[\w.-]+/?', re.split(r'\s{3,}', line)[0])}
    for name in named:
        assert os.path.exists(os.path.join(ROOT, name)), name
    shown = {name.rstrip('/') for name in named}
    # What a reader looks for in vain otherwise: every program and every folder with code.
    assert set(PROGRAM_FILES) <= shown
    assert {name for name in os.listdir(ROOT)
            if os.path.exists(os.path.join(ROOT, name, '__init__.py'))} <= shown


def test_the_rules_in_the_manual_are_those_that_are_checked_and_each_has_a_broken_variant():
    rules = set(table(section('docs/reliability.md', '## Rules')))
    # A test of its own breaks S18.
    assert rules == {rule for names, _, _ in MUTANTS.values() for rule in names if rule[1:].isdigit()} | {'S18'}
    checked = {rule for path, source in python_files() if path.startswith('simulator/')
               for rule in re.findall(r"'([SL][0-9]+)'", source)}
    # S18 has that test, and the page says which other rules, and which exit status, stand for L6.
    assert checked == rules - {'S18', 'L6'}
