"""A monitor and a real dispatcher's core, over a network in memory."""

from __future__ import absolute_import, division, print_function

from monitor.core import MonitorCore
from monitor.picture import Picture
from tests.fake_link import FakeLink

QUICK = {'task_duration_s': [0.2, 0.2], 'heartbeat_interval_s': 0.2}


class Watched(FakeLink):
    """A network with a dispatcher and a monitor."""

    def __init__(self, seed=1, **settings):
        super(Watched, self).__init__(seed)
        self.server = self.dispatcher(**settings)
        self.reports = []
        self.picture = Picture()
        self.monitor = self.add(('monitor', 7000), MonitorCore(
            'monitor', self._incarnation(), self._generator(), 1.0, self.picture, self.reports.append))

    def do(self, action):
        """Let the monitor do something, and send what comes of it."""
        action(self.now)
        self._take_turn(self.monitor)

    def history(self, task_id):
        """The rows about a task."""
        answers = []
        self.do(lambda now: self.monitor.core.ask_about(now, task_id, answers.append))
        assert self.run_until(lambda: answers, 30)
        return answers[0]
