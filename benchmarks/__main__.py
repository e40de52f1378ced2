"""``python3 -m benchmarks QUESTION``: measure this system, and other systems, on this machine.

Real processes on loopback. Runs are interleaved and compared pair by pair. A run that other processes disturbed is
repeated or left out. ``benchmarks.report`` makes tables, plots and the page on performance from the result file.
"""

from __future__ import absolute_import, division, print_function

import argparse
import importlib
import signal
import sys

from benchmarks import machine, results, systems
from benchmarks.children import ProcessGroup, RunFailed
from benchmarks.context import Context
from benchmarks.questions import NAMES
from benchmarks.rounds import TRIES
from runtime.command_line import positive_int, positive_seconds
from runtime.console import LiveLine

NOT_COMPARABLE = 1
USAGE = 2
INTERRUPTED = 130


def parser():
    about = '\n'.join('  %-12s %s' % (name, _question(name).ABOUT) for name in NAMES)
    made = argparse.ArgumentParser(
        prog='python3 -m benchmarks', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='questions:\n%s\n  %-12s all of these, one after the other\n\nexit status: 0; 1 if nothing could be '
               'compared; 2 for usage; 130 after Ctrl-C' % (about, 'all'))
    made.add_argument('question', choices=NAMES + ('all',), metavar='QUESTION', help='see below')
    made.add_argument('--rounds', type=positive_int, default=5, metavar='N', help='runs of each system (default: 5)')
    made.add_argument('--duration', type=positive_seconds, default=5.0, metavar='S',
                      help='measured seconds of a run (default: 5)')
    made.add_argument('--warm-up', type=positive_seconds, default=1.0, metavar='S',
                      help='seconds before the measurement (default: 1)')
    made.add_argument('--systems', type=lambda text: text.split(','), default=[], metavar='A,B',
                      help='only these, by the names in the result file; "ours" is ours on every Python')
    made.add_argument('--python', dest='pythons', action='append', metavar='PYTHON',
                      help='Python for our programs, by name or path; may be repeated; the first is compared with the '
                           'other systems (default: this Python, and 2.7 if it is found)')
    made.add_argument('--size', type=_share, default=1.0, metavar='SHARE',
                      help='factor for the large numbers in scale, memory, journal and overload: 0.01 for a quick test '
                           '(default: 1)')
    made.add_argument('--others-max', type=_share, default=machine.OTHERS_SHARE_MAX, metavar='SHARE',
                      help='a run is disturbed if other processes take more of the processors (default: %(default)s)')
    made.add_argument('--tries', type=positive_int, default=TRIES, metavar='N',
                      help='how often a disturbed run is tried (default: %(default)s)')
    made.add_argument('--even-disturbed', action='store_true',
                      help='count disturbed runs too: for a test, not for a comparison')
    made.add_argument('--out', default=results.DEFAULT_PATH, metavar='FILE', help='default: benchmarks/results.json')
    return made


def run(argv=None):
    """Ask the questions of the command line; returns the exit status."""
    options = parser().parse_args(argv)
    options.pythons = options.pythons or systems.pythons_here()
    for python in options.pythons:
        if not systems.version_of(python):
            print('no Python: %s' % python, file=sys.stderr)
            return USAGE
    try:
        results.load(options.out)
    except (IOError, ValueError) as error:
        print(str(error), file=sys.stderr)
        return USAGE
    # SIGTERM ends the run as Ctrl-C does, so no process is left. Shells let background jobs ignore SIGINT.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    line = LiveLine()
    status = 0
    for name in NAMES if options.question == 'all' else (options.question,):
        status = max(status, _ask(name, options, line))
        if status == INTERRUPTED:
            break
    return status


def _ask(name, options, line):
    def say(text):
        if line.is_live:
            line.show('%s: %s' % (name, text))
        else:
            print('%s: %s' % (name, text), file=sys.stderr)

    question = _question(name)
    status = 0
    with ProcessGroup() as group:
        context = Context(group, options, say)
        asked = {key: value for key, value in vars(options).items() if key != 'out'}
        # Versions, not paths.
        asked['pythons'] = [systems.version_of(python) for python in options.pythons]
        context.section = results.heading(asked)
        try:
            question.take(context)
            context.section['is_complete'] = True
        except RunFailed as error:
            context.section['failed'] = str(error)
            status = NOT_COMPARABLE
        except KeyboardInterrupt:
            status = INTERRUPTED
    line.end()
    if status == INTERRUPTED:
        print('stopped; nothing of "%s" is kept' % name, file=sys.stderr)
        return status
    results.store(options.out, name, context.section)
    print('\n%s: %s\n' % (name, question.ABOUT))
    print('\n'.join([context.section['failed']] if status else question.lines(context.section)))
    return max(status, 0 if _is_comparable(context.section) else NOT_COMPARABLE)


def _is_comparable(section):
    runs = section.get('runs', [])
    return section['even_disturbed'] or not runs or any('failed' not in one and not one['disturbed'] for one in runs)


def _question(name):
    return importlib.import_module('benchmarks.questions.' + name)


def _share(text):
    number = float(text)
    if not 0 < number <= 1:
        raise ValueError
    return number


if __name__ == '__main__':
    sys.exit(run())
