"""The tables and examples of the documentation agree with the code: settings, rows, constants, fields of accounts."""

from __future__ import absolute_import, division, print_function

import json
import os
import re
import signal

import pytest

from common import report
from common.compat import INTEGER_TYPES
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
from tests.pages import PAGES, ROLES, json_blocks, read, section, settings_of, table
from tests.simulator.mutants import MUTANTS
from tests.source_tree import ROOT, python_files

#: Settings whose value in the sample differs from the default.
NOT_DEFAULT = {'dispatcher': {'journal': 'dispatcher.journal'}}


# Settings.

def test_the_tables_of_the_reference_are_those_of_the_code():
    text = read('docs/reference.md')
    assert text == reference.written(text), 'python3 -m tests.reference writes them'


@pytest.mark.parametrize('role', ROLES + ('monitor',))
def test_the_sample_settings_load_and_have_every_key_with_its_default(role):
    group = settings_of(role)
    loaded = settings_file.load(os.path.join(ROOT, 'config', role + '.json'), group)
    assert loaded == dict(group.checked({}), **NOT_DEFAULT.get(role, {}))
    sample = json.loads(read('config/%s.json' % role))
    for key, _ in group.walk():
        value = sample
        for part in key.split('.'):
            assert part in value, '%s is not in the sample of the %s' % (key, role)
            value = value[part]


@pytest.mark.parametrize('folder, role', [('config/compose', role) for role in ROLES + ('monitor',)]
                         + [('deploy/kubernetes', role) for role in ROLES])
def test_the_settings_for_containers_load(folder, role):
    settings_file.load(os.path.join(ROOT, folder, role + '.json'), settings_of(role))


def test_the_time_line_in_the_manual_is_the_output_of_check():
    text = section('docs/operations.md', '## How a death is noticed')
    settings = re.search(r'\(`(\{.*?\})`\)', text)
    assert settings is not None
    assert '\n'.join(time_line(DISPATCHER_SETTINGS.checked(json.loads(settings.group(1))))) in text


# The protocol.

def test_the_manual_has_all_kinds_of_rows_in_their_order():
    assert re.findall(r'^### `(.*)`$', section('docs/protocol.md', '## Rows'), re.MULTILINE) == list(ORDER)


@pytest.mark.parametrize('kind', ORDER)
def test_every_kind_of_row_has_its_fields_and_a_valid_example(kind):
    text = section('docs/protocol.md', '### `%s`' % kind)
    begin = re.match(u'\n*(?:client|dispatcher|calculator|monitor|any process) \u2192 [a-z ]+'
                     u'(?:, no fields|: ([^.]*))\\.', text)
    assert begin is not None, 'sender, receiver and fields'
    assert re.findall('`([a-z_]+)`', begin.group(1) or '') == [name for name, _ in FIELDS[kind]]
    body, = json_blocks(text)
    head = codec.head('client', 'a-client', 'k3f7q2xa', '')
    decoded = codec.decode(codec.datagram(CHECKSUM, head, 1, [], 0, body.strip()[1:-1])).rows
    assert decoded == json.loads(body)
    assert list(decoded) == [kind]


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


def test_the_manual_has_every_constant_of_the_protocol():
    rows = table(section('docs/reference.md', '## Constants of the protocol'))
    # The order of kinds and the estimated size of an envelope are no constants of the protocol.
    constants = {name: value for module in (schedule, limits, recovery, channel, budget, sending, turn)
                 for name, value in vars(module).items()
                 if name.isupper() and name[0] != '_' and type(value) in INTEGER_TYPES + (float, tuple)
                 and name not in ('ORDER', 'ENVELOPE_BYTES')}
    assert {name: json.loads(cells[0]) for name, cells in rows.items()} == {
        name: list(value) if type(value) is tuple else value for name, value in constants.items()}


def test_the_manual_has_every_cause_outcome_and_reason():
    assert set(table(section('docs/protocol.md', '## Refused datagrams'))) == set(Traffic().refused)
    assert set(table(section('docs/protocol.md', '## Tasks'))) == set(OUTCOMES)
    for kind, reasons in (('refused', row_kinds.REFUSALS), ('assign_refused', row_kinds.ASSIGN_REFUSALS),
                          ('not_registered', row_kinds.REGISTRATION_REFUSALS)):
        text = section('docs/protocol.md', '### `%s`' % kind)
        assert [reason for reason in reasons if '`%s`' % reason not in text] == [], kind
    assert set(table(section('docs/protocol.md', '### `status_report`'))) == set(report.COLUMNS) | {report.FACTS}


# Accounts.

def account_of(role, folder):
    """The output of a real process with ``--json`` that is stopped as soon as it listens."""
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
    """The dotted keys of all values that are no objects, and of empty objects."""
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            for path in paths(inner, prefix + key + '.'):
                yield path
        else:
            yield prefix + key


@pytest.mark.parametrize('role', ROLES)
def test_the_manual_has_exactly_the_fields_of_the_account(role, tmpdir):
    account = account_of(role, tmpdir)
    rows = table(section('docs/reference.md', '### Account of the %s' % role))
    traffic = account.pop('traffic')
    assert set(table(section('docs/reference.md', '### Traffic'))) == set(traffic)
    fields = set(paths(account)) | {'traffic'}
    # Some counters of the dispatcher repeat other fields. The manual says so once.
    repeated = {path for path in fields if role == 'dispatcher' and path.startswith('counts.') and (
        path[len('counts.'):] in account or path[len('counts.'):] in OUTCOMES
        or path.startswith('counts.attempt_'))}
    groups = {path.rsplit('.', 1)[0] for path in fields if '.' in path}
    assert set(rows) - groups == fields - repeated
    assert groups <= set(rows)


# Rules of the simulator.

def test_the_manual_has_every_rule_and_each_rule_has_a_mutant():
    rules = set(table(section('docs/reliability.md', '## Rules')))
    # A test of its own breaks S18.
    assert rules == {rule for names, _, _ in MUTANTS.values() for rule in names if rule[1:].isdigit()} | {'S18'}
    checked = {rule for path, source in python_files() if path.startswith('simulator/')
               for rule in re.findall(r"'([SL][0-9]+)'", source)}
    # The manual says which other rules and which exit status stand for L6.
    assert checked == rules - {'S18', 'L6'}


# Pictures.

def test_pictures_have_text_alternatives_and_diagrams_are_light_and_dark():
    pictures = set()
    for page in PAGES:
        for text, target in re.findall(r'!\[([^\]]*)\]\(([^)]+)\)', read(page)):
            assert len(text.split()) > 2, '%s: %s has no text' % (page, target)
            pictures.add(os.path.normpath(os.path.join(os.path.dirname(page), target)))
    diagrams = [path for path in pictures if path.endswith('.svg')]
    assert len(diagrams) > 4
    for path in diagrams:
        picture = read(path)
        assert '<title' in picture and 'prefers-color-scheme: dark' in picture, path
