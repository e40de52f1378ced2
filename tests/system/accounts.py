"""The accounts of all processes of a test, held against each other.

What has to hold depends on what happened, and the accounts themselves say what did. So a test does not say which
equalities it expects: every one is asserted wherever it is true.

================================  ====================================================================================
always, in each account           client: sent = answered + unanswered = the sum of all outcomes; none is wrong
                                  dispatcher: accepted + recovered = outcomes + waiting + running
                                  dispatcher: assignments + adopted = ends of attempts + running
                                  calculator: assigned = ends + running + unreported
softly ended                      a calculator holds nothing, unless it was told to end at once
no strangers                      nothing was refused but what the relay damaged; no row of the wrong role
                                  dispatcher: done = attempts that ended by a result + late results used; no errors
                                  accepted <= sent
no strangers,                     done, failed, expired: outcomes that clients got <= those that dispatchers decided
no dispatcher killed              (cancelled likewise, with those cancelled before they were accepted)
                                  attempts begun on calculators <= assignments
                                  reported by calculators <= results that dispatchers counted, of all kinds
... and one dispatcher,           what the dispatcher decided, or still has, and no client got
    no client killed                  <= what clients gave up or saw refused; so equal where there is none of either
... and no calculator killed      incarnations of calculators that registered <= those that there were
                                  attempts ended by a result <= attempts begun on calculators
... and every attempt ended       assignments = begun = reported = done
    by its result, nothing late
... and no relay, no probe        datagrams read <= datagrams sent, both ways
================================  ====================================================================================

Killed processes leave no account, so wherever one of a role was killed the sums over that role are lower bounds. With
several incarnations of a dispatcher a task may be done in two of them, so only the upper bound of what clients got
holds; with a killed one not even that.
"""

from __future__ import absolute_import, division, print_function

from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER

#: What a dispatcher counts when a result arrives.
RESULTS = ('late_results', 'late_results_used', 'duplicate_results', 'unknown_results')


def check(system):
    """Assert all of the above for processes that have ended."""
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
    check_nobody_else_spoke(found)
    if found.killed[DISPATCHER]:
        return
    check_bounds(found)
    if len(found.dispatchers) == 1:
        check_one_dispatcher(found, found.dispatchers[0])


class Accounts(object):
    """The accounts by role, and what is known of those that are missing."""

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
        """Tasks that ended so, for their clients."""
        return sum(account['outcomes'][outcome] for account in self.clients for outcome in outcomes)

    def decided(self, outcome):
        """Tasks that ended so, for the dispatchers."""
        return sum(account['outcomes'][outcome] for account in self.dispatchers)

    def counted(self, *names):
        """The sum of these counts over the dispatchers."""
        return sum(account['counts'][name] for account in self.dispatchers for name in names)


def check_end(process):
    """However it ended: no traceback, nothing for a terminal in the log, and the right status."""
    assert 'Traceback' not in process.log, process.report()
    assert '\x1b' not in process.log and '\r' not in process.log, 'the live line of a terminal in a file'
    if process.was_killed:
        return
    expected = 0
    if process.role == CLIENT and '--tasks' in process.command:
        tasks = int(process.command[process.command.index('--tasks') + 1])
        expected = int(process.account['answered'] < tasks)
    assert process.exit_status == expected, process.report()


def check_client(account):
    """What always holds for a client that has ended."""
    outcomes = account['outcomes']
    assert account['sent'] == account['answered'] + account['unanswered'] == sum(outcomes.values()), account
    assert account['answered'] == outcomes['done'] and account['waiting'] == 0, account
    assert outcomes['wrong'] == 0, 'an answer to another question: %r' % account
    times = account['response_time_s']
    order = [times[name] for name in ('min', 'p50', 'p95', 'p99', 'max')]
    if account['answered']:
        assert order == sorted(order) and times['min'] <= times['mean'] <= times['max'], times
    else:
        assert set(order + [times['mean']]) == {None}, times
    check_traffic(account)


def check_dispatcher(account):
    """What always holds for a dispatcher that has ended."""
    taken = account['accepted'] + account['tasks_recovered']
    assert taken == sum(account['outcomes'].values()) + account['waiting'] + account['running'], account
    given = account['assignments'] + account['adopted']
    assert given == sum(account['attempts'].values()) + account['running'], account
    check_traffic(account)


def check_calculator(account, was_hurried):
    """What always holds for a calculator that has ended."""
    held = account['running'] + account['unreported']
    assert account['assigned'] == sum(account['ends'].values()) + held, account
    assert was_hurried or held == 0, 'ended softly and still holds something: %r' % account
    assert account['counts']['crashes'] or account['ends']['lost'] == 0, account
    check_traffic(account)


def check_traffic(account):
    """Every datagram that came in was handled, or counted by the reason why it was not."""
    traffic = account['traffic']
    ignored = sum(traffic[name] for name in ('stale', 'too_old', 'duplicates', 'ignored'))
    assert sum(traffic['refused'].values()) + ignored <= traffic['datagrams_in'], traffic


def check_nobody_else_spoke(found):
    """Clients, calculators and dispatcher understand each other, and nothing comes of nothing."""
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
    """What clients got was decided before, what was begun was assigned, what was reported arrived."""
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
    """One dispatcher had all tasks."""
    if not found.killed[CLIENT]:
        left = dispatcher['accepted'] + dispatcher['counts']['cancelled_unknown'] - found.got(
            'done', 'failed', 'expired', 'cancelled')
        assert 0 <= left <= found.got('given_up', 'refused'), 'tasks of which no client got the outcome: %d' % left
    if not found.killed[CALCULATOR]:
        check_all_calculators(found, dispatcher)
    others = [account['traffic'] for account in found.clients + found.calculators]
    opened = dispatcher['traffic']['channels_opened']
    was_probed = dispatcher['traffic']['greetings'] > opened or any(other['greetings'] for other in others)
    if not (found.has_relay or was_probed or any(found.killed.values())):
        assert dispatcher['traffic']['datagrams_in'] <= sum(other['datagrams_out'] for other in others)
        # Where a port is used again, a datagram for its former owner may arrive; it belongs to no channel.
        received = sum(other['datagrams_in'] - other['stale'] for other in others)
        assert received <= dispatcher['traffic']['datagrams_out']


def check_all_calculators(found, dispatcher):
    """Every attempt was in one of these calculators, or in none."""
    counts = dispatcher['counts']
    incarnations = sum(1 + account['counts']['crashes'] for account in found.calculators)
    # One whose name was taken registers again when the name is free.
    assert counts['registered'] + counts['returned'] <= incarnations + counts['names_taken']
    begun = sum(account['assigned'] for account in found.calculators)
    reported = sum(account['ends']['reported'] for account in found.calculators)
    by_result = dispatcher['attempts']['result']
    assert by_result <= begun
    surprises = dispatcher['adopted'] + dispatcher['running'] + sum(counts[name] for name in RESULTS)
    if by_result == sum(dispatcher['attempts'].values()) and not surprises:
        assert dispatcher['assignments'] == begun == reported == dispatcher['outcomes']['done']
