"""The course of one world: a phase with faults, a phase without ("peace"), the end; and what must hold in each."""

from __future__ import absolute_import, division, print_function

import traceback
from random import Random

from common import lengths
from net_protocol.errors import BrokenInvariant
from net_protocol.rows import CALCULATOR, CLIENT, DISPATCHER, DONE
from net_protocol.schedule import JITTER_MAX, OUTCOME_GRACE_S, PROBE_MAX_S, QUIET_S
from simulator import scenario, story
from simulator.faults import Faults
from simulator.upstream import ASK_LAST_S
from simulator.violations import SafetyViolation, Violation, overdue
from simulator.world import World

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Tuple  # noqa: F401

    from simulator.process import Process  # noqa: F401

CLEAN = 'clean'
SAFETY = 'safety'
LIVENESS = 'liveness'
CRASH = 'crash'

#: Every task that is sent within this time in peace must be done.
PROBE_S = 10.0

#: Added to a bound for several turns and a round trip in peace.
SLACK_S = 2.0

#: How long a peer may leave datagrams unacknowledged before it is found unreachable: probes back off to their maximum.
UNREACHABLE_S = 4 * PROBE_MAX_S * JITTER_MAX

#: In peace, clients and dispatcher must agree after this time which tasks are accepted.
AGREED_S = 2 * PROBE_MAX_S * JITTER_MAX + SLACK_S

PEACE = 'calculator-of-peace'
PEACE_CAPACITY = 500

#: In peace, the range of work times ends at this value or above. If work took no time, clients that send the next task
#: at once would spend most CPU time of a batch on tasks without faults.
PEACE_WORK_S = 3.0


def _work_of_peace(settings):
    # type: (Dict[str, Any]) -> Any
    """The work time in peace, for these settings of a calculator."""
    duration_s = settings['task_duration_s']
    return [duration_s[0], max(duration_s[1], PEACE_WORK_S)] if lengths.is_range(duration_s) else duration_s


def _longest_work(settings):
    # type: (Dict[str, Any]) -> float
    return max([lengths.longest(_work_of_peace(made)) for made in scenario.variants(settings, CALCULATOR)])


def _longest_call(settings):
    # type: (Dict[str, Any]) -> float
    return lengths.longest(settings['calls']['duration_s']) if settings['calls']['callers'] else 0.0


class Bounds(object):
    """The bounds of liveness, computed from the settings of a world."""

    def __init__(self, settings):
        # type: (Dict[str, Any]) -> None
        faults, dispatcher = settings['faults'], settings['dispatcher']
        calculators = scenario.variants(settings, CALCULATOR)
        clients = scenario.variants(settings, CLIENT)
        #: Until the client of a task has its outcome or gives up.
        self.task_s = max([made['task_timeout_s'] for made in clients]) + OUTCOME_GRACE_S + SLACK_S
        # Until dead processes are restarted and outages end; until silent and unreachable peers are detected.
        back_s = max([lengths.longest(faults['restart_s']) + 12.0] + [
            lengths.longest(made['outage']['duration_s']) for made in calculators])
        found_s = QUIET_S + ASK_LAST_S + UNREACHABLE_S
        #: From the end of the faults until they have no effect any more.
        self.settle_s = back_s + found_s + dispatcher['answer_timeout_s'] + SLACK_S
        #: The response time in peace: the work, and one assignment to a calculator that receives nothing.
        self.response_s = max(_longest_work(settings), _longest_call(settings)) + UNREACHABLE_S + SLACK_S
        #: From SIGTERM to the end of a process.
        self.drain_s = max(dispatcher['drain_timeout_s'], settings['calculator']['drain_timeout_s']) \
            + UNREACHABLE_S + SLACK_S


