"""The limits fit together: what one of them lets in, no other one stops."""

from __future__ import absolute_import, division, print_function

import pytest

from calculator.core import UNREPORTED_MAX, CalculatorCore
from calculator.settings import SETTINGS as CALCULATOR
from client.settings import SETTINGS as CLIENT
from net_protocol import codec, fields, limits
from net_protocol.core import Sender, draw_incarnation
from net_protocol.messages import DONE, Assign, Heartbeat, Outcome, Result, Submit
from tests.net_protocol.samples import LARGEST_COUNT, LONGEST_LIFE, LONGEST_NAME, LONGEST_TASK

MYPY = False
if MYPY:
    from typing import Any, List  # noqa: F401

LARGEST_PAYLOAD = u'x' * (limits.PAYLOAD_BYTES_MAX - 2)
#: A float that takes as many characters as any.
LONGEST_SECONDS = 31622399.123456788


class Rng(object):
    """Draws the same number for ever."""

    def random(self):
        # type: () -> float
        return 0.5

    def uniform(self, low, high):
        # type: (float, float) -> float
        return low

    def getrandbits(self, bits):
        # type: (int) -> int
        return 0


def longest_datagram(message):
    # type: (Any) -> bytes
    datagram, = codec.encode(LONGEST_NAME, LONGEST_LIFE, LARGEST_COUNT, [message])
    assert codec.decode(datagram).messages == [message]
    return datagram


def test_the_largest_payload_is_as_large_as_the_limit_says():
    assert codec.payload_bytes(LARGEST_PAYLOAD) == limits.PAYLOAD_BYTES_MAX


@pytest.mark.parametrize('message', [
    Submit(LONGEST_TASK, LARGEST_PAYLOAD, LONGEST_SECONDS),
    Assign(LONGEST_TASK, LARGEST_COUNT, LONGEST_LIFE, LARGEST_PAYLOAD, LONGEST_SECONDS, LONGEST_SECONDS),
    Result(LONGEST_TASK, LARGEST_COUNT, LARGEST_PAYLOAD, None),
    Outcome(LONGEST_TASK, DONE, LARGEST_PAYLOAD, None, LARGEST_COUNT),
], ids=lambda message: message.KIND)
def test_the_largest_payload_fits_with_the_longest_ids(message):
    assert len(longest_datagram(message)) <= limits.DATAGRAM_BYTES_MAX


@pytest.mark.parametrize('message', [
    Result(LONGEST_TASK, LARGEST_COUNT, None, u'\U0001f600' * limits.REASON_CHARS_MAX),
    Outcome(LONGEST_TASK, DONE, LARGEST_PAYLOAD[:-3700], u'\U0001f600' * limits.REASON_CHARS_MAX, LARGEST_COUNT),
], ids=['an error', 'a reason beside a result'])
def test_the_longest_reason_fits(message):
    assert len(longest_datagram(message)) <= limits.DATAGRAM_BYTES_MAX


def test_the_longest_ids_are_let_in():
    assert fields.name(LONGEST_NAME) == LONGEST_NAME
    assert len(LONGEST_NAME) == limits.NAME_CHARS_MAX
    assert fields.incarnation(LONGEST_LIFE) == LONGEST_LIFE
    assert len(LONGEST_TASK) <= limits.TASK_ID_CHARS_MAX
    # A client counts its tasks up to 2 ** 53, which has as many digits as a task id takes.
    assert len(str(limits.COUNT_MAX)) == 16
    assert fields.task_id(LONGEST_TASK) == LONGEST_TASK


def test_a_datagram_of_the_largest_size_goes_through_udp():
    assert limits.COALESCED_BYTES < limits.DATAGRAM_BYTES_MAX <= 65507


def test_a_coalesced_datagram_goes_through_ethernet_with_ipv6():
    assert limits.COALESCED_BYTES + 40 + 8 <= 1500


