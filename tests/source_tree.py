"""The Python files of the project, for tests that read them."""

from __future__ import absolute_import, division, print_function

import io
import os
import sys

#: Files with a syntax that 2.7 refuses: benchmarks after the examples of other packages.
ONLY_ON_3 = ('benchmarks/peers/jetstream.py', 'benchmarks/peers/nats.py')

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def python_files():
    """(Path from the root with ``/``, text) of every file outside of hidden folders."""
    for folder, subfolders, names in os.walk(ROOT):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith('.') and name != '__pycache__')
        for name in sorted(names):
            if name.endswith('.py'):
                path = os.path.join(folder, name)
                relative = os.path.relpath(path, ROOT).replace(os.sep, '/')
                if relative in ONLY_ON_3 and sys.version_info[0] < 3:
                    continue
                with io.open(path, encoding='utf-8') as source:
                    yield relative, source.read()
