"""What authentication costs."""

from __future__ import absolute_import, division, print_function

import os

from benchmarks import systems
from benchmarks.questions.comparison import beside_plain, closing_lines
from benchmarks.rounds import figures
from benchmarks.systems import Own
from benchmarks.tables import middle, spread, table

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from benchmarks.children import Child, House  # noqa: F401
    from benchmarks.context import Context  # noqa: F401

ABOUT = 'throughput with a key and without'


class Keyed(Own):
    """Ours, all with one key."""

    def start_dispatcher(self, house, port=0, options=()):
        # type: (House, int, Any) -> Child
        path = house.file('key')
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(descriptor, b'a key for this one run, and for no other\n')
        os.close(descriptor)
        for settings in (self.dispatcher_settings, self.calculator_settings, self.client_settings):
            settings['key_file'] = path
        return super(Keyed, self).start_dispatcher(house, port, options)


def take(context):
    # type: (Context) -> None
    """With and without in each round."""
    known = []  # type: List[Any]
    for python in context.pythons:
        plain = context.own(python)
        known += [plain, Keyed(plain.python, plain.version, 'key', 'with a key')]
    known = context.wanted(known)
    if not context.has_setting('dispatcher', 'key_file'):
        context.section['missing'].update(
            (system.name, 'this tree has no setting "key_file"') for system in known if isinstance(system, Keyed))
        known = [system for system in known if not isinstance(system, Keyed)]
    options = context.options
    context.rounds(known, lambda system: systems.run_once(
        context.house, system, systems.IN_FLIGHT, options.warm_up, options.duration))


def lines(section):
    # type: (Dict[str, Any]) -> List[str]
    """With and without."""
    runs, even = section['runs'], section.get('even_disturbed', False)
    found = {name: figures(runs, name, even) for name in section['order']}
    return table(
        ('system', 'tasks/s', 'dispatcher, us/task', 'workers', 'client', 'sum', 'x times the plain one'),
        [(section['systems'][name]['title'], spread(found[name].get('tasks_per_s')),
          spread(found[name].get('broker_us')), middle(found[name].get('workers_us')),
          middle(found[name].get('client_us')), middle(found[name].get('total_us')), times)
         for name, times in beside_plain(section, 'tasks_per_s')]) + closing_lines(section)
