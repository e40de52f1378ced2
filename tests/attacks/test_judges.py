"""The judges of the attacks notice what they should: rules of the auditor broken, each moment read from a trace.

No process is started here, so this is among the ordinary tests.
"""

from __future__ import absolute_import, division, print_function

import json

import pytest

from simulator.violations import Violation
from tests.attacks import joiner, moments, tracing
from tests.attacks.auditor import Auditor
from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER

INCARNATION, NEXT = 'aaaaaaaa', 'bbbbbbbb'
TASK, OTHER = 'client:aaaaaaaa:1', 'client:aaaaaaaa:2'
HERE = {'calculator': 'calculator', 'attempt': 1}


def began(time, name, incarnation=INCARNATION):
    return time, 'began', {'name': name, 'incarnation': incarnation}


def step(time, kind, task_id=TASK, **facts):
    return time, kind, dict(facts, task_id=task_id)


def registered(time):
    return time, 'registered', {'calculator': 'calculator', 'address': ['127.0.0.1', 1]}


#: A task without trouble: what each of the three writes.
CLEAN = {
    'client': [began(1, 'client'), step(2, 'sent'), step(9, 'answered')],
    'dispatcher': [began(1, 'dispatcher'), registered(1.5), step(3, 'accepted'), step(4, 'assigned', **HERE),
                   step(8, 'done', **HERE)],
    'calculator': [began(1, 'calculator'), step(5, 'taken', attempt=1, assignment=1),
                   step(10, 'let_go', assignment=1, end='reported')],
}

#: What is wrong -> who writes what besides or, for None, nothing but how it began; and the rule that is broken.
BROKEN = {
    'accepted by the last dispatcher and never over': ('dispatcher', step(20, 'accepted', OTHER), 'S1'),
    'answered twice': ('client', step(20, 'answered'), 'S2'),
    'answered, then expired': ('client', step(20, 'unanswered', outcome='expired'), 'S2'),
    'done twice': ('dispatcher', step(20, 'done', **HERE), 'S2'),
    'a wrong answer': ('client', step(20, 'unanswered', OTHER, outcome='wrong'), 'S3'),
    'answered and never done': ('client', step(20, 'answered', OTHER), 'S4'),
    'taken and never assigned': ('calculator', step(20, 'taken', OTHER, attempt=1, assignment=2), 'S4'),
    'assigned and never accepted': ('dispatcher', step(20, 'assigned', OTHER, **HERE), 'S5'),
    'taken again': ('calculator', step(20, 'taken', attempt=1, assignment=1), 'S16'),
    'let go and not held': ('calculator', step(20, 'let_go', assignment=1, end='reported'), 'S5'),
    'accepted again': ('dispatcher', step(20, 'accepted'), 'S16'),
    'done and never taken': ('calculator', None, 'S4'),
    'accepted and never sent': ('client', None, 'S4'),
    'work for a suspect calculator': ('dispatcher', (3.5, 'suspected', {
        'calculator': 'calculator', 'why': 'nobody listens at its address'}), 'S7'),
}


def audit(tmpdir, events, capacity=1):
    paths = {}
    for name, lines in events.items():
        paths[name] = str(tmpdir.join(name))
        with open(paths[name], 'w') as file:
            file.writelines(json.dumps({'time': time, 'kind': kind, 'facts': facts}) + '\n'
                            for time, kind, facts in lines)
    Auditor({'client': paths['client']}, paths['dispatcher'], {'calculator': paths['calculator']},
            {'calculator': capacity}).check()


def changed(name, *added):
    """The clean events and some more. Other tasks are sent first, so that each is broken in one way."""
    events = {process: list(lines) for process, lines in CLEAN.items()}
    events['client'].insert(1, step(1.8, 'sent', OTHER))
    events[name] += added
    return events


def is_broken(tmpdir, rule, events, capacity=1):
    with pytest.raises(Violation) as caught:
        audit(tmpdir, events, capacity)
    assert caught.value.rule == rule, caught.value


def test_a_clean_run_is_clean(tmpdir):
    audit(tmpdir, CLEAN)


@pytest.mark.parametrize('what', sorted(BROKEN))
def test_what_is_broken_is_noticed(tmpdir, what):
    name, event, rule = BROKEN[what]
    events = changed(name, *[event] if event else [])
    if event is None:
        del events[name][1:]
    events[name].sort(key=lambda line: line[0])
    is_broken(tmpdir, rule, events)


def test_more_than_the_capacity_is_noticed(tmpdir):
    events = changed('client', step(19, 'answered', OTHER))
    events['dispatcher'][4:4] = [step(6, 'accepted', OTHER), step(6.5, 'assigned', OTHER, **HERE)]
    events['dispatcher'].append(step(18, 'done', OTHER, **HERE))
    events['calculator'].insert(2, step(7, 'taken', OTHER, attempt=1, assignment=2))
    audit(tmpdir, events, capacity=2)
    is_broken(tmpdir, 'S6', events, capacity=1)


