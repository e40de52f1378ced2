"""beanstalkd: a tube for tasks, a tube for results."""

from __future__ import absolute_import, division, print_function

from benchmarks.load import compute
from benchmarks.peers import say_ready

TITLE = 'beanstalkd, greenstalk'
USED = ('beanstalkd of Debian without a log of its own (nothing on disk); greenstalk, which waits for each answer; it '
        'has no replies, so results travel through a tube of their own')
COMMANDS = ('beanstalkd',)
MODULES = ('greenstalk',)


def broker(port, folder):
    """In memory."""
    return ['beanstalkd', '-l', '127.0.0.1', '-p', str(port)]


def work(port):
    """Reserve, put the result, delete."""
    import greenstalk
    client = greenstalk.Client(('127.0.0.1', port), encoding=None, use='results', watch='tasks')
    say_ready()
    while True:
        job = client.reserve()
        number, payload = job.body.split(b' ')
        client.put(number + b' ' + compute(payload))
        client.delete(job)


def ask(port, load):
    """Put, reserve the result, delete it."""
    import greenstalk
    client = greenstalk.Client(('127.0.0.1', port), encoding=None, use='tasks', watch='results')
    out = {}

    def submit():
        task = load.new()
        if task is not None:
            number = b'%d' % load.sent
            out[number] = task
            client.put(number + b' ' + task[1])

    load.begin()
    for _ in range(load.in_flight):
        submit()
    while load.out:
        job = client.reserve()
        number, result = job.body.split(b' ')
        load.done(out.pop(number), result)
        client.delete(job)
        submit()
