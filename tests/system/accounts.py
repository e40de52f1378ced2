"""The accounts of all processes of a test, held against each other.

What has to hold depends on what happened, and the accounts themselves say what did. So a test does not say which
equalities it expects: every one is asserted wherever it is true.

================================  ====================================================================================
always, in each account           client: sent = answered + unanswered = the sum of all outcomes; none is wrong
                                  dispatcher: accepted + recovered = outcomes + waiting + running
                                  dispatcher: assignments + adopted = ends of attempts + running
                                  calculator: assigned = ends + running + unreported
softly ended                      a calculator holds nothing, unless it was told to end at once
no strangers                      nothing was refused but what the relay damaged; no message of the wrong role
                                  dispatcher: done = attempts that ended by a result + late results used; no errors
                                  accepted <= sent
no strangers,                     done, failed, expired: what clients were told <= what dispatchers decided
no dispatcher killed              (cancelled likewise, with those cancelled before they were accepted)
                                  attempts begun on calculators <= assignments
                                  reported by calculators <= results that dispatchers counted, of all kinds
... and one dispatcher,           what the dispatcher decided, or still has, and no client was told
    no client killed                  <= what clients gave up or saw refused; so equal where there is none of either
... and no calculator killed      lives of calculators met <= lives they had
                                  attempts ended by a result <= attempts begun on calculators
... and every attempt ended       assignments = begun = reported = done
    by its result, nothing late
... and no relay, no probe        datagrams read <= datagrams sent, both ways
================================  ====================================================================================

Killed processes leave no account, so wherever one of a role was killed the sums over that role are lower bounds. With
several lives of a dispatcher a task may be done in two of them, so only the upper bound of what clients were told
holds; with a killed one not even that.
"""

from __future__ import absolute_import, division, print_function

from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from tests.system.processes import Process, System  # noqa: F401

    Account = Dict[str, Any]

#: What a dispatcher counts when a result arrives.
RESULTS = ('late_results', 'late_results_used', 'duplicate_results', 'unknown_results')


def check(system):
    # type: (System) -> None
    """Assert all of the above for processes that have ended."""
    for process in system.processes:
        check_end(process)
    books = Books(system)
    for account in books.clients:
        check_client(account)
    for account in books.dispatchers:
        check_dispatcher(account)
    for process in system.of(CALCULATOR):
        if not process.was_killed:
            check_calculator(process.account, process.was_hurried)
    if books.has_strangers:
        return
    check_nobody_else_spoke(books)
    if books.killed[DISPATCHER]:
        return
    check_bounds(books)
    if len(books.dispatchers) == 1:
        check_one_dispatcher(books, books.dispatchers[0])


class Books(object):
    """The accounts by role, and what is known of those that are missing."""

    def __init__(self, system):
        # type: (System) -> None
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

    def told(self, *outcomes):
        # type: (*str) -> int
        """Tasks that ended so, for their clients."""
        return sum(account['outcomes'][outcome] for account in self.clients for outcome in outcomes)

    def decided(self, outcome):
        # type: (str) -> int
        """Tasks that ended so, for the dispatchers."""
        return sum(account['outcomes'][outcome] for account in self.dispatchers)

    def counted(self, *names):
        # type: (*str) -> int
        """The sum of these counts over the dispatchers."""
        return sum(account['counts'][name] for account in self.dispatchers for name in names)


def check_end(process):
    # type: (Process) -> None
    """However it ended, it did not fall over, and what it said was for people or for programs, not for both."""
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
    # type: (Account) -> None
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
    # type: (Account) -> None
    """What always holds for a dispatcher that has ended."""
    taken = account['accepted'] + account['tasks_recovered']
    assert taken == sum(account['outcomes'].values()) + account['waiting'] + account['running'], account
    given = account['assignments'] + account['adopted']
    assert given == sum(account['attempts'].values()) + account['running'], account
    check_traffic(account)


def check_calculator(account, was_hurried):
    # type: (Account, bool) -> None
    """What always holds for a calculator that has ended."""
    held = account['running'] + account['unreported']
    assert account['assigned'] == sum(account['ends'].values()) + held, account
    assert was_hurried or held == 0, 'ended softly and still holds something: %r' % account
    assert account['counts']['crashes'] or account['ends']['lost'] == 0, account
    check_traffic(account)


