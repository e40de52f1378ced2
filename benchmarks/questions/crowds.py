"""A crowd of clients or calculators beside the real programs."""

from __future__ import absolute_import, division, print_function

import json
import signal
import sys

from benchmarks.children import RunFailed

#: The longest wait for a crowd to be complete: a million tasks are accepted in one to three minutes.
ASSEMBLE_S = 1200.0
END_S = 60.0
POLL_S = 0.1


class Crowd(object):
    """One process of ``benchmarks.crowd``."""

    def __init__(self, group, kind, port, count, *options):
        self._child = group.start('crowd', [sys.executable, '-m', 'benchmarks.crowd', kind, '--port', str(port),
                                            '--count', str(count)] + list(options))

    def wait_for(self, what, count):
        """Wait until its count of ``what`` is at least ``count``; returns it."""
        def reached():
            found = self._last().get(what, 0)
            return found if found >= count else 0

        return self._child.until(reached, 'counted %d %s' % (count, what), ASSEMBLE_S, POLL_S)

    def counted(self, what, began_at, ended_at):
        """The count between two times, interpolated between reports."""
        self._child.until(lambda: self._last().get('time', 0.0) >= ended_at, 'reported again', END_S)
        reports = self._reports()
        return _at(reports, what, ended_at) - _at(reports, what, began_at)

    def answered_each(self):
        """The number of answered tasks of each member."""
        before = len(self._full_reports())
        self._child.signal(signal.SIGUSR1)
        return self._child.until(lambda: self._full_reports()[before:], 'reported in full', END_S)[0]['answered_each']

    def end(self):
        """End it; returns its last report."""
        self._child.signal(signal.SIGINT)
        self._child.wait(END_S)
        return self._last()

    def _last(self):
        lines = self._lines()
        return json.loads(lines[-1]) if lines else {}

    def _reports(self):
        return [json.loads(line) for line in self._lines()]

    def _full_reports(self):
        return [report for report in self._reports() if 'answered_each' in report]

    def _lines(self):
        # The last line may be half written.
        text = self._child.output
        return text[:text.rfind('\n') + 1].splitlines()


def _at(reports, what, moment):
    """The count at that moment. Raises ``RunFailed`` if no report is later."""
    before = None
    for report in reports:
        if report['time'] >= moment:
            if before is None:
                return report[what]
            share = (moment - before['time']) / (report['time'] - before['time'])
            return before[what] + share * (report[what] - before[what])
        before = report
    raise RunFailed('the crowd no longer reports')
