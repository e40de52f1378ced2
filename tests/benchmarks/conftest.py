"""The benchmarks need Python 3."""

from __future__ import absolute_import, division, print_function

import sys

collect_ignore_glob = ['test_*.py'] if sys.version_info[0] < 3 else []
