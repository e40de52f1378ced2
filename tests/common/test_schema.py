"""Settings as data: every kind of mistake gives one line that says where, what was found, and what is expected."""

from __future__ import absolute_import, division, print_function

import pytest

from calculator.settings import SETTINGS as CALCULATOR
from client.settings import SETTINGS as CLIENT
from common import lengths, schema
from common.schema import Group, Setting, SettingRefused
from dispatcher.settings import SETTINGS as DISPATCHER

NAN, INFINITY = float('nan'), float('inf')

ROLES = [CLIENT, DISPATCHER, CALCULATOR]
ROLE_NAMES = ['client', 'dispatcher', 'calculator']


def ordered(settings):
    return None if settings['least'] <= settings['count'] else ('least', 'at most count')


SAMPLE = Group('', (
    Setting('count', schema.whole_number(1, 100), 10, 'How many.'),
    Setting('least', schema.whole_number(0, 100), 0, 'How many at least.'),
    Setting('share', schema.number(0, 1), 0.5, 'How much.'),
    Setting('wait_s', schema.seconds(0.1), 2, 'How long.'),
    Setting('pause_s', schema.random_length(), [1, 2], 'How long in between.'),
    Setting('colour', schema.choice('red', 'green'), 'red', 'Which.'),
    Setting('name', schema.NAME, None, 'Who.'),
    Group('peer', (
        schema.address('listen', schema.PORT_OR_ANY, 5555, 'Where.'),
        Setting('flavour', schema.choice('sweet'), 'sweet', 'How.'),
    ), 'The other one.'),
), together=ordered)

DEFAULTS = {
    'count': 10, 'least': 0, 'share': 0.5, 'wait_s': 2, 'pause_s': [1, 2], 'colour': 'red', 'name': None,
    'peer': {'listen': {'host': '127.0.0.1', 'port': 5555}, 'flavour': 'sweet'},
}

#: Kind -> (what it takes, what it refuses).
KINDS = {
    'whole number': (schema.whole_number(1, 3), [1, 3], [0, 4, -1, 1.0, True, False, None, u'1', [1], NAN, 2 ** 70]),
    'number': (schema.number(0, 1), [0, 1, 0.5, 0.0, 1.0],
               [-0.1, 1.1, NAN, INFINITY, -INFINITY, True, None, u'0', [0]]),
    'seconds': (schema.seconds(0.1), [0.1, 1, 31622400], [0, 0.09, 31622401, NAN, INFINITY, True, None, u'1', [1, 2]]),
    'range': (schema.random_length(), [[0, 0], [1, 2.5], [2, 2], (1, 2), [0, 31622400]], [
        [2, 1], [-1, 1], [1], [], [1, 2, 3], [1, NAN], [NAN, NAN], [0, INFINITY], [True, 2], [u'1', u'2'], None, 1,
        u'12', {u'0': 1, u'1': 2}, [[1], [2]]]),
    'choice': (schema.choice('red', 'green'), ['red', u'green'], [u'Red', u'', None, 1, [u'red'], {}]),
    'name': (schema.NAME, [None, u'a', u'a-1.b_c@d'],
             [u'', u'a b', u'a\n', u'\xe4', u'-a', u'a' * 81, 1, True, [u'a']]),
    'host': (schema.HOST, [u'a', u'localhost', u'127.0.0.1', u'::1', u'fe80::1%eth0', u'a' * 253],
             [u'', u'a b', u'a\n', u'a\x7f', u'\x00', u'\xe4', u'a' * 254, None, 1, [u'a']]),
    'port': (schema.PORT, [1, 65535], [0, 65536, -1, 80.0, u'80', True, None]),
    'port or any': (schema.PORT_OR_ANY, [0, 1, 65535], [65536, -1, False, None]),
}


@pytest.mark.parametrize('kind, takes, refuses', [KINDS[name] for name in sorted(KINDS)], ids=sorted(KINDS))
def test_a_kind_takes_what_it_says_and_nothing_else(kind, takes, refuses):
    assert [value for value in takes if not kind.accepts(value)] == []
    assert [value for value in refuses if kind.accepts(value)] == []
    assert kind.expected


