"""Settings as data. A mistake gives one line: the key, the value found, and the expected values."""

from __future__ import absolute_import, division, print_function

import pytest

from calculator.settings import SETTINGS as CALCULATOR
from client.settings import SETTINGS as CLIENT
from common import lengths, schema
from common.schema import Group, Setting, SettingRefused
from dispatcher.settings import SETTINGS as DISPATCHER

NAN, INFINITY = float('nan'), float('inf')


def ordered(settings):
    return None if settings['least'] <= settings['count'] else ('least', 'at most count')


SAMPLE = Group('', (
    Setting('count', schema.whole_number(1, 100), 10, 'How many.'),
    Setting('least', schema.whole_number(0, 100), 0, 'How many at least.'),
    Setting('share', schema.number(0, 1), 0.5, 'How much.'),
    Setting('wait_s', schema.seconds(0.1), 2, 'How long.'),
    Setting('pause_s', schema.random_length(), [1, 2], 'How long in between.'),
    Setting('colour', schema.choice('red', 'green'), 'red', 'Which.'),
    Group('peer', (
        schema.address('listen', schema.PORT_OR_ANY, 5555, 'Where.'),
        Setting('flavour', schema.choice('sweet'), 'sweet', 'How.'),
    ), 'The other one.'),
), together=ordered)

DEFAULTS = {
    'count': 10, 'least': 0, 'share': 0.5, 'wait_s': 2, 'pause_s': [1, 2], 'colour': 'red',
    'peer': {'listen': {'host': '127.0.0.1', 'port': 5555}, 'flavour': 'sweet'},
}

#: Kind -> (accepted values, refused values). tests/common/test_lengths.py has those of a random length.
KINDS = {
    'whole number': (schema.whole_number(1, 3), [1, 3], [0, 4, -1, 1.0, True, False, None, u'1', [1], NAN, 2 ** 70]),
    'number': (schema.number(0, 1), [0, 1, 0.5, 0.0, 1.0],
               [-0.1, 1.1, NAN, INFINITY, -INFINITY, True, None, u'0', [0]]),
    'seconds': (schema.seconds(0.1), [0.1, 1, 31622400], [0, 0.09, 31622401]),
    'random length': (schema.random_length(), [[0, 31622400]], [[2, 1]]),
    'choice': (schema.choice('red', 'green'), ['red', u'green'], [u'Red', u'', None, 1, [u'red'], {}]),
    'name': (schema.NAME, [None, u'a', u'a-1.b_c@d'],
             [u'', u'a b', u'a\n', u'\xe4', u'-a', u'a' * 81, 1, True, [u'a']]),
    'host': (schema.HOST, [u'a', u'localhost', u'127.0.0.1', u'::1', u'fe80::1%eth0', u'a' * 253],
             [u'', u'a b', u'a\n', u'a\x7f', u'\x00', u'\xe4', u'a' * 254, None, 1, [u'a']]),
    'port': (schema.PORT, [1, 65535], [0, 65536]),
    'port or any': (schema.PORT_OR_ANY, [0, 1, 65535], [65536, -1]),
}


@pytest.mark.parametrize('kind, accepted, refused', [KINDS[name] for name in sorted(KINDS)], ids=sorted(KINDS))
def test_a_kind_accepts_its_values_and_refuses_others(kind, accepted, refused):
    assert [value for value in accepted if not kind.accepts(value)] == []
    assert [value for value in refused if kind.accepts(value)] == []
    assert kind.expected


def test_an_empty_object_means_all_defaults():
    assert SAMPLE.checked({}) == SAMPLE.default == DEFAULTS


def test_a_given_value_replaces_only_its_own_default():
    assert SAMPLE.checked({'count': 3, 'peer': {'listen': {'port': 0}}}) == dict(
        DEFAULTS, count=3, peer={'listen': {'host': '127.0.0.1', 'port': 0}, 'flavour': 'sweet'})


