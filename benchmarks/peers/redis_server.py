"""The redis-server below Celery and RQ."""

from __future__ import absolute_import, division, print_function


def broker(port, folder):
    """In memory, one database of many."""
    return ['redis-server', '--bind', '127.0.0.1', '--port', str(port), '--save', '', '--appendonly', 'no',
            '--dir', folder]


def url(port):
    """Where it is."""
    return 'redis://127.0.0.1:%d/0' % port
