"""The questions, one module each.

    ABOUT                   a sentence for --help
    take(context)           measures, and fills ``context.section``
    lines(section)          the tables of results, in Markdown
"""

from __future__ import absolute_import, division, print_function

#: In the order in which ``all`` asks them.
NAMES = ('throughput', 'latency', 'detection', 'journal', 'key', 'scale', 'memory', 'recovery', 'overload',
         'work', 'simulation', 'planning', 'profile')
