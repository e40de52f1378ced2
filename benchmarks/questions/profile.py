"""The processor time of one task, function by function."""

from __future__ import absolute_import, division, print_function

import json
import signal
from collections import Counter

from benchmarks import children, systems
from benchmarks.children import RunFailed
from benchmarks.systems import Own
from benchmarks.tables import number, table

ABOUT = 'the processor time of one task, function by function, in each of the three programs'

#: Functions in a table; the rest is one line.
ROWS = 12
#: Role -> the figure of the plain run that its table divides among functions.
ROLES = {'client': 'client_us', 'dispatcher': 'broker_us', 'calculator': 'workers_us'}


class Profiled(Own):
    """Ours, each process under ``benchmarks/profiled.py``."""

    def __init__(self, python):
        super(Profiled, self).__init__(python)
        #: Role -> the files that its processes write at their end.
        self.files = {role: [] for role in ROLES}

    def wrapped(self, group, label, started):
        role = label.split('_')[1]
        self.files[role].append(group.file('profile'))
        return [started[0], '-m', 'benchmarks.profiled', self.files[role][-1]] + started[1:]


def take(context):
    """One run without samples, one with samples."""
    options = context.options
    own = context.own()
    context.say('without samples')
    plain = systems.run_once(context.group, own, systems.IN_FLIGHT, options.warm_up, options.duration)
    context.section.update(runs=[], missing={}, python=own.version, plain={
        figure: plain[figure] for figure in ROLES.values()})
    context.say('with samples')
    context.section['roles'] = _profile(context.group, Profiled(own.python), 2 * options.duration)


def _profile(group, system, duration_s):
    """Role -> its profile."""
    running = system.start(group)
    systems.finish_client(system.client(group, running, systems.IN_FLIGHT, duration_s), duration_s)
    # They write their profiles at their end.
    for child in running.workers + [running.broker]:
        child.signal(signal.SIGINT)
        child.wait(children.READY_S)
    return {role: added([_read(path) for path in paths]) for role, paths in system.files.items()}


def _read(path):
    try:
        with open(path) as file:
            return json.load(file)
    except (IOError, ValueError):
        raise RunFailed('a profiled process wrote no profile')


def added(profiles):
    """The sum of the profiles of several processes, with only the functions of the table."""
    own, below = (sum((Counter(profile[part]) for profile in profiles), Counter()) for part in ('own', 'below'))
    order = sorted(own, key=lambda name: (-own[name], name))[:ROWS]
    return {'samples': sum(own.values()), 'own': {name: own[name] for name in order},
            'below': {name: below[name] for name in order}}


def lines(section):
    """A table for each role. Microseconds are shares of the time of the plain run."""
    printed = []
    for role, figure in ROLES.items():
        role_us = section['plain'][figure]
        printed += ['', '%s: %s us/task (Python %s)' % (role, number(role_us), section['python']), '']
        printed += role_table(section['roles'][role], role_us)
    return printed[1:]


def role_table(profile, role_us):
    """Function, microseconds per task in the function itself, and with the functions that it called."""
    us_per_sample = role_us / max(1, profile['samples'])
    own, below = profile['own'], profile['below']
    rows = [(name, number(us_per_sample * own[name]), number(us_per_sample * below[name]))
            for name in sorted(own, key=lambda name: (-own[name], name))]
    rows.append(('everything else', number(us_per_sample * (profile['samples'] - sum(own.values()))), ''))
    return table(('function', 'itself, us/task', 'with all below it'), rows)
