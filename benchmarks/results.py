"""The result file. Each question has its own part with its own time and commit.

    {"format": 2, "questions": {"throughput": {"began": "...", "commit": "...", "machine": {...}, "options": {...},
                                               "is_complete": true, ...the findings}, ...}}

One such file is committed for each release; others are written elsewhere with ``--out``.
"""

from __future__ import absolute_import, division, print_function

import datetime
import json
import os
import subprocess

from benchmarks import children, machine

FORMAT = 2
#: The source of the page on performance.
DEFAULT_PATH = os.path.join(children.ROOT, 'benchmarks', 'results.json')


def load(path):
    """The content of the file, or an empty one. Raises ``ValueError`` if it is no result file."""
    if not os.path.exists(path):
        return {'format': FORMAT, 'questions': {}}
    with open(path) as file:
        found = json.load(file)
    if not isinstance(found, dict) or found.get('format') != FORMAT:
        raise ValueError('%s is no result file of format %d' % (path, FORMAT))
    return found


def store(path, question, section):
    """Replace the part of one question; the file is complete at every moment."""
    everything = load(path)
    everything['questions'][question] = rounded(section)
    # A line for each question, so that a new measurement of one changes nothing else.
    parts = ['%s: %s' % (json.dumps(name), json.dumps(part, sort_keys=True))
             for name, part in sorted(everything['questions'].items())]
    with open(path + '.new', 'w') as file:
        file.write('{"format": %d, "questions": {\n%s\n}}\n' % (FORMAT, ',\n'.join(parts)))
    os.rename(path + '.new', path)


def rounded(value):
    """The same with five significant digits: no run is more exact."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(one) for one in value]
    return float('%.5g' % value) if isinstance(value, float) else value


def heading(options):
    """The beginning of every part: time, commit, machine, options."""
    return {'began': datetime.datetime.now().replace(microsecond=0).isoformat(), 'commit': _commit(),
            'machine': machine.facts(), 'options': options, 'even_disturbed': options['even_disturbed'],
            'is_complete': False}


def _commit():
    try:
        found = subprocess.check_output(['git', 'describe', '--always', '--dirty'], cwd=children.ROOT,
                                        stderr=subprocess.STDOUT)
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'
    return found.decode('ascii', 'replace').strip()
