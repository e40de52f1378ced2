"""The numbers in the lines of the dispatcher's account add up."""

from __future__ import absolute_import, division, print_function

import re

import pytest

from dispatcher.observers.sentences import account_lines, status_line
from tests.fake_link import FakeLink

#: Freezes that are longer than the time to declare a calculator dead. They cause late and duplicate results.
FREEZES = {'check_interval_s': 3, 'probability': 0.5, 'duration_s': [2, 8], 'kind': 'freeze'}


def world_after(tasks, drop, duplicate):
    """A dispatcher that has finished so many tasks."""
    link = FakeLink()
    link.drop_share, link.duplicate_share = drop, duplicate
    dispatcher = link.dispatcher(answer_timeout_s=3)
    for letter in 'abc':
        link.calculator('calculator-%s' % letter, outage=FREEZES)
    client = link.client(tasks=tasks)
    assert link.run_until(lambda: client.core.is_stopped)
    return link, dispatcher


@pytest.mark.parametrize('drop, duplicate', [(0, 0.3), (0.1, 0)])
def test_every_finished_task_has_one_result(drop, duplicate):
    link, dispatcher = world_after(60, drop, duplicate)
    account = dict(dispatcher.core.account(link.now), traffic=dict(dispatcher.turn.account(), errors={}))
    text = '\n'.join(account_lines(account))
    results, = re.findall(r'^results used +(\d+) ', text, re.MULTILINE)
    done, = re.findall(r'^tasks accepted .* done (\d+),', text, re.MULTILINE)
    assert int(results) == int(done) == account['outcomes']['done'] == 60
    counts = account['counts']
    assert 'from lost attempts %d; not used: late %d, duplicate %d' % (
        counts['late_results_used'], counts['late_results'], counts['duplicate_results']) in text
    # Without late results the test would show nothing.
    assert counts['late_results_used'] > 0


def test_a_status_line_warns_when_the_journal_fails():
    status = {'waiting': 1, 'running': 2, 'alive': 3, 'suspect': 0, 'dead': 0, 'journal_failing': 1}
    assert status_line(status, 12.34, None) == (
        'waiting 1, running 2, calculators alive 3 / suspect 0 / dead 0, JOURNAL FAILING, 12.3 tasks/s, '
        '- rows per datagram')
