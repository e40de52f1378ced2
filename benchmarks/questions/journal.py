"""What the journal costs, and how long a dispatcher takes to read a long one."""

from __future__ import absolute_import, division, print_function

import glob
import os

from benchmarks import machine, systems
from benchmarks.children import RunFailed
from benchmarks.questions.comparison import beside_plain, closing_lines
from benchmarks.questions.crowds import Crowd
from benchmarks.rounds import figures
from benchmarks.systems import Own
from benchmarks.tables import middle, number, spread, table
from runtime.clock import monotonic

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from benchmarks.children import Child, House  # noqa: F401
    from benchmarks.context import Context  # noqa: F401

ABOUT = 'throughput with a journal and without, and the start with a journal of 1,000,000 tasks'

WAITING = 1000000
#: The longest that a start with such a journal may take before it counts as failed.
START_S = 600.0


class Journalled(Own):
    """Ours with a journal, a new file each time it is started."""

    def start_dispatcher(self, house, port=0, options=()):
        # type: (House, int, Any) -> Child
        self.dispatcher_settings['journal'] = house.file('journal')
        return super(Journalled, self).start_dispatcher(house, port, options)

    def start_dispatcher_again(self, house, port):
        # type: (House, int) -> Child
        """Another life on the same file."""
        return super(Journalled, self).start_dispatcher(house, port)


def take(context):
    # type: (Context) -> None
    """With and without in each round, and then one long start for each Python."""
    known = []  # type: List[Any]
    for python in context.pythons:
        plain = context.own(python)
        known += [plain, Journalled(plain.python, plain.version, 'journal', 'with a journal')]
    known = context.wanted(known)
    if not context.has_setting('dispatcher', 'journal'):
        context.section['missing'].update(
            (system.name, 'this tree has no setting "journal"') for system in known if isinstance(system, Journalled))
        known = [system for system in known if not isinstance(system, Journalled)]
    options = context.options
    context.rounds(known, lambda system: systems.run_once(
        context.house, system, systems.IN_FLIGHT, options.warm_up, options.duration))
    context.section['starts'] = {}
    for system in known:
        if isinstance(system, Journalled):
            context.say('a long journal, %s' % system.name)
            context.section['starts'][system.name] = _start(
                context.house, system, max(100, int(WAITING * options.size)))


def _start(house, system, waiting):
    # type: (House, Journalled, int) -> Dict[str, Any]
    """Fill the queue, kill the dispatcher, and start it again."""
    system.dispatcher_settings.update({'pending_max': 2 * waiting, 'task_timeout_s': 86400})
    try:
        dispatcher = system.start_dispatcher(house)
        port = system.listening_port(dispatcher)
        crowd = Crowd(house, 'clients', port, 1, '--keep', str(waiting))
        accepted = crowd.wait_for('accepted', waiting)
        crowd.end()
        dispatcher.kill()
        size = _size(system.dispatcher_settings['journal'])
        watch = machine.Watch()
        began_at = monotonic()
        again = system.start_dispatcher_again(house, port)
        again.until(lambda: ' listening on ' in again.log, 'listening', START_S)
        took_s = monotonic() - began_at
        found = {'tasks': accepted, 'journal_bytes': size, 'start_s': took_s, 'cpu_s': again.cpu_s(),
                 'others_share': watch.others_share(), 'peak_bytes': machine.peak_memory_bytes(again.pid)}
        waiting_again = systems.account_of(again)['waiting']
        if waiting_again < accepted:
            raise RunFailed('%d of %d accepted tasks were in the journal' % (waiting_again, accepted))
        return found
    finally:
        house.end_all()


def _size(path):
    # type: (str) -> int
    """Bytes of the journal, with the log that it has beside it."""
    return sum(os.path.getsize(name) for name in glob.glob(path + '*'))


def lines(section):
    # type: (Dict[str, Any]) -> List[str]
    """With and without, and the long start."""
    runs, even = section['runs'], section.get('even_disturbed', False)
    found = {name: figures(runs, name, even) for name in section['order']}
    printed = table(
        ('system', 'tasks/s', 'dispatcher, us/task', 'sum', 'x times the plain one'),
        [(section['systems'][name]['title'], spread(found[name].get('tasks_per_s')),
          spread(found[name].get('broker_us')), middle(found[name].get('total_us')), times)
         for name, times in beside_plain(section, 'tasks_per_s')])
    starts = section.get('starts')
    if starts:
        printed += [''] + table(
            ('start with a journal', 'tasks', 'journal, MB', 'seconds', 'processor seconds', 'memory at the most, MB'),
            [(section['systems'][name]['title'], '{:,}'.format(one['tasks']), number(one['journal_bytes'] / 1e6),
              number(one['start_s']), number(one['cpu_s']), number(one['peak_bytes'] / 1e6))
             for name, one in sorted(starts.items())])
    return printed + closing_lines(section)
