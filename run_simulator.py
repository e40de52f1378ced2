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
import io
import json
import multiprocessing
import os
import re
import signal
import socket
import sys
import time

from common import lengths
from common.schema import Group, SettingRefused
from planner import answers, report, turn_cost
from planner.comparison import Comparison
from planner.recording import FROM_RECORDING, Recording, RecordingError
from planner.replication import row_of_piece
from planner.replication import run as run_measured
from planner.replication import world_of
from planner.study import Find, Point, Vary
from planner.tape import NOT_RECORDED, Tape
from planner.target import QuestionError, Target, points_of, values_of
from runtime import command_line, event_file, event_files
from runtime import settings as settings_file
from runtime import workers
from runtime.clock import monotonic
from runtime.console import LiveLine
from runtime.dask_pool import DaskPool
from runtime.process import GARBAGE_THRESHOLDS, CannotStart
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
#: A what-if question whose answer is no: the scenario is unstable, no value holds the target.
STATUS_NO = 1

#: How often a replication is begun again whose process was killed.
TRIES_MAX = 3

#: The precision where none is asked for, as a share.
PRECISION = 0.02

# The CPU time of this process. 2.7 has no process_time, but its clock is one (until 2.7 goes).
_cpu_time = getattr(time, 'process_time', None) or time.clock  # type: ignore[attr-defined]


