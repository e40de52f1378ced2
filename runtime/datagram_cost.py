"""The processor time of a datagram on a real socket of this machine."""

from __future__ import absolute_import, division, print_function

import socket

from runtime.clock import cpu_time

#: Datagrams that are sent and received, and the bytes of each.
DATAGRAMS = 20000
BYTES = 300


def measured_s():
    # type: () -> float
    """Seconds of processor time to send or to receive a datagram, the mean of both."""
    endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        endpoint.bind(('127.0.0.1', 0))
        begun_at, itself = cpu_time(), endpoint.getsockname()
        for _ in range(DATAGRAMS):
            endpoint.sendto(b' ' * BYTES, itself)
            endpoint.recvfrom(2000)
        return (cpu_time() - begun_at) / (2 * DATAGRAMS)
    finally:
        endpoint.close()
