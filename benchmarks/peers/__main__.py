"""One process of one peer: ``python -m benchmarks.peers NAME serve|work|ask --port N``. The harness starts these."""

from __future__ import absolute_import, division, print_function

import argparse
import importlib

from benchmarks.load import EndlessLoad, Load, write_report
from benchmarks.peers import NAMES, OTHERS


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('name', choices=NAMES + OTHERS)
    parser.add_argument('role', choices=('serve', 'work', 'ask'))
    parser.add_argument('--port', type=int, required=True)
    parser.add_argument('--in-flight', type=int, default=100)
    parser.add_argument('--duration', type=float, default=5.0)
    parser.add_argument('--endless', action='store_true', help='submit one task that never ends')
    options = parser.parse_args()
    peer = importlib.import_module('benchmarks.peers.' + options.name)
    if options.role == 'ask':
        load = EndlessLoad() if options.endless else Load(options.in_flight, options.duration)
        peer.ask(options.port, load)
        write_report(load)
    else:
        getattr(peer, options.role)(options.port)


if __name__ == '__main__':
    main()
