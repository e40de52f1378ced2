"""The dispatcher's account in words: the numbers in its lines add up."""

from __future__ import absolute_import, division, print_function

import re

import pytest

from dispatcher.sentences import account_lines
from net_protocol.wire import Traffic
from tests.fake_link import FakeLink

#: Frozen for longer than it takes to be called dead: what it held is done by others, or by itself, late.
FREEZES = {'check_interval_s': 3, 'probability': 0.5, 'duration_s': [2, 8], 'kind': 'freeze'}


def lines_after(tasks, drop, duplicate):
    """The lines of a dispatcher that brought so many tasks to an end, and its account."""
    link = FakeLink()
    link.drop_share, link.duplicate_share = drop, duplicate
    dispatcher = link.dispatcher(answer_timeout_s=3)
    for letter in 'abc':
        link.calculator('calculator-%s' % letter, outage=FREEZES)
    client = link.client(tasks=tasks)
    assert link.run_until(lambda: client.core.is_stopped)
    account = dict(dispatcher.core.account(link.now), traffic=dict(Traffic().as_dict(), errors={}))
    return account_lines(account), account


@pytest.mark.parametrize('drop, duplicate', [(0, 0), (0, 0.3), (0.1, 0)])
def test_every_task_that_is_done_has_its_result(drop, duplicate):
    lines, account = lines_after(60, drop, duplicate)
    text = '\n'.join(lines)
    results, = re.findall(r'^results +(\d+) ', text, re.MULTILINE)
    done, = re.findall(r'^tasks accepted .* done (\d+),', text, re.MULTILINE)
    assert int(results) == int(done) == account['outcomes']['done']
    counts = account['counts']
    assert 'late but first %d; besides: too late %d, duplicate %d' % (
        counts['late_results_used'], counts['late_results'], counts['duplicate_results']) in text
    # Nothing would be shown otherwise.
    assert counts['late_results_used'] > 0
