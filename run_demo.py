#!/usr/bin/env python
"""Run the whole system on this machine and watch it: clients send tasks, a dispatcher hands them to calculators, and
these crash and freeze from time to time. In the middle one calculator is killed and another one started; at the end all
are ended softly, and you see what became of every task. All are real processes that talk over UDP on 127.0.0.1.

Ctrl-C ends it early, softly; a second one at once.
"""

from __future__ import absolute_import, division, print_function

import runtime.early  # noqa: F401  isort:skip

import argparse
import os
import random
import sys

from demo.cast import CALCULATORS_MAX, CLIENTS_MAX, Cast
from demo.director import Director
from demo.processes import Household
from demo.report import report
from demo.stage import Stage
from demo.terminal import view_for
from runtime import command_line
from runtime.signals import StopSignals

DURATION_S = 20
CALCULATORS = 4
CLIENTS = 3


def parsed(argv):
    """The options."""
    parser = command_line.Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--calculators', type=command_line.whole_number(1, CALCULATORS_MAX), default=CALCULATORS,
                        metavar='N',
                        help='calculators at the beginning, 1 to %d (default: %%(default)s)' % CALCULATORS_MAX)
    parser.add_argument('--clients', type=command_line.whole_number(1, CLIENTS_MAX), default=CLIENTS, metavar='N',
                        help='clients, 1 to %d (default: %%(default)s)' % CLIENTS_MAX)
    parser.add_argument('--duration', type=command_line.positive_seconds, default=DURATION_S, metavar='S',
                        help='seconds until all are asked to end (default: %(default)s)')
    parser.add_argument('--seed', type=command_line.whole_number(), metavar='N',
                        help='the processes repeat their random draws (default: a new one, told in the report)')
    parser.add_argument('--keep', metavar='FOLDER',
                        help='keep settings, logs, events and accounts of all processes in FOLDER, which must be empty')
    parser.add_argument('--http', type=command_line.whole_number(0, 65535), metavar='PORT',
                        help='show it as a live page too, at http://127.0.0.1:PORT/ (0: any free port)')
    command_line.add_version(parser)
    return parser.parse_args(argv)


def run(argv=None):
    """The whole demo; returns its exit status."""
    options = parsed(argv)
    seed = random.SystemRandom().randrange(10000) if options.seed is None else options.seed
    with StopSignals() as signals, Household(options.keep) as household:
        stage = Stage(household, options.duration, view_for(sys.stdout, os.environ), signals)
        director = Director(stage, Cast(options.calculators, options.clients, seed), options.http)
        director.run()
        signals.ignore()
        print('\n'.join([''] + report(stage, director.kill)))
        print('The random draws of this run come from --seed %d.' % seed)
        troubles = [process.trouble for process in household.processes if process.trouble]
    for trouble in troubles:
        print('%s: %s' % (os.path.basename(sys.argv[0]), trouble), file=sys.stderr)
    return command_line.NOT_ACHIEVED if troubles else command_line.OK


if __name__ == '__main__':
    command_line.main(run)