def test_nothing_means_all_defaults():
    assert SAMPLE.checked({}) == SAMPLE.default == DEFAULTS


def test_what_is_said_replaces_the_default_and_nothing_else():
    assert SAMPLE.checked({'count': 3, 'peer': {'listen': {'port': 0}}}) == dict(
        DEFAULTS, count=3, peer={'listen': {'host': '127.0.0.1', 'port': 0}, 'flavour': 'sweet'})


MISTAKES = [
    ('unknown key', {'colr': 'red'}, 'colr: found an unknown key, expected "colour" (did you mean that?)'),
    ('unknown key, nothing near', {'zzz': 1},
     'zzz: found an unknown key, expected one of count, least, share, wait_s, pause_s, colour, name, peer'),
    ('unknown key in a group', {'peer': {'flavor': 'sweet'}},
     'peer.flavor: found an unknown key, expected "flavour" (did you mean that?)'),
    ('unknown key two groups down', {'peer': {'listen': {'prot': 1}}},
     'peer.listen.prot: found an unknown key, expected "port" (did you mean that?)'),
    ('of two unknown keys the first by name', {'b': 1, 'a': 1},
     'a: found an unknown key, expected one of count, least, share, wait_s, pause_s, colour, name, peer'),
    ('wrong type', {'count': u'3'}, 'count: found "3", expected a whole number from 1 to 100'),
    ('a whole number that is none', {'count': 3.0}, 'count: found 3.0, expected a whole number from 1 to 100'),
    ('a flag for a number', {'count': True}, 'count: found true, expected a whole number from 1 to 100'),
    ('null', {'count': None}, 'count: found null, expected a whole number from 1 to 100'),
    ('out of range', {'count': 0}, 'count: found 0, expected a whole number from 1 to 100'),
    ('not a number', {'share': NAN}, 'share: found NaN, expected a number from 0 to 1'),
    ('infinite', {'wait_s': INFINITY}, 'wait_s: found Infinity, expected a number of seconds from 0.1 to 31622400'),
    ('range reversed', {'pause_s': [2, 1]},
     'pause_s: found [2, 1], expected ' + lengths.EXPECTED),
    ('one number for a range', {'pause_s': 2},
     'pause_s: found 2, expected ' + lengths.EXPECTED),
    ('an unknown word', {'colour': u'blue'}, 'colour: found "blue", expected one of "red", "green"'),
    ('a bad name', {'name': u'a b'},
     'name: found "a b", expected a name of 1 to 80 of A-Z a-z 0-9 _ . @ -, beginning with a letter or digit, or null'),
    ('a group that is a text', {'peer': u'localhost:5555'}, 'peer: found "localhost:5555", expected an object { }'),
    ('a group that is null', {'peer': {'listen': None}}, 'peer.listen: found null, expected an object { }'),
    ('a setting that is a group', {'count': {}}, 'count: found {}, expected a whole number from 1 to 100'),
    ('not an object', [1, 2], 'settings: found [1, 2], expected an object { }'),
    ('nothing at all', None, 'settings: found null, expected an object { }'),
    ('two that do not go together', {'least': 11}, 'least: found 11, expected at most count'),
    ('a long value', {'colour': u'x' * 1000}, 'colour: found "%s..., expected one of "red", "green"' % ('x' * 56)),
    ('a value in another script', {'colour': u'\u043a'}, 'colour: found "\\u043a", expected one of "red", "green"'),
    ('a value of two lines', {'colour': u'red\ngreen'}, 'colour: found "red\\ngreen", expected one of "red", "green"'),
    ('a key in another script', {'peer': {u'\u043a': 1}},
     'peer."\\u043a": found an unknown key, expected one of listen, flavour'),
    ('a key of two lines', {'peer': {u'a\nb': 1}},
     'peer."a\\nb": found an unknown key, expected one of listen, flavour'),
    ('a key as long as a page', {'peer': {u'k' * 3000: 1}},
     'peer."%s...: found an unknown key, expected one of listen, flavour' % ('k' * 56)),
    ('an empty key', {'peer': {u'': 1}}, 'peer."": found an unknown key, expected one of listen, flavour'),
]


