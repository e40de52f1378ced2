"""Worlds with a monitor: it asks through the same bad network, and all its reports must be consistent."""

from __future__ import absolute_import, division, print_function

from random import Random

import pytest

from monitor.core import MonitorCore
from monitor.picture import Picture
from net_protocol.rows import MONITOR
from simulator.audit import Audit
from simulator.environment import Clock
from simulator.process import Process
from simulator.run import CLEAN, draw_settings, run_world
from simulator.world import DISPATCHER, World, seal_of

SEEDS = range(1, 9)


class Watcher(object):
    """A monitor in a world. Checks its picture after each report."""

    def __init__(self, world):
        self.picture = Picture()
        self.reports = 0
        self.whole = 0
        self._lost = 0
        self.core = MonitorCore('monitor', 'mmmmmmmm', Random(world.seed), 1.0, self.picture, self._look)
        Process(MONITOR, self.core, Audit(world.ledger, {}), ('monitor', 7000), world.environment, Clock(world.agenda),
                Random(world.seed), seal_of(world.settings['client']), DISPATCHER).start()

    def _look(self, now):
        self.reports += 1
        picture = self.picture
        numbers = [event.number for event in picture.events]
        assert numbers == sorted(set(numbers)), 'an event is repeated, or out of order'
        lost, self._lost = self._lost, self.core.counts['pages_lost']
        if lost == self._lost:
            # All pages are of the same time. (An older page would stand in the place of a lost one.)
            counts, queue = picture.facts['counts'], picture.facts['queue']
            over = sum(counts[outcome] for outcome in ('done', 'failed', 'expired', 'cancelled'))
            assert over == queue['over'], 'the report contradicts itself'
            assert counts['accepted'] + counts['tasks_recovered'] == over + queue['waiting'] + queue['running']
            self.whole += 1
        for calculator in picture.calculators.values():
            # Each slot may hold one more call.
            assert len(calculator['running']) <= calculator['held'] <= 2 * calculator['capacity']


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize('seed', SEEDS)
def test_a_monitor_breaks_no_rule_and_gets_reports(seed, monkeypatch):
    watchers = []
    start = World.start

    def start_watched(self):
        start(self)
        watchers.append(Watcher(self))

    monkeypatch.setattr(World, 'start', start_watched)
    result = run_world(seed, draw_settings(seed))
    assert result['verdict'] == CLEAN, '%(verdict)s %(rule)s: %(sentence)s, seed %(seed)d' % result
    watcher, = watchers
    assert watcher.core.counts['reports_not_understood'] == 0
    assert watcher.reports > 10
    assert watcher.whole > 0
