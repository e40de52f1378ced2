#!/usr/bin/env python3
"""Run the real client, dispatcher and calculator in virtual time on a faulty network.

Each seed draws one world: sizes, settings, rates of faults, crashes; an auditor checks the promises of
docs/reliability.md. With a preset or a settings file the seed draws only the events.
"""

from __future__ import absolute_import, division, print_function

import runtime.early  # noqa: F401  isort:skip

import argparse
import gc
import io
import json
import multiprocessing
import sys

from common.schema import Group, SettingRefused
from planner import report, turn_cost
from planner.comparison import Comparison
from planner.question import PRECISION, Question
from planner.recording import Recording, RecordingError
from planner.replication import PACKAGES, row_of_piece
from planner.replication import run as run_measured
from planner.replication import world_of
from planner.rounds import KilledTooOften, progress, replications
from planner.tape import Tape, not_recorded
from planner.target import QuestionError
from runtime import archive, command_line, datagram_cost, event_file, event_files
from runtime import settings as settings_file
from runtime import workers
from runtime.clock import cpu_time, monotonic
from runtime.console import LiveLine, bar
from runtime.dask_pool import DaskPool, scheduler_address
from runtime.process import GARBAGE_THRESHOLDS, CannotStart
from runtime.signals import interrupting
from simulator import scenario, story
from simulator.batch import Batch
from simulator.run import CLEAN, CRASH, LIVENESS, SAFETY, draw_settings, run_world, unfinished

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterable, Iterator  # noqa: F401

#: Exit status by verdict; 2 is for settings and usage.
STATUS = {CLEAN: 0, SAFETY: 3, LIVENESS: 4, CRASH: 5}
STATUS_RARE_PATH = 6
STATUS_INTERRUPTED = 130
#: A what-if question whose answer is no: the scenario is unstable, no value meets the target.
STATUS_NO = 1


