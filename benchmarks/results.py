"""The result file: everything that was measured, for programs. Each question has its own part and its own moment.

    {"format": 1, "questions": {"throughput": {"began": "...", "commit": "...", "machine": {...}, "options": {...},
                                               "is_complete": true, ...what the question found}, ...}}
"""

from __future__ import absolute_import, division, print_function

import datetime
import json
import os
import subprocess

from benchmarks import children, machine

MYPY = False
if MYPY:
    from typing import Any, Dict  # noqa: F401

FORMAT = 1
#: What the page on performance is made from.
DEFAULT_PATH = os.path.join(children.ROOT, 'benchmarks', 'results.json')


def load(path):
    # type: (str) -> Dict[str, Any]
    """What is in the file, or an empty one. Raises ``ValueError`` for a file of something else."""
    if not os.path.exists(path):
        return {'format': FORMAT, 'questions': {}}
    with open(path) as file:
        found = json.load(file)  # type: Dict[str, Any]
    if not isinstance(found, dict) or found.get('format') != FORMAT:
        raise ValueError('%s is no result file of format %d' % (path, FORMAT))
    return found


def store(path, question, section):
    # type: (str, str, Dict[str, Any]) -> None
    """Put the part of one question in place of its last one; the file is whole at every moment."""
    everything = load(path)
    everything['questions'][question] = section
    # A line for each question: the next measurement of one changes nothing else, and nobody reads the rest by eye.
    parts = ['%s: %s' % (json.dumps(name), json.dumps(part, sort_keys=True))
             for name, part in sorted(everything['questions'].items())]
    with open(path + '.new', 'w') as file:
        file.write('{"format": %d, "questions": {\n%s\n}}\n' % (FORMAT, ',\n'.join(parts)))
    os.rename(path + '.new', path)


def heading(options):
    # type: (Dict[str, Any]) -> Dict[str, Any]
    """What every part begins with: when, of which commit, on which machine, asked how."""
    return {'began': datetime.datetime.now().replace(microsecond=0).isoformat(), 'commit': _commit(),
            'machine': machine.facts(), 'options': options, 'is_complete': False}


def _commit():
    # type: () -> str
    try:
        found = subprocess.check_output(['git', 'describe', '--always', '--dirty'], cwd=children.ROOT,
                                        stderr=subprocess.STDOUT)
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'
    return found.decode('ascii', 'replace').strip()
