"""For tests that need IPv6, which not every machine has on its loopback interface."""

from __future__ import absolute_import, division, print_function

import socket

import pytest

from runtime.endpoint import Endpoint


def _is_there():
    try:
        Endpoint(socket.AF_INET6, ('::1', 0)).close()
    except (OSError, socket.error):
        return False
    return True


NEEDS_IPV6 = pytest.mark.skipif(not _is_there(), reason='this machine has no IPv6 on its loopback interface')