def test_a_drawn_incarnation_is_let_in():
    assert fields.incarnation(u'' + draw_incarnation(Rng())) == 'aaaaaaaa'


def heartbeats(name_of_task, running, unreported, capacity):
    # type: (Any, int, int, int) -> List[Any]
    """What a real calculator sends that holds so many attempts; ``unreported`` is at most ``capacity``."""
    settings = CALCULATOR.checked({'capacity': capacity, 'task_duration_s': [60, 60]})
    core = CalculatorCore(settings, LONGEST_NAME, lambda: LONGEST_LIFE, Rng(), 'dispatcher')
    sender = Sender('dispatcher', u'dispatcher', u'bbbbbbbb', 1)
    core.start(0.0)
    for number in range(unreported):
        core.handle_message(0.0, sender, Assign(name_of_task(number), 1, LONGEST_LIFE, u'', 60, 60))
    core.handle_timer(60.0)
    for number in range(unreported, unreported + running):
        core.handle_message(60.0, sender, Assign(name_of_task(number), 999, LONGEST_LIFE, u'', 60, 60))
    core.take_outgoing()
    core.stop(60.0)
    return [message for _, message in core.take_outgoing() if type(message) is Heartbeat]


def longest_id(number):
    # type: (int) -> Any
    return LONGEST_TASK[:-16] + u'%016d' % number


def short_id(number):
    # type: (int) -> Any
    return u'a:aaaaaaaa:%d' % number


@pytest.mark.parametrize('name_of_task', [longest_id, short_id], ids=['longest ids', 'short ids'])
def test_a_full_heartbeat_page_fits_into_a_coalesced_datagram(name_of_task):
    pages = heartbeats(name_of_task, 200, 100, 200)
    assert len(pages) > 3
    for page in pages:
        page.sequence = page.heard = LARGEST_COUNT
        page.page = page.pages = limits.PAGES_MAX
        page.interval_s = 3599.1234567890001
        page.draining = False
        assert len(longest_datagram(page)) <= limits.COALESCED_BYTES


def test_the_largest_calculator_needs_no_more_pages_than_allowed():
    # One unreported result more, and it would take no new work.
    pages = heartbeats(longest_id, limits.CAPACITY_MAX, UNREPORTED_MAX - 1, limits.CAPACITY_MAX)
    assert len(pages) == pages[0].pages <= limits.PAGES_MAX
    assert sum(len(page.running) for page in pages) == limits.CAPACITY_MAX
    assert sum(len(page.unreported) for page in pages) == UNREPORTED_MAX - 1


def test_a_client_may_send_the_largest_payload_that_a_setting_allows():
    setting, = [setting for setting in CLIENT.settings if setting.key == 'payload_bytes']
    largest = limits.PAYLOAD_BYTES_MAX - 2
    assert setting.checked(largest, 'payload_bytes') == largest
    with pytest.raises(ValueError):
        setting.checked(largest + 1, 'payload_bytes')


def test_no_coalesced_datagram_holds_more_messages_than_allowed():
    smallest = len('{"kind":"leave"}') + 1
    assert limits.COALESCED_BYTES // smallest < limits.MESSAGES_MAX


def test_heartbeat_intervals_of_the_setting_and_of_the_message_are_the_same():
    setting, = [setting for setting in CALCULATOR.settings if setting.key == 'heartbeat_interval_s']
    for interval_s in (limits.HEARTBEAT_INTERVAL_MIN_S, limits.HEARTBEAT_INTERVAL_MAX_S):
        assert setting.checked(interval_s, '') == fields.interval(interval_s)
    for interval_s in (limits.HEARTBEAT_INTERVAL_MIN_S * 0.99, limits.HEARTBEAT_INTERVAL_MAX_S * 1.01):
        with pytest.raises(ValueError):
            setting.checked(interval_s, '')
        with pytest.raises(ValueError):
            fields.interval(interval_s)
