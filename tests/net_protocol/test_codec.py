"""Messages to datagrams and back: nothing changes on the way, and as few datagrams as fit.

What ``decode`` refuses stands in ``test_codec_refusals``, what it does with garbage in ``test_codec_garbage``.
"""

from __future__ import absolute_import, division, print_function

import json

import pytest

from net_protocol import codec, limits
from net_protocol.errors import MisuseError, TooLarge
from net_protocol.messages import (
    MESSAGES, Assign, AssignAck, Heartbeat, Leave, Outcome, Result, ResultAck, Revoke, Submit)
from tests.net_protocol import samples
from tests.net_protocol.samples import LIFE, LONGEST_LIFE, LONGEST_NAME, NAME, PAYLOADS, TASK

MYPY = False
if MYPY:
    from typing import Any, List  # noqa: F401

    from net_protocol.messages import Message  # noqa: F401


def there_and_back(message):
    # type: (Any) -> Any
    datagram, = codec.encode(NAME, LIFE, 1, [message])
    back, = codec.decode(datagram).messages
    return back


def shown(message):
    # type: (Any) -> str
    return '%s %d' % (message.KIND, samples.MESSAGES.index(message))


def test_there_is_a_sample_of_every_message():
    assert {type(message) for message in samples.MESSAGES} == set(MESSAGES)


@pytest.mark.parametrize('message', samples.MESSAGES, ids=shown)
def test_every_message_comes_back_as_it_was(message):
    assert samples.strictly_equal(there_and_back(message), message)


@pytest.mark.parametrize('payload', [PAYLOADS[name] for name in sorted(PAYLOADS)], ids=sorted(PAYLOADS))
@pytest.mark.parametrize('message_class, field', [(Submit, 'payload'), (Assign, 'payload'), (Result, 'result'),
                                                  (Outcome, 'result')])
def test_every_payload_comes_back_as_it_was(message_class, field, payload):
    message = next(message for message in samples.MESSAGES if type(message) is message_class)
    carrying = message_class(**dict(zip([name for name, _ in message_class.FIELDS], message.values()),
                                    **{field: payload}))
    assert samples.strictly_equal(getattr(there_and_back(carrying), field), payload)


@pytest.mark.parametrize('message', samples.MESSAGES, ids=shown)
def test_a_datagram_is_the_json_that_the_manual_shows(message):
    datagram, = codec.encode(NAME, LIFE, 17, [message])
    value = json.loads(datagram.decode('ascii'))
    assert sorted(value) == ['crc', 'from', 'life', 'messages', 'n', 'v']
    assert (value['v'], value['from'], value['life'], value['n']) == (1, NAME, LIFE, 17)
    assert sorted(value['messages'][0]) == sorted(['kind'] + [name for name, _ in message.FIELDS])


def test_the_same_messages_are_the_same_bytes_on_every_python():
    datagram, = codec.encode('client-a', 'k3f7q2xa', 17, [
        Submit(TASK, [u'\xe4\u20ac\U0001f600', 'native', 0.1, 1e22, -0.0, 2 ** 63, True, None, []], 60),
        Heartbeat(1, 1, 1, 0.25, 1, [(TASK, 1)], [], False, 0), Leave()])
    assert datagram == (
        b'{"crc":"c2af35e7","v":1,"from":"client-a","life":"k3f7q2xa","n":17,"messages":['
        b'{"kind":"submit","task_id":"client-a:k3f7q2xa:1","payload":["\\u00e4\\u20ac\\ud83d\\ude00","native",0.1,1e+22,'
        b'-0.0,9223372036854775808,true,null,[]],"time_left_s":60},'
        b'{"kind":"heartbeat","sequence":1,"page":1,"pages":1,"interval_s":0.25,"capacity":1,'
        b'"running":[["client-a:k3f7q2xa:1",1]],"unreported":[],"draining":false,"heard":0},{"kind":"leave"}]}')


@pytest.mark.parametrize('value', [float('nan'), float('inf'), b'\xff', object()],
                         ids=['nan', 'infinity', 'bytes', 'object'])