def test_another_dispatcher_may_begin_a_task_anew_and_owes_only_what_it_accepted(tmpdir):
    events = changed('dispatcher', step(9, 'accepted', OTHER), began(11, 'dispatcher', NEXT), registered(11.5),
                     step(12, 'accepted'), step(13, 'assigned', **HERE), step(15, 'done', **HERE))
    events['calculator'].append(step(14, 'taken', attempt=1, assignment=1))
    audit(tmpdir, events)


# Traces, as strace writes them with -f -xx.


def escaped(text):
    return ''.join('\\x%02x' % byte for byte in bytearray(text.encode('ascii')))


#: A row of a kind, where it matters what it says.
ROWS = {'heartbeat': [1, 1, 1, 1, 1, [], [], False], 'busy': [1, 1, 1, 1, 1, [[1, 1]], [], False]}


def datagram(*kinds, **changes):
    """The numbers of all datagrams are 7; with ``acks`` it acknowledges the one that went the other way."""
    rows = {kind.replace('busy', 'heartbeat'): [ROWS.get(kind, [])] for kind in kinds}
    return json.dumps(dict({'crc': '00000000', 'to': 'ticket', 'n': 7, 'rows': rows}, **changes))


ACKS = {'ack': [[7, 7]]}
GREETING = '{"crc":"00000000","v":2,"to":"","re":7,"ticket":"ticket"}'


def event(kind):
    return json.dumps({'time': 1, 'kind': kind, 'facts': {}}) + '\n'


def line(name, text, result):
    arguments = '5, "%s", 99, 0, {sa_family=AF_INET, sin_port=htons(1)}, 16' % escaped(text)
    return '4711 %s(%s) = %s\n' % (name, arguments, result)


JOURNAL = '/tmp/the.journal'
PAGE = 'p' * 4096


def at(name, path, text, result):
    arguments = ', "%s", %d, 0' % (escaped(text), len(text)) if text else ''
    return '4711 %s(4<%s>%s) = %s\n' % (name, escaped(path), arguments, result)


def to_log(text=PAGE):
    return at('pwrite64', JOURNAL + '-wal', text, len(text))


def to_file(result=4096):
    return at('pwrite64', JOURNAL, PAGE, result)


COMMITTED = at('fdatasync', JOURNAL + '-wal', '', 0)


def trace(tmpdir, *lines):
    path = tmpdir.join('trace')
    path.write(''.join(lines) + '4711 +++ killed by SIGKILL +++\n')
    return tracing.read(str(path))


WAIT = '4711 pselect6(6, [4 5], NULL, NULL, {tv_sec=9, tv_nsec=0}, NULL <unfinished ...>) = ?\n'
NOTHING = '4711 recvfrom(4, 0x7f, 62001, 0, 0x7f, [16]) = -1 EAGAIN (Resource temporarily unavailable)\n'


