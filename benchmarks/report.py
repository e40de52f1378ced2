"""``python3 -m benchmarks.report``: write the tables and plots of the page on performance from the result file.

The page has a place for each question, between two comments. Its content is replaced by the table of that question;
plots go beside the page. The text around them stays as it is.
"""

from __future__ import absolute_import, division, print_function

import argparse
import importlib
import io
import os
import re
import sys

from benchmarks import children, goals, plots, results
from benchmarks.tables import number

PAGE = os.path.join(children.ROOT, 'docs', 'performance.md')
#: Of the page's folder.
PLOTS = 'performance'

NOT_MEASURED = 'No figures are committed for this version: see [how to repeat it](#how-to-repeat-it).'
_PLACE = re.compile(r'(<!-- begin ([a-z]+) -->\n).*?(<!-- end \2 -->)', re.DOTALL)


def filled(page, everything, drawn):
    """The text of the page with all places filled. ``drawn``: question -> name of its plot."""
    def fill(match):
        return match.group(1) + place(match.group(2), everything['questions'], drawn) + match.group(3)

    return _PLACE.sub(fill, page)


def place(name, questions, drawn):
    """The content of the place of that name."""
    if name == 'goals':
        lines = goals.lines(questions)
    elif name == 'used':
        lines = used(questions)
    elif name not in questions:
        lines = [NOT_MEASURED]
    else:
        section = questions[name]
        question = importlib.import_module('benchmarks.questions.' + name)
        lines = [heading(section), '']
        lines += [section['failed']] if 'failed' in section else question.lines(section)
        if name in drawn:
            lines += ['', '![%s](%s/%s)' % (question.ABOUT, PLOTS, drawn[name])]
    return '\n'.join([''] + lines + ['', ''])


def heading(section):
    """The time, the commit and the machine of a section."""
    machine, options = section['machine'], section['options']
    return '%s, commit %s. %d processors (%s), %s GB, Linux %s. %d rounds, %g s each.' % (
        section['began'].replace('T', ' '), section['commit'], machine['processors'], machine['model'],
        number(machine['memory_bytes'] / 1e9), machine['kernel'], options['rounds'], options['duration'])


def used(questions):
    """Which settings and interfaces of each system were used."""
    found = {}
    for question in ('throughput', 'latency'):
        found.update(questions.get(question, {}).get('systems', {}))
    if not found:
        return [NOT_MEASURED]
    return ['- **%s**: %s.' % (found[name]['title'], found[name]['used']) for name in sorted(
        found, key=lambda name: found[name]['title'])]


def main():
    parser = argparse.ArgumentParser(prog='python3 -m benchmarks.report', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--results', default=results.DEFAULT_PATH, metavar='FILE',
                        help='default: benchmarks/results.json')
    parser.add_argument('--page', default=PAGE, metavar='FILE', help='default: docs/performance.md')
    options = parser.parse_args()
    everything = results.load(options.results)
    drawn = plots.draw(everything, os.path.join(os.path.dirname(os.path.abspath(options.page)), PLOTS))
    with io.open(options.page, encoding='utf-8') as file:
        page = file.read()
    with io.open(options.page, 'w', encoding='utf-8') as file:
        file.write(filled(page, everything, drawn))
    print('\n'.join(goals.lines(everything['questions'])))
    return 0


if __name__ == '__main__':
    sys.exit(main())
