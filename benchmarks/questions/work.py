"""The user's functions: the speed of ``map``, and the cost of a call compared with a notional task."""

from __future__ import absolute_import, division, print_function

import importlib.util
import json
import os
import sys

from benchmarks import children, machine
from benchmarks.children import RunFailed
from benchmarks.peers import AFTER_DISCONNECT, AT_MOST_ONCE
from benchmarks.questions.comparison import closing_lines, first_of_ours, measured, times
from benchmarks.systems import Own, run_once
from benchmarks.tables import spread, table

ABOUT = 'map over trivial calls in four processes, ours and others; one call compared with a notional task'

CALLS = 100000
#: Calls one after the other, of which the median is measured.
SINGLE_CALLS = 1000
CALCULATORS = SLOTS = 2
WORK = os.path.join(children.ROOT, 'config', 'work.py')
BOUND_S = 1200.0


class Farm(Own):
    """Ours, with functions."""

    used = 'two calculators with two slots each and config/work.py; Executor.map'

    def __init__(self, python):
        super(Farm, self).__init__(python, calculator={'work': WORK, 'capacity': SLOTS})

    def measured(self, context, calls):
        running = self.start(context.group, CALCULATORS)
        running.broker.until(lambda: running.broker.log.count(' offers ') == CALCULATORS, 'offered functions')
        watch = machine.Watch()
        found = _run(context, self.python, 'farm', '127.0.0.1:%d' % running.port, calls)
        running.must_run()
        found['others_share'] = watch.others_share()
        context.group.end_all()
        return dict(found, **self._single(context))

    def _single(self, context):
        """One call at a time on one slot, and the same with notional tasks."""
        single = Own(self.python, calculator={'work': WORK, 'capacity': 1})
        running = single.start(context.group, 1)
        running.broker.until(lambda: ' offers ' in running.broker.log, 'offered functions')
        found = _run(context, self.python, 'call', '127.0.0.1:%d' % running.port, SINGLE_CALLS)
        context.group.end_all()
        notional = run_once(context.group, _OneSlot(self.python, calculator={'capacity': 1}), 1,
                            context.options.warm_up, context.options.duration)
        found.update(notional_us=notional['p50_us'], call_over_notional=found['call_us'] / notional['p50_us'])
        return found


class _OneSlot(Own):
    """Ours with one calculator."""

    def start(self, group, workers=1, options=()):
        return super(_OneSlot, self).start(group, 1, options)


class Other(object):
    """Another executor with as many processes, on this Python. ``share`` reduces the number of calls of a slow one."""

    def __init__(self, name, title, used, guarantee, module, share=1.0):
        self.name = name
        self.title = title
        self.used = used
        self.guarantee = guarantee
        self._module = module
        self._share = share

    def why_not(self):
        return '' if importlib.util.find_spec(self._module) else '%s is not installed' % self._module

    def measured(self, context, calls):
        watch = machine.Watch()
        found = _run(context, sys.executable, self.name, str(CALCULATORS * SLOTS), int(calls * self._share))
        return dict(found, others_share=watch.others_share())


OTHERS = (
    Other('pool', 'concurrent.futures.ProcessPoolExecutor', 'four processes; map', AT_MOST_ONCE, 'concurrent.futures'),
    Other('dask', 'Dask, Executor', 'LocalCluster of four workers with one thread each; Client.get_executor().map',
          AFTER_DISCONNECT, 'distributed', 0.1))


def _run(context, python, kind, where, calls):
    child = context.group.start('mapping-' + kind, [python, '-m', 'benchmarks.mapping', kind, where, str(calls)])
    child.wait(BOUND_S)
    try:
        return json.loads(child.output)
    except ValueError:
        raise RunFailed('%s wrote no figures' % child.label)


def take(context):
    known = context.wanted([Farm(python) for python in context.options.pythons] + list(OTHERS))
    calls = context.scaled(CALLS, 1000)
    context.rounds(known, lambda system: system.measured(context, calls))


def lines(section):
    ours = first_of_ours(section)
    return table(('system', 'calls/s', 'calls/s, chunks of 100', 'one call, us', 'one notional task, us', 'x times',
                  'ours is x times', 'with chunks'), [
        [title] + [spread(found.get(figure)) for figure in (
            'calls_per_s_1', 'calls_per_s_100', 'call_us', 'notional_us', 'call_over_notional')]
        + [times(section, ours, name, 'calls_per_s_%d' % size) for size in (1, 100)]
        for name, title, found in measured(section)]) + closing_lines(section)