def test_what_is_no_json_is_never_written(value):
    for payload in (value, [value]):
        with pytest.raises((TypeError, ValueError)):
            codec.encode(NAME, LIFE, 1, [Submit(TASK, payload, 1)])


def test_the_envelope_says_who_sent_it_in_which_life_and_the_how_manieth_it_is():
    datagram, = codec.encode(NAME, LIFE, 2 ** 53, [Leave()])
    envelope = codec.decode(datagram)
    assert (envelope.name, envelope.incarnation, envelope.number) == (NAME, LIFE, 2 ** 53)


def test_messages_of_different_classes_are_never_equal():
    alike = [AssignAck(TASK, 1), ResultAck(TASK, 1), Revoke(TASK, 1)]  # type: List[Any]
    assert [one == other for one in alike for other in alike].count(True) == 3
    assert [one != other for one in alike for other in alike].count(True) == 6
    assert alike[0] != (TASK, 1)
    assert Leave() == Leave()


def test_a_message_has_no_hash_because_it_is_not_meant_for_a_set():
    with pytest.raises(TypeError):
        hash(Leave())


def test_a_message_shows_its_class_and_every_field():
    assert repr(Submit('a:aaaaaaaa:1', 'x', 1)) == "Submit(task_id='a:aaaaaaaa:1', payload='x', time_left_s=1)"


# Several messages in one datagram.

def many(count):
    # type: (int) -> List[Message]
    """Messages of all sizes, the longest of them over the limit of a coalesced datagram, each with its place in it."""
    sizes = [0, 1, 7, 300, 650, 1200, 1300, 3000]
    return [Submit(TASK, u'%d ' % number + u'x' * sizes[number % len(sizes)], number) for number in range(count)]


def test_no_message_no_datagram():
    assert codec.encode(NAME, LIFE, 1, []) == []


@pytest.mark.parametrize('limit', [1, 200, limits.COALESCED_BYTES, limits.DATAGRAM_BYTES_MAX])
def test_the_order_of_messages_is_kept_across_datagrams(limit):
    messages = many(300)
    datagrams = codec.encode(NAME, LIFE, 1, messages, limit)
    assert [message for datagram in datagrams for message in codec.decode(datagram).messages] == messages


@pytest.mark.parametrize('first', [1, 10, 2 ** 53 - 10000], ids=['one digit', 'two digits', 'sixteen digits'])
@pytest.mark.parametrize('limit', [200, limits.COALESCED_BYTES, limits.DATAGRAM_BYTES_MAX])
def test_a_datagram_is_over_the_limit_only_where_one_message_alone_is(limit, first):
    for datagram in codec.encode(LONGEST_NAME, LONGEST_LIFE, first, many(300), limit):
        assert len(datagram) <= limit or len(codec.decode(datagram).messages) == 1


@pytest.mark.parametrize('limit', [200, limits.COALESCED_BYTES, limits.DATAGRAM_BYTES_MAX])
def test_a_new_datagram_begins_only_where_the_next_message_does_not_fit(limit):
    datagrams = codec.encode(NAME, LIFE, 1, many(300), limit)
    # Room for the digits of the largest number is left in each.
    spare = 16
    for datagram, following in zip(datagrams, datagrams[1:]):
        first_of_following = codec.decode(following).messages[0]
        alone, = codec.encode(NAME, LIFE, 1, [first_of_following])
        nothing, = codec.encode(NAME, LIFE, 1, [Leave()])
        needed = len(alone) - len(nothing) + len(b'{"kind":"leave"}') + len(b',')
        assert len(datagram) + needed > limit - spare


@pytest.mark.parametrize('first', [1, 2 ** 53], ids=['one digit', 'sixteen digits'])
def test_two_messages_share_a_datagram_exactly_where_they_fit(first):
    limit = 500
    # A byte for the comma before the first message is left over, and room for the digits of the largest number.
    spare = 1 + 16 - len(str(first))
    for length in range(100):
        messages = [Submit(TASK, u'x' * length, 1), Submit(TASK, u'y' * 100, 1)]
        together, = codec.encode(NAME, LIFE, first, messages, limits.DATAGRAM_BYTES_MAX)
        assert len(codec.encode(NAME, LIFE, first, messages, limit)) == (1 if len(together) + spare <= limit else 2)