def run(argv=None):
    """All worlds asked for; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    options.recording = None if options.replay is None else _recording(options, parser)
    if options.seed is None:
        options.seed = getattr(options.recording, 'seed', None) or 1
    if options.measure_turn_cost:
        gc.set_threshold(*GARBAGE_THRESHOLDS)
        print(json.dumps({'turn_cost_s': _turn_cost()}))
        return command_line.OK
    if options.measure or options.vary or options.find is not None:
        gc.set_threshold(*GARBAGE_THRESHOLDS)
        return _plan(options, parser)
    for name in ('target', 'precision', 'budget', 'report', 'engine'):
        if getattr(options, name) is not None:
            parser.error('--%s belongs to --measure, --vary or --find' % name)
    if options.recording is not None or options.events is not None:
        gc.set_threshold(*GARBAGE_THRESHOLDS)
        return _record_or_replay(options, parser)
    is_story = options.trace or options.task is not None
    if is_story and options.runs > 1:
        parser.error('--trace and --task print the history of one world, that of --seed: leave out --runs')
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
    if os.getpid() != PROCESS_ID:
        # A worker that was ended before it had a handler of its own: it must not go on as its parent would.
        os._exit(1)
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


# What-if questions.

ROOT = os.path.dirname(os.path.abspath(__file__))
PROCESS_ID = os.getpid()
#: How long the cost of a turn is measured, and over how many datagrams that of a socket.
TURN_COST_S = 5.0
DATAGRAMS = 20000
#: What makes a replication.
PACKAGES = ('net_protocol', 'client', 'dispatcher', 'calculator', 'simulator', 'planner')


def _plan(options, parser):
    # type: (Any, Any) -> int
    """Answer a question about a scenario; returns the exit status."""
    study, as_dict, as_lines = _question(options, parser)
    if options.report is not None:
        # Better now than after the work.
        _open_report(options.report, 'a').close()
    is_interrupted = False
    former = signal.signal(signal.SIGTERM, _interrupt)
    try:
        _answer(study, options)
    except KeyboardInterrupt:
        # What is known so far is an answer, with the precision that was reached.
        is_interrupted = True
    finally:
        signal.signal(signal.SIGTERM, former)
    lines = as_lines(study)
    command_line.print_result(options.json, as_dict(study), lines)
    if options.report is not None:
        _write_report(study, options, lines)
    if any(point.errors for point in study.points):
        return STATUS[SAFETY]
    if is_interrupted:
        return STATUS_INTERRUPTED
    if options.find is not None:
        return STATUS_NO if study.boundary()[0] is None else command_line.OK
    return STATUS_NO if all(point.why_unstable() for point in study.points) else command_line.OK


def _write_report(study, options, lines):
    # type: (Any, Any, Any) -> None
    """Write the answer as a page."""
    keys = [key for key, _ in study.points[0].changes]
    command = ' '.join(['python3 run_simulator.py'] + [_quoted(argument) for argument in sys.argv[1:]])
    found = report.contents(study, keys, command, lines, _settings(options)(options.seed))
    page = os.path.join(ROOT, 'monitor', 'page')
    scripts = [os.path.join(page, name) for name in report.SCRIPTS] + [os.path.join(ROOT, 'planner', 'report.js')]
    title = ' '.join(options.replay) if options.replay else options.settings or options.preset
    text = report.page(title, found, json.dumps, _read(os.path.join(page, report.STYLE)),
                       [_read(path) for path in scripts])
    with _open_report(options.report, 'w') as file:
        file.write(text)


def _open_report(path, mode):
    # type: (str, str) -> Any
    try:
        return io.open(path, mode, encoding='utf-8')
    except (IOError, OSError) as error:
        raise CannotStart('cannot write the report to %s: %s' % (path, error.strerror))


def _read(path):
    # type: (str) -> Any
    with io.open(path, encoding='utf-8') as file:
        return file.read()


def _quoted(argument):
    # type: (str) -> str
    """An argument as a shell takes it."""
    return argument if re.match(r'[A-Za-z0-9_./:=,@%+-]+\Z', argument) else "'%s'" % argument.replace("'", "'\\''")


def _question(options, parser):
    # type: (Any, Any) -> Any
    """The study, and what makes its answer for programs and for people."""
    _require_scenario(options, parser)
    if options.events is not None:
        parser.error('--events records a single run: leave out --measure, --vary and --find')
    if sum([options.measure, bool(options.vary), options.find is not None]) > 1:
        parser.error('one of --measure, --vary and --find at a time')
    if (options.find is None) != (options.target is None):
        parser.error('--find and --target belong together')
    settings, precision = _settings(options)(options.seed), options.precision or PRECISION
    try:
        keys = [values_of(text, json.loads) for text in options.vary or [options.find] if text is not None]
        points = [Point(*made) for made in points_of(settings, keys)]
        if options.recording is not None:
            for point in points:
                point.settings['recording'] = options.recording
            for key, _ in keys:
                if set(key.split('.')) & FROM_RECORDING:
                    raise QuestionError('%s is not varied: it is what the recording says' % key)
        if options.find is not None:
            found = Find(points, Target(options.target), precision, options.seed)
            return found, answers.find_dict, answers.find_lines
    except (QuestionError, SettingRefused) as error:
        parser.error(str(error))
    study = Vary(points, precision, options.seed)
    if options.vary:
        return study, answers.vary_dict, answers.vary_lines
    return study, answers.measure_dict, answers.measure_lines


def _require_scenario(options, parser):
    # type: (Any, Any) -> None
    if options.settings is None and options.preset is None and options.recording is None:
        parser.error('this needs a scenario: -s FILE or --preset NAME, or a recording: --replay FILE ...')
    if options.runs > 1 or options.trace or options.task is not None:
        parser.error('--runs, --trace and --task are about single worlds: leave them out')


# Recordings.

def _recording(options, parser):
    # type: (Any, Any) -> Recording
    """What the files of --replay hold, with what the file of -s says of the network."""
    if options.preset is not None:
        parser.error('a recording is a scenario: leave out --preset')
    around = {}  # type: Dict[str, Any]
    if options.settings is not None:
        around = settings_file.load(options.settings, Group('', [
            part for part in scenario.SETTINGS.settings if part.key in ('network', 'turn_cost_s')]))
    files = []
    for path in options.replay:
        try:
            files.append((path, event_files.read(path)[1]))
        except (IOError, OSError) as error:
            raise CannotStart('%s: %s' % (path, error.strerror))
        except event_files.EventsBroken as error:
            raise CannotStart(str(error))
    try:
        return Recording(files, around)
    except RecordingError as error:
        raise CannotStart(str(error))
    except SettingRefused as error:
        raise CannotStart('the settings in %s: %s' % (', '.join(options.replay), error))


def _record_or_replay(options, parser):
    # type: (Any, Any) -> int
    try:
        return (_record if options.recording is None else _replay)(options, parser)
    except KeyboardInterrupt:
        return STATUS_INTERRUPTED


def _record(options, parser):
    # type: (Any, Any) -> int
    """Run a scenario once and write its events."""
    _require_scenario(options, parser)
    settings = _settings(options)(options.seed)
    for key in NOT_RECORDED:
        value = settings['faults'][key]
        if lengths.longest(value) if lengths.is_length(value) else value:
            parser.error('faults.%s: --events cannot record what this does' % key)
    tape = Tape(options.seed, settings)
    world = world_of(options.seed, settings, tape)
    run_measured(world)
    try:
        with io.open(options.events, 'wb') as file:
            for event in tape.events():
                file.write(event_file.line(*event))
    except (IOError, OSError) as error:
        raise CannotStart('cannot write events to %s: %s' % (options.events, error.strerror))
    tasks = len(world.recorder.tasks)
    command_line.print_result(options.json, {'seed': options.seed, 'tasks': tasks}, [
        'recorded %d tasks in %s; python3 run_simulator.py --replay %s runs them again' % (
            (tasks,) + 2 * (_quoted(options.events),))])
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
    done = 0
    try:
        while True:
            pieces = study.pieces()
            if not pieces:
                return
            for number, row in _rows(study, pool, pieces):
                study.take(number, row)
                done += 1
                passed_s = monotonic() - began_at
                if options.budget is not None and passed_s >= options.budget:
                    return
                line.show(_progress(study, done, passed_s, options.budget))
    finally:
        pool.close()
        line.end()


def _rows(study, pool, pieces):
    # type: (Any, Any, Any) -> Iterator[Any]
    """(number of a point, row) for each piece. A piece whose process was killed is done again."""
    for _ in range(TRIES_MAX):
        again = []
        results = pool.results([(seed, study.points[number].settings) for number, seed in pieces], lambda *_: None)
        for piece, row in zip(pieces, results):
            if row is None:
                again.append(piece)
            else:
                yield piece[0], row
        if not again:
            return
        pieces = again
    raise CannotStart('the process of seed %d was killed %d times: is there enough memory?' % (
        pieces[0][1], TRIES_MAX))


def _pool(options):
    # type: (Any) -> Any
    """Where replications are made."""
    if options.engine is not None:
        return DaskPool(row_of_piece, options.engine, ROOT, PACKAGES)
    return workers.Pool(row_of_piece, options.jobs or multiprocessing.cpu_count())


def _progress(study, done, passed_s, budget_s):
    # type: (Any, int, float, float | None) -> str
    left = study.left
    left_s = None if left is None else left * passed_s / done
    if budget_s is not None:
        left_s = budget_s - passed_s if left_s is None else min(left_s, budget_s - passed_s)
    return study.progress + ('' if left_s is None else ', about %.0f s left' % left_s)


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


def _bar(done, wanted):
    # type: (int, int) -> str
    filled = 20 * done // wanted
    return '[%s%s]' % ('#' * filled, '.' * (20 - filled))


def _turn_cost():
    # type: () -> Dict[str, float]
    """What a turn and a row cost on this machine."""
    endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        endpoint.bind(('127.0.0.1', 0))
        begun_at, itself = _cpu_time(), endpoint.getsockname()
        for _ in range(DATAGRAMS):
            endpoint.sendto(b' ' * 300, itself)
            endpoint.recvfrom(2000)
        datagram_s = (_cpu_time() - begun_at) / DATAGRAMS
    finally:
        endpoint.close()
    found = turn_cost.measured(_cpu_time, TURN_COST_S, datagram_s)
    return {part: float('%.3g' % seconds) for part, seconds in found.items()}


def _dask_address(text):
    # type: (str) -> str
    if not text.startswith('dask:') or not text[5:]:
        raise argparse.ArgumentTypeError('found %s, expected dask:ADDRESS' % json.dumps(text))
    return text[5:]


def _parser():
    # type: () -> argparse.ArgumentParser
    made = command_line.Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='Exit status: 0 all clean, or answered; 1 unstable, or no value holds the target;\n'
               '2 wrong settings or usage; 3 a safety rule was broken; 4 a liveness rule was broken;\n'
               '5 a process raised an exception; 6 all clean, but a rare path was never taken;\n'
               '130 a signal ended it, and what was found so far is shown.')
    world = made.add_mutually_exclusive_group()
    world.add_argument('-s', '--settings', metavar='FILE',
                       help='a scenario as JSON; config/simulation.json is a sample')
    world.add_argument('--preset', choices=sorted(scenario.PRESETS), help='a built-in scenario')
    made.add_argument('--seed', type=command_line.whole_number(), metavar='N',
                      help='the first seed (default: 1, or that of the recording)')
    made.add_argument('--runs', type=command_line.positive_int, default=1, metavar='N',
                      help='how many seeds, counting up (default: 1)')
    made.add_argument('--duration', type=command_line.positive_seconds, metavar='S',
                      help='virtual seconds with faults; seconds without faults follow')
    made.add_argument('--jobs', type=command_line.positive_int, metavar='N', help='processes (default: one per core)')
    made.add_argument('--trace', action='store_true', help='print every datagram and step, a line each')
    made.add_argument('--task', metavar='ID', help='print what happens to one task and its processes')
    plan = made.add_argument_group('what-if questions about a scenario')
    plan.add_argument('--events', metavar='FILE', type=command_line.text_path,
                      help='run the scenario once and write what happens to FILE, for --replay')
    plan.add_argument('--replay', metavar='FILE', nargs='+', type=command_line.text_path,
                      help='a recording in place of a scenario: the event files of a dispatcher, its clients and, if '
                           'there are some, its calculators; -s FILE then says only "network" and "turn_cost_s". '
                           'Alone it compares the replay with the recording')
    plan.add_argument('--measure', action='store_true',
                      help='response times, shares and more of the scenario, each with a 95 %% interval')
    plan.add_argument('--vary', action='append', metavar='KEY=VALUES',
                      help='the same for several values of any key: calculators=3..8, '
                           'calculator.heartbeat_interval_s=0.5,1,2, KEY=a..b:step; several --vary: all combinations')
    plan.add_argument('--find', metavar='KEY=a..b', help='find the boundary between values that hold --target and '
                                                         'values that do not')
    plan.add_argument('--target', metavar='TARGET', help='such as "p99 <= 5" or "answered_share >= 0.999"')
    plan.add_argument('--precision', type=command_line.positive_seconds, metavar='SHARE',
                      help='how precise mean, p50 and p95 shall be (default: %g; p99: 2.5 times that)' % PRECISION)
    plan.add_argument('--budget', type=command_line.positive_seconds, metavar='S',
                      help='stop after so many seconds, and print what is known by then')
    plan.add_argument('--measure-turn-cost', action='store_true',
                      help='measure turn_cost_s of a scenario on this machine, print it and end')
    plan.add_argument('--engine', type=_dask_address, metavar='dask:ADDRESS',
                      help='make the replications on the Dask cluster whose scheduler is at ADDRESS, such as '
                           'dask:tcp://host:8786; needs the package "distributed"')
    plan.add_argument('--report', metavar='FILE', type=command_line.text_path,
                      help='write the answer to FILE as one page, with curves and distributions')
    made.add_argument('--json', action='store_true', help='standard output carries exactly one JSON object')
    command_line.add_version(made)
    return made


if __name__ == '__main__':
    command_line.main(run)