def check_traffic(account):
    # type: (Account) -> None
    """Every datagram that came in was refused, or carried a message; none went out empty."""
    traffic = account['traffic']
    handled = traffic['datagrams_in'] - sum(traffic['refused'].values()) - traffic['unacquainted']
    assert traffic['messages_in'] >= handled, traffic
    assert traffic['messages_out'] >= traffic['datagrams_out'], traffic


def check_nobody_else_spoke(books):
    # type: (Books) -> None
    """Clients, calculators and dispatcher understand each other, and nothing comes of nothing."""
    every = books.clients + books.dispatchers + books.calculators
    assert sum(account['counts']['unexpected_messages'] for account in every) == 0
    assert sum(sum(account['traffic']['refused'].values()) for account in every) <= books.damaged
    if not books.killed[CLIENT]:
        # Else another life may be told what the killed one missed.
        assert sum(account['counts']['unknown_outcomes'] for account in books.clients) == 0
    for account in books.dispatchers:
        assert account['outcomes']['done'] == account['attempts']['result'] + account['counts']['late_results_used']
        assert account['attempts']['error'] == account['counts']['refused_not_yours'] == 0, account
        assert books.killed[CLIENT] or account['accepted'] <= sum(client['sent'] for client in books.clients)


def check_bounds(books):
    # type: (Books) -> None
    """What was told was decided before, what was begun was assigned, what was reported arrived."""
    assert books.told('done') <= books.decided('done')
    assert books.told('failed') <= books.decided('failed')
    assert books.told('expired') <= books.decided('expired')
    assert books.told('cancelled') <= books.decided('cancelled') + books.counted('cancelled_unknown')
    begun = sum(account['assigned'] for account in books.calculators)
    reported = sum(account['ends']['reported'] for account in books.calculators)
    turned_down = sum(account['counts']['refused_busy'] + account['counts']['refused_draining']
                      for account in books.calculators)
    assert begun <= sum(account['assignments'] for account in books.dispatchers)
    assert reported <= books.counted('attempt_result', *RESULTS)
    assert books.killed[CALCULATOR] or books.counted('attempt_turned_down') <= turned_down


def check_one_dispatcher(books, dispatcher):
    # type: (Books, Account) -> None
    """One book of tasks, which no other process could have written to."""
    if not books.killed[CLIENT]:
        left = dispatcher['accepted'] + dispatcher['counts']['cancelled_unknown'] - books.told(
            'done', 'failed', 'expired', 'cancelled')
        assert 0 <= left <= books.told('given_up', 'refused'), 'tasks nobody was told of: %d' % left
    if not books.killed[CALCULATOR]:
        check_all_calculators(books, dispatcher)
    everybody = books.clients + books.calculators + [dispatcher]
    was_probed = any(account['counts']['pings'] for account in everybody)
    if not (books.has_relay or was_probed or any(books.killed.values())):
        others = [account['traffic'] for account in books.clients + books.calculators]
        assert dispatcher['traffic']['datagrams_in'] <= sum(other['datagrams_out'] for other in others)
        assert sum(other['datagrams_in'] for other in others) <= dispatcher['traffic']['datagrams_out']


def check_all_calculators(books, dispatcher):
    # type: (Books, Account) -> None
    """Every attempt was in one of these calculators, or in none."""
    counts = dispatcher['counts']
    lives = sum(1 + account['counts']['crashes'] for account in books.calculators)
    assert counts['registered'] + counts['returned'] <= lives
    begun = sum(account['assigned'] for account in books.calculators)
    reported = sum(account['ends']['reported'] for account in books.calculators)
    by_result = dispatcher['attempts']['result']
    assert by_result <= begun
    surprises = dispatcher['adopted'] + dispatcher['running'] + sum(counts[name] for name in RESULTS)
    if by_result == sum(dispatcher['attempts'].values()) and not surprises:
        assert dispatcher['assignments'] == begun == reported == dispatcher['outcomes']['done']
