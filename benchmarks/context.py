"""The context of a question: the options, the processes, the line of progress."""

from __future__ import absolute_import, division, print_function

from benchmarks.rounds import take_rounds
from benchmarks.systems import Own


class Context(object):
    """``options`` are those of the command line; ``say(text)`` replaces the line of progress."""

    def __init__(self, group, options, say):
        self.group = group
        self.options = options
        self.say = say
        #: The findings so far; stored even when a question fails half-way.
        self.section = {}

    def own(self, python=None, **settings):
        """Ours on one Python, by default the first of the command line."""
        return Own(python or self.options.pythons[0], **settings)

    def scaled(self, size, least):
        """A large number of a question, multiplied by ``--size``; at least ``least``."""
        return max(least, int(size * self.options.size))

    def wanted(self, known):
        """The systems of the command line (all, if it names none) that can be measured here."""
        asked = self.options.systems
        found = [system for system in known
                 if not asked or any(system.name == name or system.name.startswith(name + '-') for name in asked)]
        missing = {system.name: system.why_not() for system in found if system.why_not()}
        found = [system for system in found if system.name not in missing]
        self.section.update(missing=missing, order=[system.name for system in found], systems={
            system.name: {'title': system.title, 'used': system.used, 'guarantee': system.guarantee}
            for system in found})
        return found

    def rounds(self, known, run):
        """Call ``run(system)`` for each system in each round, and end all processes after each run."""
        def run_alone(name):
            try:
                return run(by_name[name])
            finally:
                self.group.end_all()

        options = self.options
        by_name = {system.name: system for system in known}
        self.section.update(bound=options.others_max, runs=[])
        take_rounds([system.name for system in known], options.rounds, run_alone, self.say, self.section['runs'],
                    options.others_max, options.tries)
