"""What the report says of the dispatcher's account, from handmade ones."""

from __future__ import absolute_import, division, print_function

import random
import re

import pytest

from demo.report import report
from demo.stage import Stage
from dispatcher.core import DispatcherCore
from dispatcher.settings import SETTINGS

IN_VAIN = re.compile(r'It took (\d+) attempts, (\d+) of them in vain')


def account(**changes):
    """The account of a dispatcher, with some numbers changed wherever they stand."""
    made = DispatcherCore(SETTINGS.checked({}), 'dispatcher', 'abcdefgh', random.Random(1)).account(0.0)
    for part in (made, made['attempts'], made['counts'], made['outcomes']):
        part.update({key: changes[key] for key in changes if key in part})
    return made


class Process(object):
    """A process that has ended and left an account, or none."""

    def __init__(self, name, role, account):
        self.name = name
        self.role = role
        self.how_it_ended = 'ended with status 0'
        self._account = account

    def account(self):
        return self._account


class Household(object):
    """As much of one as a report needs."""

    def __init__(self, processes):
        self.processes = processes


class Signals(object):
    """Nobody asked to stop."""

    count = 0


def lines_for(*processes):
    return report(Stage(Household(processes), 20, None, Signals()), None)


def text_for(dispatcher):
    return ' '.join(line.strip() for line in lines_for(Process('dispatcher', 'dispatcher', dispatcher)))


def test_a_dispatcher_that_left_no_account_is_told():
    assert 'The dispatcher left no account: ended with status 0.' in text_for(None)
    assert 'Outages of the calculators by themselves: crash 0, freeze 0.' in text_for(None)


@pytest.mark.parametrize('changes, sentence', [
    ({'assignments': 9, 'result': 9}, 'It took 9 attempts, 0 of them in vain.'),
    ({'assignments': 8, 'adopted': 1, 'result': 6, 'dead_calculator': 2, 'new_life': 1},
     'It took 9 attempts, 3 of them in vain (dead calculator 2, new life 1).'),
    ({'assignments': 97, 'result': 79, 'error': 1, 'dead_calculator': 14, 'new_life': 2, 'withdrawn': 1,
      'late_results_used': 1},
     'It took 97 attempts, 16 of them in vain: 17 were taken back (dead calculator 14, new life 2, withdrawn 1), '
     'but 1 of these brought the first answer after all.'),
    ({'assignments': 9, 'result': 6, 'dead_calculator': 1, 'running': 2},
     'It took 9 attempts, 1 of them in vain (dead calculator 1); 2 still ran at the end.'),
], ids=['all well', 'some lost', 'one of them answered', 'ended at once'])
def test_what_was_in_vain_and_what_was_not_are_all_attempts(changes, sentence):
    text = text_for(account(**changes))
    assert sentence in text
    attempts, in_vain = [int(number) for number in IN_VAIN.findall(text)[0]]
    results = sum(changes.get(key, 0) for key in ('result', 'error', 'late_results_used'))
    assert attempts - in_vain - changes.get('running', 0) == results
