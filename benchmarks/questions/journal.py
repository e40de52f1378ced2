"""The cost of the journal, and the start of a dispatcher with a long one."""

from __future__ import absolute_import, division, print_function

import glob
import os

from benchmarks import machine, systems
from benchmarks.children import RunFailed
from benchmarks.questions.comparison import beside_plain, closing_lines, take_runs
from benchmarks.questions.crowds import Crowd
from benchmarks.systems import MEMORY_BYTES, Own
from benchmarks.tables import number, table
from runtime.clock import monotonic

ABOUT = 'throughput with a journal and without, and the start with a journal of 1,000,000 tasks'

WAITING = 1000000
#: A start with such a journal counts as failed after this time.
START_S = 600.0


class Journalled(Own):
    """Ours with a journal, a new file for each start."""

    def start_dispatcher(self, group, port=0, options=()):
        self.dispatcher_settings['journal'] = group.file('journal')
        return self.start_again(group, port, options)

    def start_again(self, group, port, options=()):
        """Start a dispatcher with the journal of the last one."""
        return super(Journalled, self).start_dispatcher(group, port, options)


def take(context):
    """Run with and without a journal in each round, then measure one start with a long journal on each Python."""
    known = context.wanted([own for python in context.options.pythons for own in (
        Own(python), Journalled(python, 'journal', 'with a journal'))])
    take_runs(context, known)
    context.section['starts'] = {}
    for system in known:
        if isinstance(system, Journalled):
            context.say('a long journal, %s' % system.name)
            context.section['starts'][system.name] = _start(context.group, system, context.scaled(WAITING, 100))


def _start(group, system, waiting):
    """Fill the queue, kill the dispatcher, and start it again."""
    system.dispatcher_settings.update(
        pending_max=2 * waiting, memory_max_bytes=MEMORY_BYTES, task_timeout_s=86400)
    running = system.start(group, workers=0)
    crowd = Crowd(group, 'clients', running.port, 1, '--keep', str(waiting))
    accepted = crowd.wait_for('accepted', waiting)
    crowd.end()
    running.broker.kill()
    size = sum(os.path.getsize(name) for name in glob.glob(system.dispatcher_settings['journal'] + '*'))
    watch = machine.Watch()
    began_at = monotonic()
    again = system.start_again(group, running.port)
    again.until(lambda: ' listening on ' in again.log, 'listening', START_S)
    found = {'tasks': accepted, 'journal_bytes': size, 'start_s': monotonic() - began_at, 'cpu_s': again.cpu_s(),
             'others_share': watch.others_share(), 'peak_bytes': machine.memory_bytes(again.pid, peak=True)}
    waiting_again = systems.account_of(again)['waiting']
    group.end_all()
    if waiting_again < accepted:
        raise RunFailed('%d of %d accepted tasks were in the journal' % (waiting_again, accepted))
    return found


def lines(section):
    return beside_plain(section) + [''] + table(
        ('start with a journal', 'tasks', 'journal, MB', 'seconds', 'processor seconds', 'peak memory, MB'),
        [(section['systems'][name]['title'], '{:,}'.format(one['tasks']), number(one['journal_bytes'] / 1e6),
          number(one['start_s']), number(one['cpu_s']), number(one['peak_bytes'] / 1e6))
         for name, one in sorted(section['starts'].items())]) + closing_lines(section)
