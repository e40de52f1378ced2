"""A crowd beside the real programs: started, asked how far it is, and what it counted between two moments."""

from __future__ import absolute_import, division, print_function

import json
import signal
import sys

from benchmarks.children import RunFailed

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from benchmarks.children import Child, House  # noqa: F401

#: The longest wait for a crowd to be all there: a million tasks are accepted in one to three minutes.
ASSEMBLE_S = 1200.0
END_S = 60.0
POLL_S = 0.1


class Crowd(object):
    """One process of ``benchmarks.crowd``."""

    def __init__(self, house, kind, port, count, *options):
        # type: (House, str, int, int, *str) -> None
        self.count = count
        self._child = house.start('crowd', [sys.executable, '-m', 'benchmarks.crowd', kind, '--port', str(port),
                                            '--count', str(count)] + list(options))  # type: Child

    def wait_for(self, what, count):
        # type: (str, int) -> int
        """Until it has counted that many; returns how many it are by then."""
        def reached():
            # type: () -> int
            found = self._last().get(what, 0)  # type: int
            return found if found >= count else 0

        return self._child.until(reached, 'counted %d %s' % (count, what), ASSEMBLE_S, POLL_S)

    def counted(self, what, began_at, ended_at):
        # type: (str, float, float) -> float
        """How many between two moments, interpolated between the reports."""
        self._child.until(lambda: self._last().get('time', 0.0) >= ended_at, 'reported again', END_S)
        reports = self._reports()
        return _at(reports, what, ended_at) - _at(reports, what, began_at)

    def answered_each(self):
        # type: () -> List[int]
        """How many each participant has by now."""
        before = len(self._full_reports())
        self._child.signal(signal.SIGUSR1)
        reports = self._child.until(lambda: self._full_reports()[before:], 'told each', END_S, 0.02)
        return reports[0]['answered_each']

    def end(self):
        # type: () -> Dict[str, Any]
        """Ask it to end; its last words."""
        self._child.signal(signal.SIGINT)
        self._child.wait(END_S)
        return self._last()

    def _last(self):
        # type: () -> Dict[str, Any]
        lines = self._lines()
        return json.loads(lines[-1]) if lines else {}

    def _reports(self):
        # type: () -> List[Dict[str, Any]]
        return [json.loads(line) for line in self._lines()]

    def _full_reports(self):
        # type: () -> List[Dict[str, Any]]
        return [report for report in self._reports() if 'answered_each' in report]

    def _lines(self):
        # type: () -> List[str]
        # The last line may be half written.
        text = self._child.output
        return text[:text.rfind('\n') + 1].splitlines()


def _at(reports, what, moment):
    # type: (List[Dict[str, Any]], str, float) -> float
    """How many there were at that moment, between two reports. Raises ``RunFailed`` where no report is later."""
    before = None
    for report in reports:
        if report['time'] >= moment:
            if before is None:
                return report.get(what, 0)
            share = (moment - before['time']) / (report['time'] - before['time'])
            return before.get(what, 0) + share * (report.get(what, 0) - before.get(what, 0))
        before = report
    raise RunFailed('the crowd fell silent')