@pytest.mark.parametrize('value, line', [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_gives_one_line(value, line):
    with pytest.raises(SettingRefused) as caught:
        SAMPLE.checked(value)
    assert str(caught.value) == line
    # As it is printed, on a terminal that may know ASCII only.
    assert ('%s' % caught.value).encode('ascii').count(b'\n') == 0


def test_to_check_changes_nothing():
    given = {'pause_s': (3, 4), 'peer': {}}
    # A range becomes a list, as in a file, so that equal settings look equal.
    assert SAMPLE.checked(given)['pause_s'] == [3, 4]
    assert given == {'pause_s': (3, 4), 'peer': {}}


def test_all_settings_can_be_walked_in_the_order_of_the_documentation():
    assert [key for key, _ in SAMPLE.walk()] == [
        'count', 'least', 'share', 'wait_s', 'pause_s', 'colour', 'name', 'peer.listen.host', 'peer.listen.port',
        'peer.flavour']


# The settings of the three roles.

@pytest.mark.parametrize('group', ROLES, ids=ROLE_NAMES)
def test_every_default_is_taken_by_its_own_kind(group):
    assert [key for key, setting in group.walk() if not setting.kind.accepts(setting.default)] == []
    assert group.checked(group.checked({})) == group.checked({})


@pytest.mark.parametrize('group', ROLES, ids=ROLE_NAMES)
def test_every_setting_says_what_it_does_and_what_it_takes(group):
    for key, setting in group.walk():
        assert setting.about.endswith('.'), key
        assert setting.kind.expected, key


@pytest.mark.parametrize('group', ROLES, ids=ROLE_NAMES)
def test_no_setting_takes_nonsense_and_every_refusal_names_the_setting(group):
    for key, _ in group.walk():
        for nonsense in (NAN, -1, True, u'', [], {}, [[]], u'\x00'):
            value = nonsense
            for part in reversed(key.split('.')):
                value = {part: value}
            with pytest.raises(SettingRefused) as caught:
                group.checked(value)
            assert caught.value.key == key


@pytest.mark.parametrize('group', ROLES, ids=ROLE_NAMES)
def test_a_length_of_time_has_its_unit_in_its_name(group):
    for key, setting in group.walk():
        assert key.endswith('_s') == ('seconds' in setting.kind.expected), key


#: What others rely on: the names in the design, with values that must be taken as they are.
PROMISED = {
    'client': {'dispatcher': {'host': '127.0.0.1', 'port': 5555}, 'task_interval_s': [0.5, 1.5], 'task_timeout_s': 60,
               'in_flight_max': 1000},
    'dispatcher': {'listen': {'host': '127.0.0.1', 'port': 5555}, 'answer_timeout_s': 10, 'task_timeout_s': 60,
                   'pending_max': 100000},
    'calculator': {'dispatcher': {'host': '127.0.0.1', 'port': 5555}, 'listen': {'host': '127.0.0.1', 'port': 5600},
                   'task_duration_s': [1, 3], 'heartbeat_interval_s': 1, 'capacity': 1,
                   'outage': {'check_interval_s': 10, 'probability': 0.1, 'duration_s': [2, 5], 'kind': 'crash'}},
}


@pytest.mark.parametrize('name, group', list(zip(ROLE_NAMES, ROLES)), ids=ROLE_NAMES)
def test_the_promised_settings_exist_and_are_the_defaults(name, group):
    checked = group.checked(PROMISED[name])
    assert checked == group.checked({})
    for key, value in PROMISED[name].items():
        assert checked[key] == value


@pytest.mark.parametrize('suspect, dead, is_right', [(3, 5, True), (1, 2, True), (5, 5, False), (6, 5, False)])
def test_a_calculator_is_suspect_before_it_is_dead(suspect, dead, is_right):
    value = {'suspect_after_missed': suspect, 'dead_after_missed': dead}
    if is_right:
        assert DISPATCHER.checked(value)['dead_after_missed'] == dead
    else:
        with pytest.raises(SettingRefused) as caught:
            DISPATCHER.checked(value)
        assert str(caught.value) == 'dead_after_missed: found %d, expected more than suspect_after_missed (%d)' % (
            dead, suspect)
