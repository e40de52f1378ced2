"""What a profile says, and what of it is kept."""

from __future__ import absolute_import, division, print_function

import json
import subprocess
import sys

from benchmarks.questions.profile import KEPT, ROWS, keep_what_is_shown, role_table
from tests.source_tree import ROOT

MYPY = False
if MYPY:
    from typing import Any, Dict  # noqa: F401

PROGRAM = '''
import sys, time
def busy():
    return sum(range(1000))
end = time.time() + float(sys.argv[1])
while time.time() < end:
    for _ in range(100):
        busy()
'''


def profile(tmpdir, how, *arguments):
    program, out = tmpdir.join('program.py'), tmpdir.join('profile')
    program.write(PROGRAM)
    subprocess.check_call([sys.executable, '-m', 'benchmarks.profiled', how, str(out), str(program)] + list(arguments),
                          cwd=ROOT)
    return json.loads(out.read())


def named(counts, ending):
    return sum(count for name, count in counts.items() if name.endswith(ending))


def test_samples_are_where_the_time_goes(tmpdir):
    found = profile(tmpdir, 'sample', '0.5')
    assert sum(found['own'].values()) == found['samples'] > 0
    assert named(found['own'], ' busy') > found['samples'] / 2
    # Whatever runs runs below the module.
    assert named(found['below'], 'program.py <module>') >= named(found['own'], ' busy')


def test_every_call_is_counted(tmpdir):
    found = profile(tmpdir, 'count', '0.05')
    calls = named(found['calls'], ' busy')
    assert calls > 0
    assert calls % 100 == 0


def test_a_table_shares_the_time_of_the_plain_run_out():
    own = {'f%d' % number: 10 for number in range(ROWS)}
    own.update(rare=5)
    sampled = {'samples': 10 * ROWS + 5, 'own': own, 'below': dict(own)}
    lines = role_table(sampled, {'f0': 50}, 25, 2.0 * (10 * ROWS + 5))
    assert len(lines) == 2 + ROWS + 1
    assert [cell.strip() for cell in lines[2].split('|')[1:-1]] == ['f0', '20.0', '20.0', '2.00']
    assert [cell.strip() for cell in lines[-1].split('|')[1:3]] == ['everything else', '10.0']


def test_what_takes_least_is_forgotten():
    own = {'f%03d' % number: number + 1 for number in range(2 * KEPT)}
    sampled = {'samples': sum(own.values()), 'own': own, 'below': dict(own),
               'lines': dict(own)}  # type: Dict[str, Any]
    counted = {'calls': dict.fromkeys(own, 1)}
    keep_what_is_shown(sampled, counted)
    kept = ['f%03d' % number for number in range(KEPT, 2 * KEPT)]
    for part in (sampled['own'], sampled['below'], counted['calls']):
        assert sorted(part) == kept
