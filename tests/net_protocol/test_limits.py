"""The limits agree: the largest value that one limit allows is within all others."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from calculator.attempts import heartbeat_pages
from calculator.settings import SETTINGS as CALCULATOR
from client.settings import SETTINGS as CLIENT
from net_protocol import codec, columns, limits, rows, schedule
from net_protocol.core import draw_incarnation
from net_protocol.seals import CHECKSUM, Signature
from tests.net_protocol.samples import LARGEST_COUNT, LONGEST_INCARNATION, LONGEST_NAME, LONGEST_TASK, LONGEST_TICKET

LARGEST_PAYLOAD = u'x' * (limits.PAYLOAD_BYTES_MAX - 2)
LONGEST_REASON = u'\U0001f600' * (limits.REASON_CHARS_MAX // 2)
#: A float that takes as many characters as any.
LONGEST_SECONDS = 31622399.123456788
LONGEST_RANGES = [[LARGEST_COUNT - 3 * place - 1, LARGEST_COUNT - 3 * place] for place in range(32)][::-1]
SIGNATURE = Signature([b'k' * 32])


def longest_datagram(kind, row):
    head = codec.head('calculator', LONGEST_NAME, LONGEST_INCARNATION, LONGEST_TICKET)
    text = codec.pack({kind: [row]}, limits.COALESCED_BYTES, 60.0)[1]
    made = codec.datagram(SIGNATURE, head, LARGEST_COUNT, LONGEST_RANGES, LARGEST_COUNT, text)
    assert codec.decode(made, SIGNATURE).rows == {kind: [row]}
    return made


@pytest.mark.parametrize('kind, row', [
    ('submit', [LARGEST_COUNT, LARGEST_PAYLOAD, LONGEST_SECONDS]),
    ('assign', [LARGEST_COUNT, LONGEST_TASK, LARGEST_COUNT, LARGEST_PAYLOAD, LONGEST_SECONDS, LONGEST_SECONDS]),
    ('result', [LARGEST_COUNT, LONGEST_TASK, LARGEST_PAYLOAD, None]),
    ('result', [LARGEST_COUNT, LONGEST_TASK, None, LONGEST_REASON]),
    ('done_before', [LONGEST_INCARNATION, LARGEST_COUNT, LARGEST_PAYLOAD, LARGEST_COUNT]),
    ('ended_before', [LONGEST_INCARNATION, LARGEST_COUNT, rows.CANCELLED, LONGEST_REASON, LARGEST_COUNT]),
], ids=lambda value: value if isinstance(value, str) else '')
def test_the_largest_row_fits_with_the_longest_ids_a_signature_and_all_ranges(kind, row):
    assert codec.payload_bytes(LARGEST_PAYLOAD) == limits.PAYLOAD_BYTES_MAX
    assert len(longest_datagram(kind, row)) <= limits.DATAGRAM_BYTES_MAX


def test_the_longest_ids_are_valid():
    columns.name((LONGEST_NAME,))
    columns.incarnation((LONGEST_INCARNATION, u'' + draw_incarnation(random.Random(1))))
    columns.task_id((LONGEST_TASK,))
    assert len(LONGEST_NAME) == limits.NAME_CHARS_MAX
    assert len(LONGEST_TASK) <= limits.TASK_ID_CHARS_MAX
    # The largest number of a task has as many digits as a task id allows.
    assert len(str(limits.COUNT_MAX)) == 16


def test_the_sizes_of_datagrams_agree():
    assert limits.COALESCED_LOCAL_BYTES < limits.DATAGRAM_BYTES_MAX <= 65507
    assert limits.COALESCED_LOCAL_BYTES // len('[],') < limits.ROWS_MAX
    # Headers of IPv6 and UDP, and a tunnel, on Ethernet.
    assert limits.COALESCED_BYTES + 40 + 8 <= 1500 - 52


@pytest.mark.parametrize('task_id', [LONGEST_TASK, u'a:aaaaaaaa:1'], ids=['longest ids', 'short ids'])
def test_a_full_heartbeat_page_fits_into_an_ordinary_datagram(task_id):
    held = [LARGEST_COUNT - 2 * place for place in range(300)][::-1]
    pages = heartbeat_pages(held, [task_id] * 200)
    assert len(pages) > 3
    for ranges, orphans in pages:
        row = [LARGEST_COUNT, limits.PAGES_MAX, limits.PAGES_MAX, 3599.1234567890001, 10000, ranges, orphans, False]
        text = codec.pack({'heartbeat': [row]}, limits.COALESCED_BYTES, 60.0)[1]
        head = codec.head('calculator', LONGEST_NAME, LONGEST_INCARNATION, LONGEST_TICKET)
        made = codec.datagram(CHECKSUM, head, LARGEST_COUNT, [], LARGEST_COUNT, text)
        assert codec.decode(made).rows == {'heartbeat': [row]}
        assert len(made) <= limits.COALESCED_BYTES
        assert len(ranges) <= limits.HELD_RANGES_MAX


def test_the_largest_calculator_needs_no_more_pages_than_allowed():
    held = [2 * place + LARGEST_COUNT // 2 for place in range(limits.CAPACITY_MAX)]
    pages = heartbeat_pages(held, [LONGEST_TASK] * limits.CAPACITY_MAX)
    assert len(pages) <= limits.PAGES_MAX
    assert sum(len(ranges) for ranges, _ in pages) == limits.CAPACITY_MAX
    assert sum(len(orphans) for _, orphans in pages) == limits.CAPACITY_MAX


@pytest.mark.parametrize('group, key, good, bad', [
    (CLIENT, 'payload_bytes', [limits.PAYLOAD_BYTES_MAX - 2], [limits.PAYLOAD_BYTES_MAX - 1]),
    (CALCULATOR, 'heartbeat_interval_s', [limits.HEARTBEAT_INTERVAL_MIN_S, limits.HEARTBEAT_INTERVAL_MAX_S],
     [limits.HEARTBEAT_INTERVAL_MIN_S * 0.99, limits.HEARTBEAT_INTERVAL_MAX_S * 1.01])])
def test_the_settings_have_the_limits_of_the_rows(group, key, good, bad):
    (setting,) = [setting for setting in group.settings if setting.key == key]
    assert [setting.checked(value, '') for value in good] == good
    for value in bad:
        with pytest.raises(ValueError):
            setting.checked(value, '')


def test_the_times_of_the_schedule_agree():
    assert schedule.ACK_DELAY_S < schedule.PROBE_MIN_S < schedule.PROBE_FIRST_S < schedule.PROBE_MAX_S
    # Several probes before a peer is declared gone, and a ping before a channel sleeps.
    assert 2 * schedule.PROBE_MAX_S * schedule.JITTER_MAX < schedule.SLEEP_S
    assert 2 * schedule.PING_INTERVAL_S < schedule.SLEEP_S
