"""Profiles, and the tables of them."""

from __future__ import absolute_import, division, print_function

import json
import subprocess
import sys

from benchmarks.questions.profile import ROWS, added, role_table
from tests.source_tree import ROOT

PROGRAM = '''
import sys, time
def busy():
    return sum(range(1000))
end = time.time() + float(sys.argv[1])
while time.time() < end:
    for _ in range(100):
        busy()
'''


def named(counts, ending):
    return sum(count for name, count in counts.items() if name.endswith(ending))


def test_most_samples_are_in_the_function_that_takes_most_time(tmpdir):
    program, out = tmpdir.join('program.py'), tmpdir.join('profile')
    program.write(PROGRAM)
    subprocess.check_call([sys.executable, '-m', 'benchmarks.profiled', str(out), str(program), '0.5'], cwd=ROOT)
    found = json.loads(out.read())
    samples = sum(found['own'].values())
    assert named(found['own'], ' busy') > samples / 2
    # All functions are called by the module.
    assert samples >= named(found['below'], 'program.py <module>') >= named(found['own'], ' busy')


def test_a_table_distributes_the_time_of_a_run_without_profile():
    own = {'f%02d' % number: 10 for number in range(ROWS)}
    own.update(rare=5)
    profile = added([{'own': own, 'below': dict(own)}, {'own': {'f00': 5}, 'below': {'f00': 15}}])
    lines = role_table(profile, 2.0 * (10 * ROWS + 10))
    rows = [[cell.strip() for cell in line.split('|')[1:-1]] for line in lines[2:]]
    assert rows[0] == ['f00', '30.0', '50.0']
    assert rows[1] == ['f01', '20.0', '20.0']
    assert rows[-1] == ['everything else', '10.0', '']
    assert len(rows) == ROWS + 1
