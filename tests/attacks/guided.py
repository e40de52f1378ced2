"""Coverage-guided fuzzing with libFuzzer, through atheris: a search for bytes that break the rule of ``fuzzing``.

    python -m tests.attacks.guided --seconds 600 DIRECTORY

DIRECTORY keeps the corpus. The bytes of a failure are written to a file ``crash-...`` there. Python 3 only.
"""

from __future__ import absolute_import, division, print_function

import argparse
import io
import os
import sys

import atheris

with atheris.instrument_imports(include=['net_protocol', 'client', 'dispatcher', 'calculator']):
    from net_protocol.seals import CHECKSUM
    from tests.attacks.fuzzing import TICKETS, Target

from net_protocol.rows import FIELDS, ORDER, ROLES
from tests.net_protocol import samples

#: Words that random changes of bits rarely find.
WORDS = sorted(set(ORDER) | set(ROLES) | set(TICKETS.values()) | {samples.NAME, samples.INCARNATION} | {
    'v', 'role', 'from', 'inc', 'to', 'n', 'ack', 'delay', 'open', 're', 'ticket', 'rows', 'null', 'true', 'false',
    'NaN', '1e999', '-0', '\\\\ud800', '18446744073709551616', '9007199254740992', '1048577'})
RESIDENT_MB_MAX = 400
DATAGRAMS_OF_A_TARGET = 2000


class Search(object):
    """Offers the bytes of libFuzzer, with a valid checksum, to a target that is replaced regularly."""

    def __init__(self):
        self._target = Target()
        self._offered = 0

    def offer(self, body):
        """The entry point of libFuzzer: an exception is a finding."""
        self._offered += 1
        if self._offered % DATAGRAMS_OF_A_TARGET == 0:
            self._target = Target()
        self._target.offer(CHECKSUM.seal(body))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seconds', type=int, default=60, metavar='S')
    parser.add_argument('directory')
    options = parser.parse_args()
    words = os.path.join(options.directory, 'words')
    with io.open(words, 'w', encoding='ascii') as file:
        file.writelines(u'"%s"\n' % word for word in WORDS)
    kept = os.path.join(options.directory, 'kept')
    os.mkdir(kept)
    for kind in FIELDS:
        for role in ROLES:
            with io.open(os.path.join(kept, '%s-%s' % (kind, role)), 'wb') as seed:
                seed.write(samples.datagram({kind: samples.ROWS[kind]}, role=role,
                                            to=TICKETS.get(role, samples.TICKET))[1:])
    atheris.Setup([sys.argv[0], '-max_total_time=%d' % options.seconds, '-dict=' + words, '-max_len=4000',
                   '-rss_limit_mb=%d' % RESIDENT_MB_MAX, '-artifact_prefix=%s/' % options.directory,
                   '-print_final_stats=1', kept], Search().offer)
    atheris.Fuzz()


if __name__ == '__main__':
    main()