class Course(object):
    """One world, from its start to its end."""

    def __init__(self, seed, settings, tell=None):
        # type: (int, Dict[str, Any], Callable[[Any], None] | None) -> None
        self.settings = settings
        self.bounds = Bounds(settings)
        self.world = World(seed, settings, tell)
        self.faults = Faults(self.world)
        # If not all calculators can register, it is not promised that each of them works.
        self._has_room = settings['dispatcher']['calculators_max'] > len(scenario.members(settings, CALCULATOR))
        # If the work may take longer than ``answer_timeout_s``, tasks may fail.
        self._is_feasible = _longest_work(settings) < settings['dispatcher']['answer_timeout_s']
        self._cut_off = []  # type: List[str]
        self._deaf_to = {}  # type: Dict[str, str]

    def run(self):
        # type: () -> None
        """Raises ``Violation``, or any exception of the code under test."""
        world = self.world
        world.start()
        self.faults.begin()
        world.run_until(self.settings['duration_s'])
        world.check_all()
        self._make_peace()
        self._settle()
        world.check_all()
        self._expect_all_back()
        self._probe()
        self._stop_clients()
        self._stop_others()
        for process in world.processes:
            world.add_counts(process)

    def _make_peace(self):
        # type: () -> None
        cuts = self.faults.end()
        self._cut_off = [target for _, target in cuts]
        # Name of a calculator -> the host from which nothing reaches it.
        self._deaf_to = {process.core.name: source for source, target in cuts
                         for process in self.world.running(CALCULATOR) if process.address[0] == target}
        for process in self.world.processes:
            self._calm_down(process)
        for role, settings in ((CALCULATOR, self.settings['calculator']), (CLIENT, self.settings['client'])):
            self.settings[role] = dict(settings, drain_timeout_s=self.bounds.task_s)
        self.settings['calculator'].update(
            outage=dict(self.settings['calculator']['outage'], probability=0),
            task_duration_s=_work_of_peace(self.settings['calculator']))
        self.world.start_calculator(PEACE, capacity=PEACE_CAPACITY)
        calls = self.settings['calls']
        if calls['callers']:
            calls.update(dict.fromkeys(scenario.TROUBLES, 0))
            self.world.start_calculator(PEACE + '-with-functions', capacity=PEACE_CAPACITY, work=calls['functions'])

    def _settle(self):
        # type: () -> None
        """Old datagrams still arrive in the first half of the time."""
        world, began_at = self.world, self.world.agenda.now
        world.run_until(began_at + self.bounds.settle_s / 2)
        world.network.forget(began_at)
        while world.agenda.now < began_at + self.bounds.settle_s:
            world.run_until(world.agenda.now + AGREED_S)
            self._expect_agreement()

    def _expect_agreement(self):
        # type: () -> None
        """S1: The dispatcher knows every task that it accepted according to a client."""
        dispatchers = self.world.running(DISPATCHER)
        for client in self.world.running(CLIENT):
            if len(dispatchers) == 1:
                client.audit.compare(dispatchers[0].audit)

    def _calm_down(self, process):
        # type: (Process) -> None
        """End the outages of the model, and let drains take as long as tasks."""
        settings = process.audit.settings
        if process.role == CALCULATOR:
            settings['outage']['probability'] = 0
            settings['task_duration_s'] = _work_of_peace(settings)
        if process.role != DISPATCHER:
            settings['drain_timeout_s'] = self.bounds.task_s
        # A restart uses the same settings.
        process.changes.update([(key, settings[key]) for key in process.changes if key != 'capacity'])

    # What must be true in peace.

    def _expect_all_back(self):
        # type: () -> None
        """L3, L4: There is one dispatcher, and all calculators have registered with it."""
        dispatchers = self.world.running(DISPATCHER)
        if len(dispatchers) != 1:
            raise overdue('L4', DISPATCHER, '%d dispatchers', len(dispatchers))
        if not self._has_room:
            return
        views = dispatchers[0].audit.views
        for process in self.world.running(CALCULATOR):
            if process.address[0] not in self._cut_off:
                name = process.core.name
                view = views.get(name)
                if view is None or view.state != 'alive' or view.channel.incarnation != process.core.incarnation:
                    raise overdue('L3', name, '%s is not back: %s', name, view and view.state)

    def _probe(self):
        # type: () -> None
        """L1, L5, L6, L7, L8: Every new task of every client is done within its bound."""
        begun_at = self.world.agenda.now
        given = self._given()
        self.world.run_until(begun_at + PROBE_S)
        until = self.world.agenda.now
        self.world.run_until(until + self.bounds.response_s)
        self.world.check_all()
        if not (self._has_room and self._is_feasible):
            return
        probed = [(task_id, entry) for task_id, entry in sorted(self.world.ledger.tasks.items())
                  if begun_at <= entry.sent_at < until and task_id not in self.world.poisoned]
        for task_id, entry in probed:
            took_s = entry.ended_at - entry.sent_at
            if entry.end == DONE and took_s > self.bounds.response_s:
                raise overdue('L7', task_id, 'took %.1f s', took_s)
        for task_id, entry in probed:
            if entry.end != DONE:
                raise overdue('L1', task_id, 'sent in peace and %s', entry.end or 'still out')
        self._expect_every_client_served(begun_at)
        self._expect_work_for_all(given, sum(entry.call is None for _, entry in probed))

    def _expect_every_client_served(self, since):
        # type: (float) -> None
        """L5: No client starves."""
        served = {entry.client for entry in self.world.ledger.tasks.values()
                  if entry.end == DONE and entry.sent_at >= since}
        for client in self.world.running(CLIENT):
            name = client.core.name
            # Its next task may be due after the end of the probe.
            is_idle = lengths.longest(client.audit.settings['task_interval_s']) >= PROBE_S or client.audit.told_to_stop
            if name not in served and not is_idle:
                raise overdue('L5', name, 'nothing of it is done')

    def _given(self):
        # type: () -> Dict[str, int]
        audit = self.world.running(DISPATCHER)[0].audit
        return {name: view.given_total for name, view in audit.views.items()}

    def _expect_work_for_all(self, before, probed):
        # type: (Dict[str, int], int) -> None
        """L3: Calculators that registered again are given tasks."""
        after = self._given()
        host = self.world.running(DISPATCHER)[0].address[0]
        for name in sorted(self._deaf_to):
            # A dispatcher that was dead when the faults ended may run on another host now, whose link is not cut.
            if self._deaf_to[name] == host and after.get(name, 0) > before.get(name, 0):
                raise overdue('L8', name, 'nothing reaches it, and it is given work')
        back = sorted(process.core.name for process in self.world.running(CALCULATOR) if process.children is None)
        if probed > 3 * len(back):
            for name in back:
                if name not in self._deaf_to and after.get(name) == before.get(name):
                    raise overdue('L3', name, 'back, and given nothing')

    def _stop_clients(self):
        # type: () -> None
        """L1: Each client learns the outcome of each task in time."""
        for client in self.world.running(CLIENT):
            client.stop()
        self.world.run_until(self.world.agenda.now + self.bounds.task_s)
        for client in self.world.running(CLIENT):
            raise overdue('L1', (client.core.name,) + tuple(sorted(client.audit.pending)),
                          'still waits for %d tasks', len(client.audit.pending))

    def _stop_others(self):
        # type: () -> None
        """L2: No task is left, and all processes end after SIGTERM."""
        self.world.run_until(self.world.agenda.now + self.settings['dispatcher']['task_timeout_s'] + OUTCOME_GRACE_S)
        self.world.check_all()
        dispatcher = self.world.running(DISPATCHER)[0]
        left = sorted(dispatcher.audit.places)
        if left:
            raise overdue('L2', tuple(left), '%d tasks are left', len(left))
        for process in self.world.running(CALCULATOR):
            if process.children is not None and process.children.running:
                raise overdue('L2', process.core.name, '%d calls run', len(process.children.running))
        for calculator in dispatcher.core.calculators:
            if calculator.state == 'alive' and calculator.free != calculator.capacity:
                raise overdue('L2', calculator.name, '%d of %d slots are free', calculator.free, calculator.capacity)
        for role in (CALCULATOR, DISPATCHER):
            for process in self.world.running(role):
                process.stop()
            self.world.run_until(self.world.agenda.now + self.bounds.drain_s)
            for process in self.world.running(role):
                if process.address[0] not in self._cut_off:
                    raise overdue('L2', process.core.name, 'it does not end')


