"""The time that the planner needs for a question."""

from __future__ import absolute_import, division, print_function

import json
import os

from benchmarks import children
from benchmarks.questions.comparison import closing_lines, measured
from benchmarks.tables import spread, table
from runtime.clock import monotonic

ABOUT = 'seconds to "how many calculators for p99 <= 5 s" of the sample scenario, on all cores'

QUESTION = ['-s', os.path.join(children.ROOT, 'config', 'simulation.json'), '--find', 'calculators=1..64',
            '--target', 'p99 <= 5', '--json']
BOUND_S = 1800.0


def take(context):
    known = context.wanted([context.own(python) for python in context.options.pythons])
    context.rounds(known, lambda system: _answer(context, system))


def _answer(context, system):
    began_at = monotonic()
    child = context.group.start('planner', [system.python, os.path.join(children.ROOT, 'run_simulator.py')] + QUESTION)
    child.wait(BOUND_S)
    found = json.loads(child.output)
    return {'answer_s': monotonic() - began_at, 'replications': found['replications'],
            'calculators': found['holds']['value']}


def lines(section):
    return table(('system', 'time to the answer, s', 'replications', 'calculators'), [
        [title] + [spread(found[figure]) for figure in ('answer_s', 'replications', 'calculators')]
        for _, title, found in measured(section)]) + closing_lines(section)
