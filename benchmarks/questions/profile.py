"""Where the time of one task goes, function by function."""

from __future__ import absolute_import, division, print_function

import json
import os
import signal

from benchmarks import children, systems
from benchmarks.children import RunFailed
from benchmarks.systems import Own
from benchmarks.tables import number, table

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from benchmarks.children import Child, House  # noqa: F401
    from benchmarks.context import Context  # noqa: F401
    from benchmarks.systems import Running  # noqa: F401

ABOUT = 'where the time of one task goes, function by function, in each of the three programs'

#: Functions that a table shows; the rest is one line.
ROWS = 30
#: What the result file keeps.
KEPT = 60
ROLES = ('client', 'dispatcher', 'calculator')


class Profiled(Own):
    """Ours, each process below ``benchmarks/profiled.py``."""

    def __init__(self, python, version, how):
        # type: (str, str, str) -> None
        super(Profiled, self).__init__(python, version)
        self._how = how
        #: Role -> the files that its processes write at their end.
        self.files = {role: [] for role in ROLES}  # type: Dict[str, List[str]]

    def _command(self, house, program, settings, options):
        # type: (House, str, Dict[str, Any], List[str]) -> List[str]
        command = super(Profiled, self)._command(house, program, settings, options)
        role = os.path.basename(program).replace('run_', '').replace('own_', '').replace('.py', '')
        self.files[role].append(house.file('profile'))
        return [command[0], '-m', 'benchmarks.profiled', self._how, self.files[role][-1]] + command[1:]


def take(context):
    # type: (Context) -> None
    """One run as it is, one with samples, one with counts."""
    options = context.options
    python = context.pythons[0]
    version = systems.version_of(python)
    context.say('as it is')
    plain = systems.run_once(context.house, context.own(), systems.IN_FLIGHT, options.warm_up, options.duration)
    context.section['plain'] = {key: plain[key] for key in plain if key.endswith('_us') and key != 'quantiles_us'}
    context.section['python'] = version
    for how in ('sample', 'count'):
        context.say(how)
        context.section[how] = _profile(context.house, Profiled(python, version, how), 2 * options.duration)
    for role in ROLES:
        keep_what_is_shown(context.section['sample']['roles'][role], context.section['count']['roles'][role])


def _profile(house, system, duration_s):
    # type: (House, Profiled, float) -> Dict[str, Any]
    try:
        running = system.start(house)
        client = system.client(house, running, systems.IN_FLIGHT, duration_s)
        report = systems.finish_client(client, duration_s)
        # Asked to end softly, so that they write what they found.
        _end_softly(running)
        found = {role: [_read(path) for path in system.files[role]] for role in ROLES}
    finally:
        house.end_all()
    return {'tasks': report['answered'], 'roles': {role: _added(parts) for role, parts in found.items()}}


def _end_softly(running):
    # type: (Running) -> None
    for child in running.workers + [running.broker]:
        child.signal(signal.SIGINT)
        child.wait(children.READY_S)


def _read(path):
    # type: (str) -> Dict[str, Any]
    try:
        with open(path) as file:
            found = json.load(file)  # type: Dict[str, Any]
    except (IOError, ValueError):
        raise RunFailed('a profiled process left no profile')
    return found


def _added(parts):
    # type: (List[Dict[str, Any]]) -> Dict[str, Any]
    """The profiles of several processes of one role as one."""
    total = {}  # type: Dict[str, Any]
    for part in parts:
        for key, value in part.items():
            if isinstance(value, dict):
                into = total.setdefault(key, {})
                for name, count in value.items():
                    into[name] = into.get(name, 0) + count
            else:
                total[key] = total.get(key, 0) + value
    return total


def keep_what_is_shown(sampled, counted):
    # type: (Dict[str, Any], Dict[str, Any]) -> None
    """Forget the functions and lines that take least: there are hundreds, and together they take a tenth."""
    for what in ('own', 'lines'):
        order = sorted(sampled[what], key=lambda name: (-sampled[what][name], name))
        sampled[what] = {name: sampled[what][name] for name in order[:KEPT]}
    sampled['below'] = {name: sampled['below'][name] for name in sampled['own']}
    counted['calls'] = {name: counted['calls'][name] for name in sampled['own'] if name in counted['calls']}


def lines(section):
    # type: (Dict[str, Any]) -> List[str]
    """A table for each role: the functions that take most. Microseconds are shares of what the plain run took."""
    printed = []  # type: List[str]
    for role, figure in zip(ROLES, ('client_us', 'broker_us', 'workers_us')):
        printed += ['', '%s: %s us/task (Python %s)' % (role, number(section['plain'][figure]), section['python']), '']
        printed += role_table(section['sample']['roles'][role], section['count']['roles'][role]['calls'],
                              section['count']['tasks'], section['plain'][figure])
    return printed[1:]


def role_table(sampled, calls, tasks, role_us):
    # type: (Dict[str, Any], Dict[str, int], int, float) -> List[str]
    """Function, microseconds a task in it itself, in it and below, and calls a task."""
    us_per_sample = role_us / max(1, sampled['samples'])
    order = sorted(sampled['own'], key=lambda name: (-sampled['own'][name], name))
    rows = [(name, number(us_per_sample * sampled['own'][name]), number(us_per_sample * sampled['below'][name]),
             number(calls[name] / tasks) if name in calls else '-') for name in order[:ROWS]]
    rest = sampled['samples'] - sum(sampled['own'][name] for name in order[:ROWS])
    rows.append(('everything else', number(us_per_sample * rest), '', ''))
    return table(('function', 'itself, us/task', 'with all below it', 'calls/task'), rows)