def run(argv=None):
    """Run the simulator; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    # Like the other programs.
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    options.recording = None if options.replay is None else _recording(options, parser)
    if options.seed is None:
        options.seed = getattr(options.recording, 'seed', None) or 1
    if options.measure_turn_cost:
        found = turn_cost.measured(cpu_time, TURN_COST_S, datagram_cost.measured_s())
        print(json.dumps({'turn_cost_s': {part: float('%.3g' % seconds) for part, seconds in found.items()}}))
        return command_line.OK
    if options.measure or options.vary or options.find is not None:
        return _plan(options, parser)
    for name in ('target', 'precision', 'budget', 'report', 'engine'):
        if getattr(options, name) is not None:
            parser.error('--%s needs %s' % (name, '--find' if name == 'target' else '--measure, --vary or --find'))
    if options.recording is not None or options.events is not None:
        try:
            return (_record if options.recording is None else _replay)(options, parser)
        except KeyboardInterrupt:
            print('interrupted: no result', file=sys.stderr)
            return STATUS_INTERRUPTED
    if options.trace or options.task is not None:
        return _tell_story(options, parser)
    settings, batch = _settings(options), Batch()
    try:
        with interrupting():
            _run_batch(options, settings, batch)
    except KeyboardInterrupt:
        # Print the incomplete result.
        batch.is_complete = False
    command_line.print_result(options.json, batch.as_dict(), batch.as_lines())
    if not batch.is_complete:
        return STATUS_INTERRUPTED
    if batch.verdict == CLEAN and batch.untaken:
        return STATUS_RARE_PATH
    return STATUS[batch.verdict]


def _run_batch(options, settings, batch):
    # type: (Any, Any, Batch) -> None
    line = LiveLine()
    results = _results(options, settings)
    try:
        for result in results:
            if result['verdict'] != CLEAN:
                line.write_above('\n'.join(story.failure(result, _command_again(result['seed'], options))))
            batch.add(result)
            line.show('%s %d of %d worlds, %d tasks, %d failed' % (
                bar(batch.runs, options.runs), batch.runs, options.runs, batch.tasks, len(batch.failures)))
    finally:
        results.close()  # type: ignore[attr-defined]
        line.end()


def one_world(work):
    # type: (Any) -> Dict[str, Any]
    """Run one world, possibly in a child process; ``work`` is (seed, settings)."""
    begun_at = cpu_time()
    result = run_world(*work)
    result['cpu_s'] = cpu_time() - begun_at
    return result


def _results(options, settings):
    # type: (Any, Any) -> Iterator[Dict[str, Any]]
    work = ((seed, settings(seed)) for seed in range(options.seed, options.seed + options.runs))
    if options.runs == 1 or options.jobs == 1:
        for pair in work:
            yield one_world(pair)
            gc.collect()
        return
    # In the order of the seeds, so that the output of a command is reproducible.
    for result in workers.results(one_world, work, options.jobs or multiprocessing.cpu_count(), _killed):
        yield result


def _killed(pair, error):
    # type: (Any, Exception) -> Dict[str, Any]
    """The result of a world whose process was killed."""
    return dict(unfinished(*pair), rule='worker', sentence=str(error), cpu_s=0.0)


def _tell_story(options, parser):
    # type: (Any, Any) -> int
    if options.runs > 1:
        parser.error('--trace and --task print the history of one world, that of --seed: leave out --runs')
    of_task = None if options.task is None else story.TaskStory(options.task, print)
    result = run_world(options.seed, _settings(options)(options.seed),
                       (lambda line: print(story.told(line))) if of_task is None else of_task.take)
    if of_task is not None and not of_task.has_begun:
        sys.stderr.write('run_simulator.py: the world of seed %d has no task %s; --trace names all of them\n' % (
            options.seed, json.dumps(options.task)))
        return command_line.USAGE
    if result['verdict'] != CLEAN:
        print('\n%s  %s: %s' % (result['verdict'], result['rule'], result['sentence']))
    return STATUS[result['verdict']]


def _command_again(seed, options):
    # type: (int, Any) -> str
    """The command that prints the events in the world of a seed."""
    again = ['python run_simulator.py', '--seed %d' % seed]
    if options.settings:
        again.append('-s %s' % options.settings)
    elif options.preset:
        again.append('--preset %s' % options.preset)
    if options.duration:
        again.append('--duration %r' % options.duration)
    return ' '.join(again + ['--trace'])


# What-if questions.

#: Duration of the measurement of the cost of a turn.
TURN_COST_S = 5.0


def _plan(options, parser):
    # type: (Any, Any) -> int
    """Answer a question about a scenario; returns the exit status."""
    question = _question(options, parser)
    study = question.study
    if options.report is not None:
        # Find an error before the work.
        _write('the report', options.report, (), 'ab')
    is_interrupted = False
    try:
        with interrupting():
            _answer(study, options)
    except KeyboardInterrupt:
        # Print the answer with the precision reached so far.
        is_interrupted = True
    lines = question.as_lines()
    command_line.print_result(options.json, question.as_dict(), lines)
    if options.report is not None:
        _write_report(question, options, lines)
    if any(point.errors for point in study.points):
        return STATUS[SAFETY]
    if is_interrupted:
        return STATUS_INTERRUPTED
    return STATUS_NO if study.is_no else command_line.OK


def _question(options, parser):
    # type: (Any, Any) -> Question
    _require_scenario(options, parser)
    if options.events is not None:
        parser.error('--events records a single run: leave out --measure, --vary and --find')
    if sum([options.measure, bool(options.vary), options.find is not None]) > 1:
        parser.error('one of --measure, --vary and --find at a time')
    if (options.find is None) != (options.target is None):
        parser.error('--find needs --target, and --target needs --find')
    try:
        return Question(_settings(options)(options.seed), json.loads, options.precision or PRECISION, options.seed,
                        options.vary or (), options.find, options.target, options.recording)
    except (QuestionError, SettingRefused) as error:
        return parser.error(str(error))


def _write_report(question, options, lines):
    # type: (Any, Any, Any) -> None
    command = ' '.join(['python3 run_simulator.py'] + [command_line.quoted(argument) for argument in sys.argv[1:]])
    found = report.contents(question.study, question.keys, command, lines, _settings(options)(options.seed))
    files = dict(archive.page_files('monitor/page'), **archive.page_files('planner'))
    texts = [files[name].decode('utf-8') for name in report.FILES]
    title = ' '.join(options.replay) if options.replay else options.settings or options.preset
    page = report.page(title, found, json.dumps, texts[0], texts[1:])
    _write('the report', options.report, [page.encode('utf-8')])


def _write(what, path, pieces, mode='wb'):
    # type: (str, str, Iterable[bytes], str) -> None
    try:
        with io.open(path, mode) as file:
            for piece in pieces:
                file.write(piece)
    except (IOError, OSError) as error:
        raise CannotStart('cannot write %s to %s: %s' % (what, path, error.strerror))


def _require_scenario(options, parser):
    # type: (Any, Any) -> None
    if options.settings is None and options.preset is None and options.recording is None:
        parser.error('this needs a scenario: -s FILE or --preset NAME, or a recording: --replay FILE ...')
    if options.runs > 1 or options.trace or options.task is not None:
        parser.error('--runs, --trace and --task are about single worlds: leave them out')


# Recordings.

def _recording(options, parser):
    # type: (Any, Any) -> Recording
    """The recording of the files of --replay, with the network settings of -s."""
    if options.preset is not None:
        parser.error('a recording is a scenario: leave out --preset')
    around = {}  # type: Dict[str, Any]
    if options.settings is not None:
        around = settings_file.load(options.settings, Group('', [
            part for part in scenario.SETTINGS.settings if part.key in ('network', 'turn_cost_s')]))
    try:
        return Recording(event_files.read_all(options.replay), around)
    except (event_files.EventsBroken, RecordingError) as error:
        raise CannotStart(*error.args)
    except SettingRefused as error:
        raise CannotStart('the settings in %s: %s' % (', '.join(options.replay), error))


def _record(options, parser):
    # type: (Any, Any) -> int
    """Run a scenario once and write its events."""
    _require_scenario(options, parser)
    settings = _settings(options)(options.seed)
    key = not_recorded(settings['faults'])
    if key is not None:
        parser.error('faults.%s: --events cannot record what this does' % key)
    tape = Tape(options.seed, settings)
    world = world_of(options.seed, settings, tape)
    run_measured(world)
    _write('events', options.events, [event_file.line(*event) for event in tape.events()])
    tasks = len(world.recorder.tasks)
    command_line.print_result(options.json, {'seed': options.seed, 'tasks': tasks}, [
        'recorded %d tasks in %s; python3 run_simulator.py --replay %s runs them again' % (
            (tasks,) + 2 * (command_line.quoted(options.events),))])
    return command_line.OK


def _replay(options, parser):
    # type: (Any, Any) -> int
    """Run a recording again and compare."""
    _require_scenario(options, parser)
    if options.events is not None:
        parser.error('--events records a scenario, and --replay runs a recording')
    comparison = Comparison(options.recording, _settings(options)(options.seed), options.seed)
    command_line.print_result(options.json, comparison.as_dict(), comparison.as_lines())
    return command_line.OK if comparison.is_reproduced else STATUS_NO


def _answer(study, options):
    # type: (Any, Any) -> None
    """Make replications until the question is answered or the budget is used."""
    line, began_at = LiveLine(), monotonic()
    pool = _pool(options)
    try:
        for done in replications(study, pool):
            passed_s = monotonic() - began_at
            if options.budget is not None and passed_s >= options.budget:
                return
            if line.is_live:
                line.show(progress(study, done, passed_s, options.budget))
    except KilledTooOften as error:
        raise CannotStart(str(error))
    finally:
        pool.close()
        line.end()


def _pool(options):
    # type: (Any) -> Any
    """The pool of workers for replications."""
    if options.engine is not None:
        return DaskPool(row_of_piece, options.engine, archive.ROOT, PACKAGES)
    return workers.Pool(row_of_piece, options.jobs or multiprocessing.cpu_count())


def _settings(options):
    # type: (Any) -> Any
    """A function from seed to complete settings."""
    fixed = None
    if options.recording is not None:
        fixed = options.recording.settings
    elif options.settings:
        fixed = settings_file.load(options.settings, scenario.SETTINGS)
    elif options.preset:
        fixed = scenario.preset(options.preset)

    def settings(seed):
        # type: (int) -> Dict[str, Any]
        made = draw_settings(seed) if fixed is None else fixed
        return dict(made, duration_s=options.duration) if options.duration else made
    return settings


def _parser():
    # type: () -> argparse.ArgumentParser
    made = command_line.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='Exit status: 0 all clean, or answered; 1 unstable, or no value meets the target;\n'
               '2 wrong settings or usage; 3 a safety rule was broken; 4 a liveness rule was broken;\n'
               '5 a process raised an exception; 6 all clean, but a rare path was never taken;\n'
               '130 a signal ended it, and the results so far are shown.')
    world = made.add_mutually_exclusive_group()
    world.add_argument('-s', '--settings', metavar='FILE',
                       help='a scenario as JSON; config/simulation.json is a sample')
    world.add_argument('--preset', choices=sorted(scenario.PRESETS), help='a built-in scenario')
    made.add_argument('--seed', type=command_line.whole_number(), metavar='N',
                      help='the first seed (default: 1, or that of the recording)')
    made.add_argument('--runs', type=command_line.positive_int, default=1, metavar='N',
                      help='the number of consecutive seeds (default: 1)')
    made.add_argument('--duration', type=command_line.positive_seconds, metavar='S',
                      help='virtual seconds with faults; a period without faults follows')
    made.add_argument('--jobs', type=command_line.positive_int, metavar='N', help='processes (default: one per core)')
    made.add_argument('--trace', action='store_true', help='print every datagram and step, one per line')
    made.add_argument('--task', metavar='ID', help='print the events of one task and its processes')
    plan = made.add_argument_group('what-if questions about a scenario')
    plan.add_argument('--events', metavar='FILE', type=command_line.text_path,
                      help='run the scenario once and write its events to FILE, for --replay')
    plan.add_argument('--replay', metavar='FILE', nargs='+', type=command_line.text_path,
                      help='a recording in place of a scenario: the event files of a dispatcher, its clients and, if '
                           'there are any, its calculators; -s FILE may then have only "network" and "turn_cost_s". '
                           'Without a question it compares the replay with the recording')
    plan.add_argument('--measure', action='store_true',
                      help='measure response times, shares and more of the scenario, with 95 %% confidence intervals')
    plan.add_argument('--vary', action='append', metavar='KEY=VALUES',
                      help='the same for several values of any key: calculators=3..8, '
                           'calculator.heartbeat_interval_s=0.5,1,2, KEY=a..b:step; several --vary: all combinations')
    plan.add_argument('--find', metavar='KEY=a..b', help='find the boundary between values that meet --target and '
                                                         'values that do not')
    plan.add_argument('--target', metavar='TARGET', help='such as "p99 <= 5" or "answered_share >= 0.999"')
    plan.add_argument('--precision', type=command_line.positive_share, metavar='SHARE',
                      help='the relative precision of mean, p50 and p95 (default: %g; p99: 2.5 times that)' % PRECISION)
    plan.add_argument('--budget', type=command_line.positive_seconds, metavar='S',
                      help='start no replication after S seconds, and print the results so far')
    plan.add_argument('--measure-turn-cost', action='store_true',
                      help='measure turn_cost_s on this machine, print it and end')
    plan.add_argument('--engine', type=scheduler_address, metavar='dask:ADDRESS',
                      help='run the replications on the Dask cluster whose scheduler is at ADDRESS, such as '
                           'dask:tcp://host:8786; needs the package "distributed"')
    plan.add_argument('--report', metavar='FILE', type=command_line.text_path,
                      help='write the answer to FILE as one page, with curves and distributions')
    made.add_argument('--json', action='store_true', help='print exactly one JSON object to standard output')
    command_line.add_version(made)
    return made


if __name__ == '__main__':
    command_line.main(run)
