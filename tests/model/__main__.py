"""The model of the protocol (docs/model), searched through by spin, and broken variants that must be caught.

    tests/model/run                 everything, 80 s of processor time
    tests/model/run NAME            one search or one broken variant

Needs spin and gcc; as root on a Debian it installs what is missing. Where it can't run it says why and ends with 0, but
with 1 where CI=true: what is left out there would count as passed.
"""

from __future__ import absolute_import, division, print_function

import argparse
import io
import os
import re
import resource
import subprocess
import sys
import time

from tests.model.searches import COVERING, LIVENESS, SEARCHES, VARIANTS
from tests.model.spin import Failed, Searcher, is_missing, unreached
from tests.source_tree import ROOT

MYPY = False
if MYPY:
    from typing import List, Tuple  # noqa: F401

    from tests.model.searches import Search  # noqa: F401
    from tests.model.spin import Found  # noqa: F401

PAGE = os.path.join(ROOT, 'docs', 'model', 'README.md')


def main():
    # type: () -> int
    parser = argparse.ArgumentParser(prog='tests/model/run', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('name', nargs='?', help='one search or broken variant')
    options = parser.parse_args()
    try:
        install_what_is_missing()
    except Failed as exc:
        print('the model was NOT searched: %s' % exc)
        return 1 if os.environ.get('CI') == 'true' else 0
    started_at = time.time()
    complaints = search_all(options.name) + try_variants(options.name)
    if options.name is None:
        complaints += ['no search takes line %d: %s' % step for step in unreached(COVERING)]
    print('\n%s, in %d s' % ('all is as it should be' if not complaints else 'WRONG', time.time() - started_at))
    for complaint in complaints:
        print('  ' + complaint)
    return 1 if complaints else 0


def install_what_is_missing():
    # type: () -> None
    missing = is_missing()
    if not missing:
        return
    if os.geteuid() != 0:
        raise Failed('%s missing, and only root can install it' % ' and '.join(missing))
    apt_get = ['apt-get', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=3', '--quiet', '--yes']
    packages = missing + (['libc6-dev'] if 'gcc' in missing else [])
    try:
        # A source that does not answer need not be the one that has these packages.
        subprocess.call(apt_get + ['update'])
        subprocess.call(apt_get + ['install', '--no-install-recommends'] + packages,
                        env=dict(os.environ, DEBIAN_FRONTEND='noninteractive'))
    except OSError as exc:
        raise Failed("%s missing, and can't be installed: %s" % (' and '.join(missing), exc))
    if is_missing():
        raise Failed('%s missing, and could not be installed' % ' and '.join(is_missing()))


def timed(search, optimise='-O0'):
    # type: (Search, str) -> Tuple[Found, float]
    """What a search found, and the seconds of processor time that it took, without making it."""
    with Searcher(search, optimise=optimise) as searcher:
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        found = searcher.search()
        return found, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def published():
    # type: () -> List[Tuple[str, int]]
    """The searches in the page's table of figures, with their states."""
    with io.open(PAGE, encoding='utf-8') as page:
        rows = re.findall(r'^\| ([a-z, ]+) \| `[^|]*` \| ([\d,]+) \|', page.read(), re.MULTILINE)
    return [(str(name), int(states.replace(',', ''))) for name, states in rows]


def search_all(name):
    # type: (str | None) -> List[str]
    complaints = []
    figures = dict(published())
    for search in SEARCHES:
        if name not in (None, search.name):
            continue
        found, seconds = timed(search, '-O1')
        print('%-40s %-9s %9d states, depth %5d, %4.0f MB, %5.1f s   %s' % (
            search.name, search.kind, found.states, found.depth, found.memory_mb, seconds, found.error or 'holds'))
        sys.stdout.flush()
        if found.error:
            complaints.append('%s: %s' % (search.name, found.error))
        elif figures.get(search.name) != found.states:
            complaints.append('%s: %d states, and not as many in docs/model/README.md' % (search.name, found.states))
    return complaints


def try_variants(name):
    # type: (str | None) -> List[str]
    complaints = []
    for search, rule in VARIANTS:
        if name not in (None, search.name):
            continue
        found, _ = timed(search)
        print('%-40s %-9s %9d states   %s' % (
            search.name, 'liveness' if search.kind == LIVENESS else 'safety', found.states,
            'caught: ' + found.rule if found.error else 'NOT CAUGHT'))
        sys.stdout.flush()
        if found.rule != rule:
            complaints.append('%s was to be caught as %s' % (search.name, rule))
    return complaints


if __name__ == '__main__':
    sys.exit(main())