@pytest.mark.parametrize('role, lines, moment', [
    (CLIENT, [], 'C0'),
    (CLIENT, [line('sendto', datagram('ping'), 99), line('recvfrom', GREETING, 99)], 'C0'),
    (CLIENT, [line('sendto', datagram('submit'), 99)], 'C1'),
    (CLIENT, [line('sendto', datagram('ping'), 99), line('recvfrom', datagram(**ACKS), 99)], 'C0'),
    (CLIENT, [line('sendto', datagram('submit'), 99), line('recvfrom', datagram(**ACKS), 99)], 'C2'),
    (CLIENT, [line('sendto', datagram('submit'), 99), line('recvfrom', datagram('done', **ACKS), 99), NOTHING], 'C3'),
    (CLIENT, [line('recvfrom', datagram('done'), 99), line('write', event('answered'), 99)], 'C4'),
    (DISPATCHER, [line('recvfrom', datagram('submit'), 99)], 'D1'),
    (DISPATCHER, [line('recvfrom', datagram('submit'), 99), line('write', event('accepted'), 99)], 'D2'),
    (DISPATCHER, [line('recvfrom', datagram('submit'), 99), line('write', event('accepted'), 99),
                  line('sendto', datagram(**ACKS), 99)], 'D3'),
    (DISPATCHER, [line('write', event('accepted'), 99), line('write', event('assigned'), 99)], 'D4'),
    (DISPATCHER, [line('write', event('assigned'), 99), line('sendto', datagram('assign'), 99)], 'D5'),
    (DISPATCHER, [line('recvfrom', datagram('heartbeat', 'result'), 99)], 'D6'),
    (DISPATCHER, [line('recvfrom', datagram('result'), 99), line('write', event('done'), 99)], 'D7'),
    (DISPATCHER, [line('recvfrom', datagram('submit'), 99), line('sendto', datagram('done', **ACKS), 99)], 'D8'),
    (CALCULATOR, [], 'W0'),
    (CALCULATOR, [line('sendto', datagram('ping'), 99), line('recvfrom', GREETING, 99)], 'W0'),
    (CALCULATOR, [line('sendto', datagram('heartbeat'), 99), line('recvfrom', datagram(**ACKS), 99)], 'W1'),
    (CALCULATOR, [line('recvfrom', GREETING, 99), line('sendto', datagram('heartbeat'), 99)], 'W6'),
    (CALCULATOR, [line('recvfrom', datagram('assign'), 99)], 'W2'),
    (CALCULATOR, [line('recvfrom', datagram('assign'), 99), line('write', event('taken'), 99),
                  line('sendto', datagram('busy', **ACKS), 99)], 'W3'),
    (CALCULATOR, [line('write', event('taken'), 99), line('sendto', datagram('result'), 99)], 'W5'),
    (CALCULATOR, [line('sendto', datagram('result'), 99), line('recvfrom', datagram(**ACKS), 99)], 'W1'),
])
def test_the_moment_is_the_one_that_the_last_step_began(tmpdir, role, lines, moment):
    found = trace(tmpdir, *(list(lines) + [WAIT]))
    assert moments.of(role, found, is_first=False) == moment
    assert found[-1].name == 'pselect6' and not found[-1].is_done
    assert all(call.is_done for call in found[:-1])


SUBMIT, RESULT = line('recvfrom', datagram('submit'), 99), line('recvfrom', datagram('heartbeat', 'result'), 99)


@pytest.mark.parametrize('lines, moment', [
    ([], None),
    ([at('pread64', JOURNAL, PAGE, 4096)], 'D10'),
    ([at('pread64', JOURNAL + '-wal', PAGE, 4096), to_log(), COMMITTED], 'D10'),
    ([to_log(), COMMITTED, SUBMIT], 'D1'),
    ([SUBMIT, to_log()], 'D1'),
    ([SUBMIT, to_log('h' * 32), COMMITTED], 'D1'),
    ([SUBMIT, to_log(), COMMITTED], 'D2'),
    ([SUBMIT, to_log(), COMMITTED, line('write', event('accepted'), 99)], 'D2'),
    ([SUBMIT, to_log(), COMMITTED, line('sendto', datagram(**ACKS), 99)], 'D3'),
    ([SUBMIT, RESULT, to_log()], 'D6'),
    ([SUBMIT, RESULT, to_log(), COMMITTED], 'D7'),
    ([SUBMIT, to_log(), COMMITTED, to_file()], 'D9'),
    ([SUBMIT, to_log(), COMMITTED, to_file('?')], 'D9'),
    ([SUBMIT, to_log(), COMMITTED, to_file(), line('sendto', datagram(**ACKS), 99)], 'D3'),
    ([SUBMIT, '4711 unlink("%s") = 0\n' % escaped(JOURNAL + '-wal')], 'D9'),
])
def test_the_moment_of_a_dispatcher_with_a_journal(tmpdir, lines, moment):
    wait = [] if lines and lines[-1].endswith('= ?\n') else [WAIT]
    assert moments.of(DISPATCHER, trace(tmpdir, *(lines + wait)), is_first=False, journal=JOURNAL) == moment


def test_making_a_journal_is_neither_recovery_nor_cleaning_up(tmpdir):
    found = trace(tmpdir, at('pread64', JOURNAL, PAGE, 0), to_file(), to_log(), COMMITTED, WAIT)
    assert moments.of(DISPATCHER, found, is_first=True, journal=JOURNAL) is None


def test_a_calculator_killed_while_it_sends_a_result_has_not_sent_it(tmpdir):
    lines = [line('write', event('taken'), 99), line('sendto', datagram('result'), '?')]
    assert moments.of(CALCULATOR, trace(tmpdir, *lines), is_first=True) == 'W4'


def test_every_moment_has_a_step_that_begins_it():
    for role, names in moments.ALL.items():
        begun = set(moments.BEGINS[role].values()) | {moments.FIRST[role]}
        assert set(names) - begun <= {'W4', 'W6'}


def test_the_checksum_is_that_of_the_rfc():
    """The example of RFC 1071, section 3; and over its own complement a sum is nothing."""
    data = b'\x00\x01\xf2\x03\xf4\xf5\xf6\xf7'
    assert joiner.checksum(data) == 0xffff - 0xddf2
    assert joiner.checksum(data + b'\x22\x0d') == 0
