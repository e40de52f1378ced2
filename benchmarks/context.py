"""What a question is given: the options, the house, the line of progress."""

from __future__ import absolute_import, division, print_function

import importlib
import os

from benchmarks import systems
from benchmarks.rounds import take_rounds
from benchmarks.systems import Own

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Sequence  # noqa: F401

    from benchmarks.children import House  # noqa: F401


class Context(object):
    """``options`` are those of the command line; ``say(text)`` replaces the line of progress."""

    def __init__(self, house, options, say):
        # type: (House, Any, Callable[[str], None]) -> None
        self.house = house
        self.options = options
        self.say = say
        #: What is known so far; stored even where we are stopped half-way.
        self.section = {}  # type: Dict[str, Any]

    @property
    def pythons(self):
        # type: () -> List[str]
        """The interpreters that ours runs on, the first one being compared with everything else."""
        return self.options.pythons

    def own(self, python=None, **settings):
        # type: (str | None, **Any) -> Own
        """Ours on one Python, the first where none is named."""
        python = python or self.pythons[0]
        return Own(python, systems.version_of(python), **settings)

    def wanted(self, known):
        # type: (Sequence[Any]) -> List[Any]
        """Those that the command line names (all, where it names none) and that can be measured here."""
        asked = self.options.systems
        found = [system for system in known
                 if not asked or any(system.name == name or system.name.startswith(name + '-') for name in asked)]
        missing = {system.name: system.why_not() for system in found if system.why_not()}
        self.section['missing'] = missing
        found = [system for system in found if system.name not in missing]
        self.section['systems'] = {system.name: {'title': system.title, 'used': system.used} for system in found}
        self.section['order'] = [system.name for system in found]
        return found

    def rounds(self, known, run):
        # type: (List[Any], Callable[[Any], Dict[str, Any]]) -> List[Dict[str, Any]]
        """``run`` each of the systems in each round."""
        by_name = {system.name: system for system in known}
        runs = self.section.setdefault('runs', [])  # type: List[Dict[str, Any]]
        self.section['bound'] = self.options.others_max
        take_rounds([system.name for system in known], self.options.rounds, lambda name: run(by_name[name]), self.say,
                    runs, self.options.others_max, self.options.tries)
        return runs

    def has_setting(self, role, key):
        # type: (str, str) -> bool
        """Whether the programs of this tree know a setting: parts of them are younger than this folder."""
        group = importlib.import_module(role + '.settings').SETTINGS
        return any(setting.key == key for setting in group.settings)

    def file(self, name):
        # type: (str) -> str
        """A path in the folder of this run."""
        return os.path.join(self.house.folder, name)
