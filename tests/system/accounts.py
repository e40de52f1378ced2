"""Compares the accounts of all processes of a test.

Which relations hold depends on what happened, and the accounts show what happened. So a test does not choose: each
relation is asserted if its condition holds.

================================  ====================================================================================
always, in each account           client: sent = answered + unanswered = the sum of all outcomes; none is wrong
                                  dispatcher: accepted + recovered = outcomes + waiting + running
                                  dispatcher: assignments + adopted = ends of attempts + running
                                  calculator: assigned = ends + running + unreported
one signal to end                 a calculator holds no task
no strangers                      only datagrams that the relay damaged were refused; no row of the wrong role
                                  dispatcher: done = attempts that ended by a result + late results used; no errors
                                  accepted <= sent
no strangers,                     done, failed, expired: outcomes that clients got <= outcomes that dispatchers decided
no dispatcher killed              (cancelled too, with tasks that were cancelled before they were accepted)
                                  attempts begun on calculators <= assignments
                                  results that calculators reported <= results that dispatchers counted
... and one dispatcher,           tasks accepted by the dispatcher, without an outcome for a client
    no client killed                  <= tasks that clients gave up or saw refused
... and no calculator killed      incarnations of calculators that registered <= incarnations that were started
                                  attempts ended by a result <= attempts begun on calculators
... and every attempt ended       assignments = begun = reported = done
    by its result, none late
... and no relay, no probe        datagrams read <= datagrams sent, in both directions
================================  ====================================================================================

A killed process leaves no account, so the sums over its role are lower bounds. Two incarnations of a dispatcher may
both finish a task, so with several of them only upper bounds of the clients' outcomes hold; with a killed dispatcher
none.
"""

from __future__ import absolute_import, division, print_function

from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER

#: A dispatcher's counts of results that end no attempt.
RESULTS = ('late_results', 'late_results_used', 'duplicate_results', 'unknown_results')


def check(system):
    """Assert these relations for processes that have ended."""
    for process in system.processes:
        check_end(process)
    found = Accounts(system)
    for account in found.clients:
        check_client(account)
    for account in found.dispatchers:
        check_dispatcher(account)
    for process in system.of(CALCULATOR):
        if not process.was_killed:
            check_calculator(process.account, process.was_hurried)
    if found.has_strangers:
        return
    check_no_other_sender(found)
    if found.killed[DISPATCHER]:
        return
    check_bounds(found)
    if len(found.dispatchers) == 1:
        check_one_dispatcher(found, found.dispatchers[0])


class Accounts(object):
    """The accounts by role, and the number of killed processes, which have none."""

    def __init__(self, system):
        accounts = {role: [process.account for process in system.of(role) if not process.was_killed]
                    for role in (CLIENT, DISPATCHER, CALCULATOR)}
        self.clients = accounts[CLIENT]
        self.dispatchers = accounts[DISPATCHER]
        self.calculators = accounts[CALCULATOR]
        self.killed = {role: sum(process.was_killed for process in system.of(role))
                       for role in (CLIENT, DISPATCHER, CALCULATOR)}
        self.has_relay = system.relay is not None
        self.damaged = system.relay.counts['damaged'] if system.relay is not None else 0
        self.has_strangers = system.strangers_tasks is not None

    def got(self, *outcomes):
        """The number of tasks with these outcomes, by the accounts of clients."""
        return sum(account['outcomes'][outcome] for account in self.clients for outcome in outcomes)

    def decided(self, outcome):
        """The number of tasks with this outcome, by the accounts of dispatchers."""
        return sum(account['outcomes'][outcome] for account in self.dispatchers)

    def counted(self, *names):
        """The sum of these counts of all dispatchers."""
        return sum(account['counts'][name] for account in self.dispatchers for name in names)


def check_end(process):
    """The log has no traceback and no control characters of a terminal; the exit status is right."""
    assert 'Traceback' not in process.log, process.report()
    assert '\x1b' not in process.log and '\r' not in process.log, 'the live line is for terminals only'
    if process.was_killed:
        return
    expected = 0
    if process.role == CLIENT and '--tasks' in process.command:
        tasks = int(process.command[process.command.index('--tasks') + 1])
        expected = int(process.account['answered'] < tasks)
    assert process.exit_status == expected, process.report()


def check_client(account):
    outcomes = account['outcomes']
    assert account['sent'] == account['answered'] + account['unanswered'] == sum(outcomes.values()), account
    assert account['answered'] == outcomes['done'] and account['waiting'] == 0, account
    assert outcomes['wrong'] == 0, 'a wrong result: %r' % account
    times = account['response_time_s']
    order = [times[name] for name in ('min', 'p50', 'p95', 'p99', 'max')]
    if account['answered']:
        assert order == sorted(order) and times['min'] <= times['mean'] <= times['max'], times
    else:
        assert set(order + [times['mean']]) == {None}, times
    check_traffic(account)