def run_world(seed, settings, tell=None):
    # type: (int, Dict[str, Any], Callable[[Any], None] | None) -> Dict[str, Any]
    """Run the world of a seed and return its result. ``settings`` is a complete scenario.

    ``tell`` receives the lines of the story, which costs more than the world. A world that fails without ``tell`` is
    run again to record its story.
    """
    result, course, about = _run(seed, settings, tell)
    if result['verdict'] != CLEAN:
        if tell is None:
            _, course, about = _run(seed, settings, lambda line: None)
        result['lines'] = story.relevant(course.world.lines, about)
    return result


def _run(seed, settings, tell):
    # type: (int, Dict[str, Any], Callable[[Any], None] | None) -> Tuple[Dict[str, Any], Course, Any]
    course = Course(seed, scenario.copied(settings), tell)
    verdict, rule, sentence = CLEAN, '', ''
    about = ()  # type: Any
    try:
        course.run()
    except Violation as violation:
        verdict = SAFETY if isinstance(violation, SafetyViolation) else LIVENESS
        rule, sentence, about = violation.rule, violation.sentence, violation.about
    except BrokenInvariant as broken:
        verdict, rule, sentence = SAFETY, 'invariant', str(broken)
    except Exception as error:
        # A bug: report the line that raised the exception.
        lines = [line.strip() for line in traceback.format_exc().splitlines() if line.startswith('  File "')]
        where = ' (%s)' % lines[-1]
        verdict, rule, sentence = CRASH, type(error).__name__, str(error) + where
    world = course.world
    return dict(
        unfinished(seed, settings), verdict=verdict, rule=rule, sentence=sentence, about=list(about),
        virtual_s=world.agenda.now, hash='%08x' % world.network.trace_hash, ledger=dict(world.ledger.counts),
        faults=_faults(course), paths=dict(world.counts)), course, about


def unfinished(seed, settings):
    # type: (int, Dict[str, Any]) -> Dict[str, Any]
    """The result of a world that did not finish."""
    return {'seed': seed, 'settings': settings, 'verdict': CRASH, 'rule': '', 'sentence': '', 'about': [],
            'virtual_s': 0.0, 'hash': '', 'ledger': {}, 'faults': {}, 'paths': {}, 'lines': []}


def draw_settings(seed):
    # type: (int) -> Dict[str, Any]
    """The scenario of a seed, if none is given."""
    return scenario.drawn(Random(seed))


def _faults(course):
    # type: (Course) -> Dict[str, int]
    """Fault -> how often it happened."""
    counts = dict(course.world.network.counts)
    counts.update(course.faults.counts)
    counts.update(course.faults.strangers.counts)
    if course.world.disk is not None:
        counts.update(course.world.disk.counts)
    counts['inbox_overflows'] = course.world.environment.overflowed
    counts['fresh_ports'] = course.world.environment.fresh_ports
    return counts
