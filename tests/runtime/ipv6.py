"""A mark for tests that need IPv6 on the loopback interface, which some machines lack."""

from __future__ import absolute_import, division, print_function

import socket

import pytest

from runtime.endpoint import Endpoint


def _has_ipv6():
    try:
        Endpoint(socket.AF_INET6, ('::1', 0)).close()
    except (OSError, socket.error):
        return False
    return True


NEEDS_IPV6 = pytest.mark.skipif(not _has_ipv6(), reason='this machine has no IPv6 on its loopback interface')
