#!/usr/bin/env python3
"""Run the real client, dispatcher and calculator in virtual time on a faulty network.

Each seed draws one world: sizes, settings, every fault's rate, who crashes when; an auditor holds it to the promises of
docs/reliability.md. A preset or a settings file says what a world is made of instead; then the seed draws only what
happens.
"""

from __future__ import absolute_import, division, print_function

import runtime.early  # noqa: F401  isort:skip

import argparse
import gc
import json
import multiprocessing
import signal
import sys
import time

from runtime import command_line
from runtime import settings as settings_file
from runtime import workers
from runtime.console import LiveLine
from runtime.process import GARBAGE_THRESHOLDS
from simulator import scenario, story
from simulator.batch import Batch
from simulator.run import CLEAN, CRASH, LIVENESS, SAFETY, draw_settings, run_world, unfinished

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterator  # noqa: F401

#: Exit status by verdict; 2 is for settings and usage, as everywhere.
STATUS = {CLEAN: 0, SAFETY: 3, LIVENESS: 4, CRASH: 5}
STATUS_RARE_PATH = 6
STATUS_INTERRUPTED = 130

# The CPU time of this process. 2.7 has no process_time, but its clock is one (until 2.7 goes).
_cpu_time = getattr(time, 'process_time', None) or time.clock  # type: ignore[attr-defined]


def run(argv=None):
    """All worlds asked for; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    is_story = options.trace or options.task is not None
    if is_story and options.runs > 1:
        parser.error('--trace and --task tell the story of one world, that of --seed: leave out --runs')
    settings = _settings(options)
    # As the daemons do.
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    if is_story:
        return _tell_story(options, settings)
    batch = Batch()
    former = signal.signal(signal.SIGTERM, _interrupt)
    try:
        _run_batch(options, settings, batch)
    except KeyboardInterrupt:
        # What was found so far is an answer, and an incomplete one.
        batch.is_complete = False
    finally:
        signal.signal(signal.SIGTERM, former)
    command_line.print_result(options.json, batch.as_dict(), batch.as_lines())
    if not batch.is_complete:
        return STATUS_INTERRUPTED
    if batch.verdict == CLEAN and batch.untaken:
        return STATUS_RARE_PATH
    return STATUS[batch.verdict]


def _interrupt(number, frame):
    # type: (int, Any) -> None
    raise KeyboardInterrupt


def _run_batch(options, settings, batch):
    # type: (Any, Any, Batch) -> None
    line = LiveLine()
    results = _results(options, settings)
    try:
        for result in results:
            if result['verdict'] != CLEAN:
                line.write_above('\n'.join(_failure(result, options)))
            batch.add(result)
            line.show('%s %d of %d worlds, %d tasks, %d failed' % (
                _bar(batch.runs, options.runs), batch.runs, options.runs, batch.tasks, len(batch.failures)))
    finally:
        results.close()  # type: ignore[attr-defined]
        line.end()


def one_world(work):
    # type: (Any) -> Dict[str, Any]
    """Run one world, in whichever process; ``work`` is (seed, settings)."""
    begun_at = _cpu_time()
    result = run_world(*work)
    result['cpu_s'] = _cpu_time() - begun_at
    return result


def _results(options, settings):
    # type: (Any, Any) -> Iterator[Dict[str, Any]]
    work = ((seed, settings(seed)) for seed in range(options.seed, options.seed + options.runs))
    if options.runs == 1 or options.jobs == 1:
        for pair in work:
            yield one_world(pair)
        return
    # In the order of the seeds, so that the same command prints the same.
    for result in workers.results(one_world, work, options.jobs or multiprocessing.cpu_count(), _killed):
        yield result


def _killed(pair, error):
    # type: (Any, Exception) -> Dict[str, Any]
    """The result of a world whose process was killed."""
    return dict(unfinished(*pair), rule='worker', sentence=str(error), cpu_s=0.0)


def _tell_story(options, settings):
    # type: (Any, Any) -> int
    about = None if options.task is None else (options.task,)
    # What happened to processes before there was the task is not of its story.
    begun = []  # type: Any

    def tell(line):
        # type: (Any) -> None
        if about is not None:
            if not begun and story.names(line, about):
                begun.append(line)
            if not (begun and story.concerns(line, about)):
                return
        print(story.told(line))

    result = run_world(options.seed, settings(options.seed), tell)
    if about is not None and not begun:
        sys.stderr.write('run_simulator.py: the world of seed %d has no task %s; --trace names all of them\n' % (
            options.seed, json.dumps(options.task)))
        return command_line.USAGE
    if result['verdict'] != CLEAN:
        print('\n%s  %s: %s' % (result['verdict'], result['rule'], result['sentence']))
    return STATUS[result['verdict']]


def _failure(result, options):
    # type: (Dict[str, Any], Any) -> Any
    """What a person needs who is to find out why."""
    drawn = json.dumps(result['settings'], sort_keys=True)
    again = ['python run_simulator.py', '--seed %d' % result['seed']]
    if options.settings:
        again.append('-s %s' % options.settings)
    elif options.preset:
        again.append('--preset %s' % options.preset)
    if options.duration:
        again.append('--duration %r' % options.duration)
    return ['', '%s violated by seed %d: %s: %s' % (result['verdict'], result['seed'], result['rule'],
                                                   result['sentence']),
            'drawn: %s' % drawn, 'what led to it:'] + ['  ' + line for line in result['lines']] + [
                'to repeat it: %s' % ' '.join(again + ['--trace'])]


def _settings(options):
    # type: (Any) -> Any
    """A function from seed to complete settings."""
    fixed = None
    if options.settings:
        fixed = settings_file.load(options.settings, scenario.SETTINGS)
    elif options.preset:
        fixed = scenario.preset(options.preset)

    def settings(seed):
        # type: (int) -> Dict[str, Any]
        made = draw_settings(seed) if fixed is None else fixed
        return dict(made, duration_s=options.duration) if options.duration else made
    return settings


def _bar(done, wanted):
    # type: (int, int) -> str
    filled = 20 * done // wanted
    return '[%s%s]' % ('#' * filled, '.' * (20 - filled))


def _parser():
    # type: () -> argparse.ArgumentParser
    made = command_line.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='Exit status: 0 all clean; 2 settings and usage; 3 something happened that never must (safety); 4\n'
               'something did not happen that finally must (liveness); 5 something raised; 6 all clean, but a rare\n'
               'path was never taken; 130 a signal ended it, and what was found so far is shown.')
    world = made.add_mutually_exclusive_group()
    world.add_argument('-s', '--settings', metavar='FILE',
                       help='a scenario as JSON; config/simulation.json is a sample')
    world.add_argument('--preset', choices=sorted(scenario.PRESETS), help='a scenario that is at hand')
    made.add_argument('--seed', type=command_line.whole_number(), default=1, metavar='N',
                      help='the first seed (default: 1)')
    made.add_argument('--runs', type=command_line.positive_int, default=1, metavar='N',
                      help='how many seeds, counting up (default: 1)')
    made.add_argument('--duration', type=command_line.positive_seconds, metavar='S',
                      help='virtual seconds with faults; then come the calm ones')
    made.add_argument('--jobs', type=command_line.positive_int, metavar='N', help='processes (default: one per core)')
    made.add_argument('--trace', action='store_true', help='tell everything that happens, a line each')
    made.add_argument('--task', metavar='ID', help='tell what happens to one task and its processes')
    made.add_argument('--json', action='store_true', help='standard output carries exactly one JSON object')
    command_line.add_version(made)
    return made


if __name__ == '__main__':
    command_line.main(run)
