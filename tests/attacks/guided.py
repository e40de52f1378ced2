"""A search for bytes that break the bar, led by the code that they reach: libFuzzer, through atheris. 3.x only.

    python -m tests.attacks.guided --seconds 600 DIRECTORY

DIRECTORY keeps what was found worth keeping; a failure leaves its bytes there, in a file ``crash-...``.
"""

from __future__ import absolute_import, division, print_function

import argparse
import io
import os
import sys

import atheris

with atheris.instrument_imports(include=['net_protocol', 'client', 'dispatcher', 'calculator']):
    from net_protocol.seals import CHECKSUM
    from tests.attacks.fuzzing import Target

from tests.net_protocol import samples

#: Words that are not found by turning bits.
WORDS = sorted({word for message in samples.MESSAGES for word in samples.body(message)} | {
    message.KIND for message in samples.MESSAGES} | {
        'v', 'from', 'life', 'n', 'messages', 'null', 'true', 'false', 'NaN', '1e999', '-0', '\\\\ud800',
        '18446744073709551616'})
RESIDENT_MB_MAX = 400
DATAGRAMS_OF_A_LIFE = 2000


class Search(object):
    """Offers what libFuzzer makes, behind a right checksum, to a target that is renewed now and then."""

    def __init__(self):
        # type: () -> None
        self._target = Target()
        self._offered = 0

    def offer(self, body):
        # type: (bytes) -> None
        """libFuzzer's entry: raising is a finding."""
        self._offered += 1
        if self._offered % DATAGRAMS_OF_A_LIFE == 0:
            self._target = Target()
        self._target.offer(CHECKSUM.seal(body))


def main():
    # type: () -> None
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seconds', type=int, default=60, metavar='S')
    parser.add_argument('directory')
    options = parser.parse_args()
    words = os.path.join(options.directory, 'words')
    with io.open(words, 'w', encoding='ascii') as file:
        file.writelines(u'"%s"\n' % word for word in WORDS)
    kept = os.path.join(options.directory, 'kept')
    os.mkdir(kept)
    for number, message in enumerate(samples.MESSAGES):
        with io.open(os.path.join(kept, '%d' % number), 'wb') as seed:
            seed.write(samples.datagram(samples.body(message))[1:])
    atheris.Setup([sys.argv[0], '-max_total_time=%d' % options.seconds, '-dict=' + words, '-max_len=4000',
                   '-rss_limit_mb=%d' % RESIDENT_MB_MAX, '-artifact_prefix=%s/' % options.directory,
                   '-print_final_stats=1', kept], Search().offer)
    atheris.Fuzz()


if __name__ == '__main__':
    main()
