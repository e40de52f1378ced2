"""Checks that the tables of a dispatcher agree. They walk over all of them: for tests and simulations."""

from __future__ import absolute_import, division, print_function

from dispatcher.calculators import DEAD, LEFT, STATES
from dispatcher.clients import RANGE_BYTES, REFUSAL_BYTES
from dispatcher.tasks import ASSIGNED, WAITING
from net_protocol.core import require
from net_protocol.rows import OUTCOMES

MYPY = False
if MYPY:
    from dispatcher.clients import Client  # noqa: F401
    from dispatcher.core import DispatcherCore  # noqa: F401


def check(core):
    # type: (DispatcherCore) -> None
    """Raise ``BrokenInvariant`` if the tables do not agree."""
    _check_tasks(core)
    _check_calculators(core)
    account = core.account(0.0)
    require(account['accepted'] + account['tasks_recovered']
            == sum(account['outcomes'].values()) + account['waiting'] + account['running'],
            'accepted tasks went missing: %r', account)
    require(account['assignments'] + account['adopted'] == sum(account['attempts'].values()) + account['running'],
            'attempts went missing: %r', account)
    # Recovered and requeued tasks wait even if the queue is full.
    require(account['waiting'] <= core.settings['pending_max'] + account['tasks_recovered'] + account['running']
            + sum(account['attempts'].values()), 'the queue exceeds its limit')


def _check_tasks(core):
    # type: (DispatcherCore) -> None
    waiting = running = undelivered = absent = absent_bytes = memory = lanes = 0
    queued = set(core.queue.waiting_tasks())
    for client in core.clients:
        of_client = _check_client(core, client)
        waiting += client.waiting
        running += client.live - client.waiting
        undelivered += of_client
        memory += client.bytes
        lanes += client.waiting > 0
        if client.is_absent:
            absent += of_client
            absent_bytes += client.outcome_bytes
            require(client.tasks or client.channel is not None, 'nothing is kept of %r', client)
            require(client in core._absent, '%r is not among the absent', client)
        for task in client.tasks.values():
            require((task in queued) == (task.state is WAITING), '%r: the queue disagrees', task)
    require(waiting == core.queue.size == len(queued), '%d wait, %d in the queue', waiting, core.queue.size)
    require(lanes == core.queue.lanes, '%d clients wait, counted %d', lanes, core.queue.lanes)
    require(running == core.running, 'assigned %d, counted %d', running, core.running)
    require(undelivered == core.undelivered, 'undelivered %d, counted %d', undelivered, core.undelivered)
    require((absent, absent_bytes) == (core.absent_outcomes, core.absent_bytes), 'absent %d, counted %d', absent,
            core.absent_outcomes)
    require(memory == core.client_bytes, 'memory %d, counted %d', memory, core.client_bytes)


def _check_client(core, client):
    # type: (DispatcherCore, Client) -> int
    """Returns the number of outcomes that are not acknowledged."""
    waiting = live = outcome_bytes = size = 0
    for number, task in client.tasks.items():
        require(task.client is client and task.number == number, '%r is not where it belongs', task)
        require(number >= client.open and number not in client.acknowledged, '%r is over for its client', task)
        require(number <= client.highest, '%r is above the highest', task)
        size += task.size
        if task.is_over:
            require(task.state in OUTCOMES and task.payload is None, '%r has a payload', task)
            outcome_bytes += task.size
            continue
        live += 1
        require(('task', task) in core._timers or (not task.has_timer and task in core.young), '%r has no timer', task)
        if task.state is WAITING:
            waiting += 1
        else:
            require(task.calculator.attempts.get(task.assignment) is task, '%r: its calculator disagrees', task)
            require(task.state is ASSIGNED, '%r has no valid state', task)
    require((waiting, live) == (client.waiting, client.live), '%r: wait %d, live %d, counted %d, %d', client, waiting,
            live, client.waiting, client.live)
    require(outcome_bytes == client.outcome_bytes, '%r: %d bytes of outcomes, counted %d', client, outcome_bytes,
            client.outcome_bytes)
    extra = len(client.acknowledged) * RANGE_BYTES + len(client.refusals) * REFUSAL_BYTES
    require(extra == client.extra_bytes, '%r: %d bytes besides tasks, counted %d', client, extra, client.extra_bytes)
    require(client.is_absent or client.channel is not None, '%r is present without a channel', client)
    require(client.highest >= client.open - 1, '%r: the highest is below open', client)
    require(client.waiting == 0 or client.in_rotation or core.queue.size, '%r has no turn', client)
    return len(client.tasks) - live


def _check_calculators(core):
    # type: (DispatcherCore) -> None
    calculators = core.calculators
    numbers = dict.fromkeys(STATES, 0)
    memory = 0
    for name, calculator in calculators.by_name.items():
        numbers[calculator.state] += 1
        memory += calculator.bytes
        require(calculator.bytes == calculator.size(), '%s takes %d bytes, counted %d', name, calculator.size(),
                calculator.bytes)
        held = len(calculator.attempts) + len(calculator.leftovers) + len(calculator.orphans)
        require(calculator.free == calculator.capacity - held, '%s: %d slots free, counted %d', name,
                calculator.capacity - held, calculator.free)
        places = calculator.capacity * (1 if calculator.digest is None else 2)
        require(len(calculator.attempts) + len(calculator.leftovers) <= places, '%s holds more than its capacity', name)
        require(not calculator.has_slot or calculator.is_queued, '%s is available, and not in the queue', name)
        if calculator.state in (DEAD, LEFT):
            require(not calculator.attempts or calculator.losing, '%s is %s and holds something', name,
                    calculator.state)
            require(('removal', name) in core._timers, '%s is %s and has no removal timer', name, calculator.state)
        else:
            require(('silence', name) in core._timers, '%s has no silence timer', name)
        for assignment, task in calculator.attempts.items():
            require(task.state is ASSIGNED and task.calculator is calculator and task.assignment == assignment,
                    '%s: %r is not there', name, task)
            require(calculator.lowest <= assignment <= calculator.last_assignment, '%s: %d is over', name, assignment)
        for assignment in calculator.leftovers:
            require(assignment >= calculator.lowest, '%s: leftover %d is over', name, assignment)
    require(numbers == calculators.numbers, 'counted %r, found %r', calculators.numbers, numbers)
    require(memory == calculators.bytes, 'calculators take %d bytes, counted %d', memory, calculators.bytes)
    for task_id, calculator in calculators.orphans.items():
        require(task_id in calculator.orphans, 'orphan %s: its calculator disagrees', task_id)