MISTAKES = [
    ('unknown key', {'colr': 'red'}, 'colr: found an unknown key, expected "colour" (did you mean that?)'),
    ('unknown key two groups down', {'peer': {'listen': {'prot': 1}}},
     'peer.listen.prot: found an unknown key, expected "port" (did you mean that?)'),
    ('of two unknown keys the first by name', {'b': 1, 'a': 1},
     'a: found an unknown key, expected one of count, least, share, wait_s, pause_s, colour, peer'),
    ('wrong type', {'count': u'3'}, 'count: found "3", expected a whole number from 1 to 100'),
    ('a flag for a number', {'count': True}, 'count: found true, expected a whole number from 1 to 100'),
    ('null', {'count': None}, 'count: found null, expected a whole number from 1 to 100'),
    ('a group for a number', {'count': {}}, 'count: found {}, expected a whole number from 1 to 100'),
    ('not a number', {'share': NAN}, 'share: found NaN, expected a number from 0 to 1'),
    ('infinite', {'wait_s': INFINITY}, 'wait_s: found Infinity, expected a number of seconds from 0.1 to 31622400'),
    ('range reversed', {'pause_s': [2, 1]}, 'pause_s: found [2, 1], expected ' + lengths.EXPECTED),
    ('an unknown word', {'colour': u'blue'}, 'colour: found "blue", expected one of "red", "green"'),
    ('text for a group', {'peer': u'localhost:5555'}, 'peer: found "localhost:5555", expected an object { }'),
    ('a list for all settings', [1, 2], 'settings: found [1, 2], expected an object { }'),
    ('two values that contradict each other', {'least': 11}, 'least: found 11, expected at most count'),
    ('a long value', {'colour': u'x' * 1000}, 'colour: found "%s..., expected one of "red", "green"' % ('x' * 56)),
    ('a value in another script', {'colour': u'\u043a'}, 'colour: found "\\u043a", expected one of "red", "green"'),
    ('a value of two lines', {'colour': u'red\ngreen'}, 'colour: found "red\\ngreen", expected one of "red", "green"'),
    ('a key in another script', {'peer': {u'\u043a': 1}},
     'peer."\\u043a": found an unknown key, expected one of listen, flavour'),
    ('a long key', {'peer': {u'k' * 3000: 1}},
     'peer."%s...: found an unknown key, expected one of listen, flavour' % ('k' * 56)),
    ('an empty key', {'peer': {u'': 1}}, 'peer."": found an unknown key, expected one of listen, flavour'),
]


@pytest.mark.parametrize('value, line', [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_gives_one_line(value, line):
    with pytest.raises(SettingRefused) as caught:
        SAMPLE.checked(value)
    assert str(caught.value) == line
    # The terminal may know only ASCII.
    assert ('%s' % caught.value).encode('ascii').count(b'\n') == 0


def test_a_check_does_not_change_its_argument():
    given = {'pause_s': (3, 4), 'peer': {}}
    # A range becomes a list, as in a file: equal settings must look equal.
    assert SAMPLE.checked(given)['pause_s'] == [3, 4]
    assert given == {'pause_s': (3, 4), 'peer': {}}


def test_walk_has_the_order_of_the_documentation():
    assert [key for key, _ in SAMPLE.walk()] == [
        'count', 'least', 'share', 'wait_s', 'pause_s', 'colour', 'peer.listen.host', 'peer.listen.port',
        'peer.flavour']


# The settings of the three roles.

each_role = pytest.mark.parametrize('group', [CLIENT, DISPATCHER, CALCULATOR], ids=[
    'client', 'dispatcher', 'calculator'])


@each_role
def test_every_default_is_accepted(group):
    assert [key for key, setting in group.walk() if not setting.kind.accepts(setting.default)] == []
    assert group.checked(group.checked({})) == group.checked({})


@each_role
def test_every_setting_refuses_nonsense_and_the_refusal_names_the_key(group):
    for key, _ in group.walk():
        for nonsense in (NAN, -1, True, u'', [], {}, [[]], u'\x00'):
            value = nonsense
            for part in reversed(key.split('.')):
                value = {part: value}
            with pytest.raises(SettingRefused) as caught:
                group.checked(value)
            assert caught.value.key == key


@each_role
def test_a_length_of_time_has_its_unit_in_its_name(group):
    for key, setting in group.walk():
        assert key.endswith('_s') == ('seconds' in setting.kind.expected), key


@pytest.mark.parametrize('suspect, dead, refusal', [
    (1, 2, None),
    (5, 5, 'dead_after_missed: found 5, expected more than suspect_after_missed (5)'),
    (6, 5, 'dead_after_missed: found 5, expected more than suspect_after_missed (6)'),
])
def test_a_calculator_is_suspect_before_it_is_dead(suspect, dead, refusal):
    value = {'suspect_after_missed': suspect, 'dead_after_missed': dead}
    if refusal is None:
        assert DISPATCHER.checked(value)['dead_after_missed'] == dead
    else:
        with pytest.raises(SettingRefused) as caught:
            DISPATCHER.checked(value)
        assert str(caught.value) == refusal