def test_datagrams_are_numbered_one_after_the_other():
    datagrams = codec.encode(NAME, LIFE, 41, many(100))
    assert len(datagrams) > 20
    assert [codec.decode(datagram).number for datagram in datagrams] == list(range(41, 41 + len(datagrams)))


@pytest.mark.parametrize('limit', [limits.COALESCED_BYTES, limits.DATAGRAM_BYTES_MAX])
def test_whatever_encode_makes_decode_takes(limit):
    # The smallest messages are the ones of which too many fit.
    messages = [Leave() for _ in range(2 * limits.MESSAGES_MAX + 1)]
    datagrams = codec.encode(NAME, LIFE, 1, messages, limit)
    assert sum(len(codec.decode(datagram).messages) for datagram in datagrams) == len(messages)


def test_a_message_that_no_datagram_holds_is_our_own_mistake():
    with pytest.raises(TooLarge) as caught:
        codec.encode(NAME, LIFE, 1, [Leave(), Submit(TASK, u'x' * limits.DATAGRAM_BYTES_MAX, 1)])
    assert caught.value.size > caught.value.limit == limits.DATAGRAM_BYTES_MAX
    assert str(limits.DATAGRAM_BYTES_MAX) in str(caught.value)


# Payloads, checked where they enter.

@pytest.mark.parametrize('payload', [PAYLOADS[name] for name in sorted(PAYLOADS)], ids=sorted(PAYLOADS))
def test_what_can_be_sent_passes_the_check(payload):
    codec.check_payload('payload', payload)


@pytest.mark.parametrize('payload', [
    u'x' * (limits.PAYLOAD_BYTES_MAX - 1),
    u'\xe4' * (limits.PAYLOAD_BYTES_MAX // 6),
    u'\U0001f600' * (limits.PAYLOAD_BYTES_MAX // 12),
    [0] * (limits.PAYLOAD_BYTES_MAX // 2),
], ids=['text', 'each character six bytes', 'each character twelve bytes', 'list'])
def test_a_payload_one_byte_over_the_limit_is_refused_and_the_limit_named(payload):
    with pytest.raises(TooLarge) as caught:
        codec.check_payload('payload', payload)
    assert caught.value.size > caught.value.limit == limits.PAYLOAD_BYTES_MAX
    assert str(caught.value) == 'payload of %d bytes as JSON is over the limit of 60000 bytes' % caught.value.size


def test_the_largest_payload_passes():
    codec.check_payload('payload', u'x' * (limits.PAYLOAD_BYTES_MAX - 2))


@pytest.mark.parametrize('payload', [
    float('nan'), float('inf'), -float('inf'), 2 ** 64, [[-(2 ** 64)]], 10 ** 5000, [samples.DEEPEST], {1, 2},
    [object()], b'\xff', [b'\xff'], {(1, 2): 3},
], ids=['nan', 'infinity', 'minus infinity', '65 bits', 'minus 65 bits inside', '5000 digits', 'one too deep', 'set',
        'object inside', 'bytes', 'bytes inside', 'key that is no text'])
def test_what_json_cannot_say_or_the_receiver_would_refuse_is_our_own_mistake(payload):
    with pytest.raises(MisuseError):
        codec.check_payload('payload', payload)


def test_a_payload_that_contains_itself_is_our_own_mistake():
    endless = []  # type: List[Any]
    endless.append(endless)
    with pytest.raises(MisuseError):
        codec.check_payload('payload', endless)


def test_the_size_of_a_payload_is_that_of_its_json():
    values = [u'', u'x', u'\xe4', None, [], 1.5]  # type: List[Any]
    assert [codec.payload_bytes(value) for value in values] == [2, 3, 8, 4, 2, 3]
