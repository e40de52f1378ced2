"""A signal that comes when a process is ending already changes nothing: not its account, not its status."""

from __future__ import absolute_import, division, print_function

import signal
import time

import pytest


@pytest.mark.parametrize('role', ['client', 'calculator', 'dispatcher'])
def test_whoever_ends_is_not_disturbed_by_another_signal(system, role):
    dispatcher = system.dispatcher()
    # The moments between the last turn of the loop and the end of the process are few milliseconds, so that the second
    # signal is sent a little later each time.
    for step in range(10):
        if role == 'client':
            process = system.client(task_interval_s=[3600, 3600])
        elif role == 'calculator':
            process = system.calculator('calculator-%d' % step)
        else:
            process = system.dispatcher() if step else dispatcher
        assert process.address
        process.signal(signal.SIGINT)
        time.sleep(0.004 * step)
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        assert process.account
        assert 'Traceback' not in process.log
    system.is_balanced = True
