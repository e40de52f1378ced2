"""The questions, one module each, all of one shape.

    ABOUT                   a sentence for --help
    take(context)           measures; fills ``context.section``, step by step
    lines(section)          the tables of what was found, as Markdown
"""

from __future__ import absolute_import, division, print_function

#: In the order in which ``all`` asks them.
NAMES = ('throughput', 'latency', 'journal', 'key', 'scale', 'memory', 'recovery', 'overload', 'profile')