def check_dispatcher(account):
    taken = account['accepted'] + account['tasks_recovered']
    assert taken == sum(account['outcomes'].values()) + account['waiting'] + account['running'], account
    given = account['assignments'] + account['adopted']
    assert given == sum(account['attempts'].values()) + account['running'], account
    check_traffic(account)


def check_calculator(account, was_hurried):
    held = account['running'] + account['unreported']
    assert account['assigned'] == sum(account['ends'].values()) + held, account
    assert was_hurried or held == 0, 'drained and still holds tasks: %r' % account
    assert account['counts']['crashes'] or account['ends']['lost'] == 0, account
    check_traffic(account)


def check_traffic(account):
    """A datagram that was received was handled, or counted by the reason why not."""
    traffic = account['traffic']
    ignored = sum(traffic[name] for name in ('stale', 'too_old', 'duplicates', 'ignored'))
    assert sum(traffic['refused'].values()) + ignored <= traffic['datagrams_in'], traffic


def check_no_other_sender(found):
    """Each process understands the others, and handles only tasks and rows that they sent."""
    every = found.clients + found.dispatchers + found.calculators
    assert sum(account['traffic']['unexpected'] for account in every) == 0
    assert sum(sum(account['traffic']['refused'].values()) for account in every) <= found.damaged
    assert sum(account['counts']['unknown_outcomes'] for account in found.clients) == 0
    if not found.killed[CLIENT]:
        assert sum(account['counts']['outcomes_of_former'] for account in found.clients) == 0
    for account in found.dispatchers:
        assert account['outcomes']['done'] == account['attempts']['result'] + account['counts']['late_results_used']
        assert account['attempts']['error'] == 0, account
        assert found.killed[CLIENT] or account['accepted'] <= sum(client['sent'] for client in found.clients)


def check_bounds(found):
    """Clients got outcomes that were decided, calculators began attempts that were assigned, and results arrived."""
    assert found.got('done') <= found.decided('done')
    assert found.got('failed') <= found.decided('failed')
    assert found.got('expired') <= found.decided('expired')
    assert found.got('cancelled') <= found.decided('cancelled') + found.counted('cancelled_unknown')
    begun = sum(account['assigned'] for account in found.calculators)
    reported = sum(account['ends']['reported'] for account in found.calculators)
    turned_down = sum(account['counts']['refused_busy'] + account['counts']['refused_draining']
                      for account in found.calculators)
    assert begun <= sum(account['assignments'] for account in found.dispatchers)
    assert reported <= found.counted('attempt_result', *RESULTS)
    assert found.killed[CALCULATOR] or found.counted('attempt_turned_down') <= turned_down


def check_one_dispatcher(found, dispatcher):
    if not found.killed[CLIENT]:
        left = dispatcher['accepted'] + dispatcher['counts']['cancelled_unknown'] - found.got(
            'done', 'failed', 'expired', 'cancelled')
        assert 0 <= left <= found.got('given_up', 'refused'), 'tasks without an outcome for a client: %d' % left
    if not found.killed[CALCULATOR]:
        check_all_calculators(found, dispatcher)
    others = [account['traffic'] for account in found.clients + found.calculators]
    opened = dispatcher['traffic']['channels_opened']
    was_probed = dispatcher['traffic']['greetings'] > opened or any(other['greetings'] for other in others)
    if not (found.has_relay or was_probed or any(found.killed.values())):
        assert dispatcher['traffic']['datagrams_in'] <= sum(other['datagrams_out'] for other in others)
        # A datagram may arrive for another process that used the port before; it belongs to no channel.
        received = sum(other['datagrams_in'] - other['stale'] for other in others)
        assert received <= dispatcher['traffic']['datagrams_out']


def check_all_calculators(found, dispatcher):
    counts = dispatcher['counts']
    incarnations = sum(1 + account['counts']['crashes'] for account in found.calculators)
    # A calculator whose name was taken registers again when the name is free.
    assert counts['registered'] + counts['returned'] <= incarnations + counts['names_taken']
    begun = sum(account['assigned'] for account in found.calculators)
    reported = sum(account['ends']['reported'] for account in found.calculators)
    by_result = dispatcher['attempts']['result']
    assert by_result <= begun
    surprises = dispatcher['adopted'] + dispatcher['running'] + sum(counts[name] for name in RESULTS)
    if by_result == sum(dispatcher['attempts'].values()) and not surprises:
        assert dispatcher['assignments'] == begun == reported == dispatcher['outcomes']['done']
