"""The cost of authentication."""

from __future__ import absolute_import, division, print_function

import os

from benchmarks.questions.comparison import beside_plain, closing_lines, take_runs
from benchmarks.systems import Own

ABOUT = 'throughput with a key and without'


class Keyed(Own):
    """Ours, all with one key."""

    def start_dispatcher(self, group, port=0, options=()):
        path = group.file('key')
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(descriptor, b'a key for this one run, and for no other\n')
        os.close(descriptor)
        for settings in (self.dispatcher_settings, self.calculator_settings, self.client_settings):
            settings['key_file'] = path
        return super(Keyed, self).start_dispatcher(group, port, options)


def take(context):
    take_runs(context, context.wanted([
        own for python in context.options.pythons for own in (Own(python), Keyed(python, 'key', 'with a key'))]))


def lines(section):
    return beside_plain(section) + closing_lines(section)
