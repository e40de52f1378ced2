"""Running spin and the searchers that it makes, and reading what they say."""

from __future__ import absolute_import, division, print_function

import io
import os
import re
import shutil
import subprocess
import tempfile

from tests.model.searches import SAFETY
from tests.source_tree import ROOT

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Sequence, Set, Tuple  # noqa: F401

    from tests.model.searches import Search  # noqa: F401

MODEL = os.path.join(ROOT, 'docs', 'model', 'dispatch.pml')
COMMANDS = ('spin', 'gcc')

#: Megabytes that a searcher may take, steps that a run may have, and the size of its hash table (2 to this power).
MEMORY_MB = 3000
DEPTH_MAX = 1000000
HASH_BITS = 22


class Failed(Exception):
    """A command ended as it should not. The text says which, and what it said."""


class Found(object):
    """What a search came to. ``error`` is '' or the assertion that failed or 'acceptance cycle'."""

    def __init__(self, output):
        # type: (str) -> None
        self.output = output
        errors = re.search(r'errors: (\d+)', output)
        if errors is None or 'Search not completed' in output and errors.group(1) == '0' or 'truncated' in output:
            raise Failed('the search was not completed:\n' + output)
        self.error = ''
        if errors.group(1) != '0':
            message = re.search(r'pan:\d+: (.*?) \(at depth', output)
            self.error = output if message is None else message.group(1)
        self.states = int(self._number(r'(\d+) states, stored'))
        self.depth = int(self._number(r'depth reached (\d+)'))
        self.memory_mb = float(self._number(r'([\d.]+)\ttotal actual memory usage'))

    def _number(self, expression):
        # type: (str) -> str
        found = re.search(expression, self.output)
        return found.group(1) if found is not None else '0'

    @property
    def rule(self):
        # type: () -> str
        """The rule that an error breaks: the comment on the line of the assertion."""
        if 'acceptance cycle' in self.error:
            return 'L1'
        line = re.search(r'dispatch\.pml:(\d+), Error: assertion violated', self.output)
        if line is None:
            return ''
        with io.open(MODEL, encoding='utf-8') as model:
            rule = re.search(r'/\* (S\d+) \*/', model.read().splitlines()[int(line.group(1)) - 1])
        return '' if rule is None else rule.group(1)


def is_missing():
    # type: () -> List[str]
    """The commands that a search needs and that are not there."""
    folders = os.environ.get('PATH', os.defpath).split(os.pathsep)
    return [command for command in COMMANDS
            if not any(os.access(os.path.join(folder, command), os.X_OK) for folder in folders)]


class Searcher(object):
    """A folder in which a search is made and run; removed at the end."""

    def __init__(self, search, extra=(), optimise='-O0'):
        # type: (Search, Sequence[str], str) -> None
        self._search = search
        self._defines = ['-D' + define for define in search.defines] + list(extra)
        self._optimise = optimise
        self._folder = tempfile.mkdtemp(prefix='model-')

    def __enter__(self):
        # type: () -> Searcher
        try:
            self._run(['spin', '-a'] + self._defines + [MODEL])
            kind = ['-DSAFETY'] if self._search.kind == SAFETY else []
            self._run(['gcc', self._optimise, '-w', '-DNOREDUCE', '-DVECTORSZ=1024', '-DMEMLIM=%d' % MEMORY_MB] + kind
                      + ['-o', 'pan', 'pan.c'])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # type: (*Any) -> None
        shutil.rmtree(self._folder, ignore_errors=True)

    def search(self):
        # type: () -> Found
        """Search everything, or up to the first error; where an assertion failed, its line comes with it."""
        options = ['-E'] if self._search.kind == SAFETY else ['-a']
        found = Found(self._run(['./pan', '-m%d' % DEPTH_MAX, '-w%d' % HASH_BITS] + options, check=False))
        if 'assertion' in found.error:
            # The searcher names the assertion, its replay the line.
            found.output += self._run(
                ['spin', '-t'] + self._defines + ['-k', 'dispatch.pml.trail', MODEL], check=False)
        return found

    def steps(self):
        # type: () -> Dict[Tuple[str, str], Tuple[int, str]]
        """Every step of the model as (process, state) -> (line, statement)."""
        steps = {}
        process = ''
        for line in self._run(['./pan', '-d'], check=False).splitlines():
            head = re.match(r'(?:proctype|init|claim) ?(\S*)', line)
            step = re.match(r'\tstate +(\d+) -\(tr .*?\.pml:(\d+) => (.*)', line)
            if step is not None:
                steps[process, step.group(1)] = (int(step.group(2)), _plain(step.group(3)))
            elif head is not None:
                process = head.group(1)
        return steps

    def _run(self, command, check=True):
        # type: (List[str], bool) -> str
        process = subprocess.Popen(command, cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = process.communicate()[0].decode('utf-8', 'replace')
        if check and process.returncode != 0:
            raise Failed('`%s` ended with %d:\n%s' % (' '.join(command), process.returncode, output))
        return output


def _plain(statement):
    # type: (str) -> str
    """A statement of an inline without what differs from one place of use to the other."""
    # Which message it is, is what differs in `send`, and has to stay.
    statement = re.sub(r'net\[\(*(\d+)\*', r'net\1[', statement)
    for expression in (r'\[[^][]*\]', r'\[[^][]*\]', r'\[[^][]*\]', r'\b\w\b', r'[()\s]'):
        statement = re.sub(expression, '', statement)
    return statement


def unreached(searches):
    # type: (Sequence[Search]) -> List[Tuple[int, str]]
    """Steps of the model that none of these searches takes, as (line, statement).

    A ``d_step`` counts as one step to spin. Taken as ``atomic`` it has the same states, and shows what it is made of;
    ``-o3`` leaves its statements apart.
    """
    known = set()  # type: Set[Tuple[int, str]]
    taken = set()  # type: Set[Tuple[int, str]]
    for search in searches:
        with Searcher(search, ['-Dd_step=atomic', '-o3']) as searcher:
            steps = searcher.steps()
            output = searcher.search().output
        missed = set()
        process = ''
        for line in output.splitlines():
            head = re.match(r'unreached in (?:proctype |init|claim )(\S*)', line)
            step = re.match(r'\t\S*?(?::\d+)?, state (\d+), ', line)
            if head is not None:
                process = head.group(1)
            elif step is not None:
                missed.add((process, step.group(1)))
        for state, step_taken in steps.items():
            known.add(step_taken)
            if state not in missed:
                taken.add(step_taken)
    return sorted(known - taken)
