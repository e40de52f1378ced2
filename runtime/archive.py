"""Build ``farm.pyz``, one file with the programs and the library: ``python3 -m runtime.archive [FILE]``.

    python3 farm.pyz calculator --work work.py
    sys.path.insert(0, 'farm.pyz'); from client import Executor

A zip file with a ``__main__.py``, as ``zipapp`` makes it (2.7 has no ``zipapp``, but runs such files). It does not
contain the demo, which starts the programs as files.
"""

from __future__ import absolute_import, division, print_function

import io
import os
import sys
import zipfile

MYPY = False
if MYPY:
    from typing import Dict, Iterator, List, Tuple  # noqa: F401

PROGRAMS = ('client', 'dispatcher', 'calculator', 'monitor', 'simulator')
PACKAGES = ('common', 'net_protocol', 'runtime', 'planner') + PROGRAMS

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

#: The files to pack: source code, and the files of web pages.
PAGE_ENDINGS = ('.html', '.css', '.js', '.svg')
ENDINGS = ('.py',) + PAGE_ENDINGS

MAIN = '''from __future__ import absolute_import, division, print_function

import sys

PROGRAMS = %r

if len(sys.argv) < 2 or sys.argv[1] not in PROGRAMS:
    is_help = sys.argv[1:] in (['-h'], ['--help'])
    (sys.stdout if is_help else sys.stderr).write(
        'usage: %%s PROGRAM [options]; PROGRAM is one of %%s\\n' %% (sys.argv[0], ', '.join(PROGRAMS)))
    sys.exit(0 if is_help else 2)
name = 'run_' + sys.argv[1]
sys.argv[:2] = [name]
program = __import__(name)
from runtime import command_line
command_line.main(program.run)
'''

#: The oldest time that a zip file can store. A fixed time makes the archive of a tree reproducible.
TIME = (1980, 1, 1, 0, 0, 0)


def files(root):
    # type: (str) -> Iterator[Tuple[str, str]]
    """(path, name in the archive) of each file to pack."""
    for program in PROGRAMS:
        yield os.path.join(root, 'run_%s.py' % program), 'run_%s.py' % program
    for package in PACKAGES:
        for folder, folders, names in os.walk(os.path.join(root, package)):
            folders.sort()
            for name in sorted(names):
                if name.endswith(ENDINGS):
                    path = os.path.join(folder, name)
                    yield path, os.path.relpath(path, root).replace(os.sep, '/')


def page_files(folder):
    # type: (str) -> Dict[str, bytes]
    """Name -> content of each web page file in a folder, read from the archive if the program runs from it."""
    found = {}
    if os.path.isfile(ROOT):
        with zipfile.ZipFile(ROOT) as archive:
            for path in archive.namelist():
                if path.rpartition('/')[0] == folder and path.endswith(PAGE_ENDINGS):
                    found[path.rpartition('/')[2]] = archive.read(path)
        return found
    for name in os.listdir(os.path.join(ROOT, folder)):
        if name.endswith(PAGE_ENDINGS):
            with io.open(os.path.join(ROOT, folder, name), 'rb') as file:
                found[name] = file.read()
    return found


def build(target, root):
    # type: (str, str) -> int
    """Write the archive; returns the number of packed files."""
    number = 0
    with open(target, 'wb') as file:
        file.write(b'#!/usr/bin/env python3\n')
        with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_entry('__main__.py'), MAIN % (PROGRAMS,))
            for path, name in files(root):
                with open(path, 'rb') as source:
                    archive.writestr(_entry(name), source.read())
                number += 1
    os.chmod(target, 0o755)
    return number


def _entry(name):
    # type: (str) -> zipfile.ZipInfo
    entry = zipfile.ZipInfo(name, TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def main(arguments):
    # type: (List[str]) -> int
    if len(arguments) > 1 or (arguments and arguments[0].startswith('-')):
        sys.stderr.write('usage: python3 -m runtime.archive [FILE]\n')
        return 2
    target = arguments[0] if arguments else 'farm.pyz'
    number = build(target, ROOT)
    print('%s: %d files' % (target, number))
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
