"""The judges of the attacks notice what they should: each rule of the auditor broken, each moment read from a trace.

No process is started here, so this is among the ordinary tests.
"""

from __future__ import absolute_import, division, print_function

import json

import pytest

from tests.attacks import joiner, moments, tracing
from tests.attacks.auditor import Auditor
from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER

LIFE, NEXT_LIFE = 'aaaaaaaa', 'bbbbbbbb'
TASK, OTHER = 'client:aaaaaaaa:1', 'client:aaaaaaaa:2'


def began(time, life=LIFE):
    return time, 'began', {'incarnation': life}


def told(time, kind, task_id=TASK, **facts):
    return time, kind, dict(facts, task_id=task_id)


#: A task that goes its way: what each of the three tells.
CLEAN = {
    'client': [began(1), told(2, 'sent'), told(9, 'answered')],
    'dispatcher': [began(1), told(3, 'accepted'), told(4, 'assigned', calculator='calculator', attempt=1),
                   told(8, 'done', calculator='calculator', attempt=1)],
    'calculator': [began(1), told(5, 'taken', attempt=1), told(10, 'let_go', attempt=1)],
}

#: What is wrong -> who tells what in addition, or instead of its first event of that kind.
BROKEN = {
    'S1: accepted by the last life and never over': ('dispatcher', told(20, 'accepted', OTHER), 'and never over'),
    'S2: answered twice': ('client', told(20, 'answered'), 'ended as'),
    'S2: answered, then expired': ('client', told(20, 'unanswered', outcome='expired'), 'ended as'),
    'S2: accepted twice by one life': ('dispatcher', told(20, 'accepted'), 'accepted twice'),
    'S2: done twice by one life': ('dispatcher', told(20, 'done', calculator='calculator', attempt=1), 'after it was'),
    'S3: a wrong answer': ('client', told(20, 'unanswered', OTHER, outcome='wrong'), 'a wrong answer'),
    'S4: answered and never done': ('client', told(20, 'answered', OTHER), 'answered and never done'),
    'S4: taken and never accepted': ('calculator', told(20, 'taken', OTHER, attempt=1), 'taken and never accepted'),
    'S4: assigned and never accepted': ('dispatcher', told(20, 'assigned', OTHER, calculator='calculator', attempt=1),
                                        'before it was accepted'),
}


def audit(tmpdir, events, capacity=1):
    paths = {}
    for name, lines in events.items():
        paths[name] = str(tmpdir.join(name))
        with open(paths[name], 'w') as file:
            file.writelines(json.dumps({'time': time, 'kind': kind, 'facts': facts}) + '\n'
                            for time, kind, facts in lines)
    Auditor([paths['client']], paths['dispatcher'], {'calculator': paths['calculator']}).check(
        {'calculator': capacity})


def changed(name, *added):
    events = {who: list(lines) for who, lines in CLEAN.items()}
    events[name] += added
    return events


def test_a_clean_run_is_clean(tmpdir):
    audit(tmpdir, CLEAN)


@pytest.mark.parametrize('what', sorted(BROKEN))
def test_what_is_broken_is_noticed(tmpdir, what):
    name, event, complaint = BROKEN[what]
    with pytest.raises(AssertionError, match=complaint):
        audit(tmpdir, changed(name, event))


def test_what_was_done_must_have_been_taken(tmpdir):
    events = changed('client')
    del events['calculator'][1]
    with pytest.raises(AssertionError, match='done and never taken'):
        audit(tmpdir, events)


def test_what_was_accepted_must_have_been_sent(tmpdir):
    events = changed('dispatcher')
    del events['client'][1]
    with pytest.raises(AssertionError, match='accepted and never sent'):
        audit(tmpdir, events)


def test_more_than_the_capacity_is_noticed(tmpdir):
    events = changed('client', told(2.5, 'sent', OTHER), told(19, 'answered', OTHER))
    events['dispatcher'][3:3] = [told(6, 'accepted', OTHER), told(6.5, 'assigned', OTHER, calculator='calculator',
                                                                  attempt=1)]
    events['dispatcher'].append(told(18, 'done', OTHER, calculator='calculator', attempt=1))
    events['calculator'].append(told(7, 'taken', OTHER, attempt=1))
    audit(tmpdir, events, capacity=2)
    with pytest.raises(AssertionError, match='is given 2'):
        audit(tmpdir, events, capacity=1)


def test_another_life_of_the_dispatcher_may_begin_a_task_anew_and_owes_only_its_own(tmpdir):
    events = changed('dispatcher', told(9, 'accepted', OTHER), began(11, NEXT_LIFE), told(12, 'accepted'),
                     told(13, 'assigned', calculator='calculator', attempt=1),
                     told(15, 'done', calculator='calculator', attempt=1))
    events['client'].insert(2, told(2.5, 'sent', OTHER))
    audit(tmpdir, events)


# Traces, as strace writes them with -f -xx.


def escaped(text):
    return ''.join('\\x%02x' % byte for byte in bytearray(text.encode('ascii')))


def datagram(*kinds):
    return '{"crc":"00000000","v":1,"messages":[%s]}' % ','.join('{"kind":"%s"}' % kind for kind in kinds)


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
    (CLIENT, [line('sendto', datagram('submit'), 99)], 'C1'),
    (CLIENT, [line('sendto', datagram('submit'), 99), line('recvfrom', datagram('accepted'), 99)], 'C2'),
    (CLIENT, [line('recvfrom', datagram('accepted', 'outcome'), 99), NOTHING], 'C3'),
    (CLIENT, [line('recvfrom', datagram('outcome'), 99), line('write', event('answered'), 99)], 'C4'),
    (DISPATCHER, [line('recvfrom', datagram('submit'), 99)], 'D1'),
    (DISPATCHER, [line('recvfrom', datagram('submit'), 99), line('write', event('accepted'), 99)], 'D2'),
    (DISPATCHER, [line('write', event('accepted'), 99), line('sendto', datagram('accepted'), 99)], 'D3'),
    (DISPATCHER, [line('write', event('accepted'), 99), line('write', event('assigned'), 99)], 'D4'),
    (DISPATCHER, [line('sendto', datagram('accepted'), 99), line('sendto', datagram('assign'), 99)], 'D5'),
    (DISPATCHER, [line('recvfrom', datagram('heartbeat', 'result'), 99)], 'D6'),
    (DISPATCHER, [line('recvfrom', datagram('result'), 99), line('write', event('done'), 99)], 'D7'),
    (DISPATCHER, [line('write', event('done'), 99), line('sendto', datagram('outcome'), 99)], 'D8'),
    (CALCULATOR, [], 'W0'),
    (CALCULATOR, [line('sendto', datagram('heartbeat'), 99), line('recvfrom', datagram('heartbeat_ack'), 99)], 'W1'),
    (CALCULATOR, [line('sendto', datagram('heartbeat'), 99)], 'W6'),
    (CALCULATOR, [line('recvfrom', datagram('assign'), 99)], 'W2'),
    (CALCULATOR, [line('recvfrom', datagram('assign'), 99), line('sendto', datagram('assign_ack'), 99)], 'W3'),
    (CALCULATOR, [line('sendto', datagram('assign_ack'), 99), line('sendto', datagram('result'), 99)], 'W5'),
])
def test_the_moment_is_the_one_that_the_last_step_began(tmpdir, role, lines, moment):
    found = trace(tmpdir, *(list(lines) + [WAIT]))
    assert moments.of(role, found, is_first_life=False) == moment
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
    ([SUBMIT, to_log(), COMMITTED, line('sendto', datagram('accepted'), 99)], 'D3'),
    ([SUBMIT, RESULT, to_log()], 'D6'),
    ([SUBMIT, RESULT, to_log(), COMMITTED], 'D7'),
    ([SUBMIT, to_log(), COMMITTED, to_file()], 'D9'),
    ([SUBMIT, to_log(), COMMITTED, to_file('?')], 'D9'),
    ([SUBMIT, to_log(), COMMITTED, to_file(), line('sendto', datagram('accepted'), 99)], 'D3'),
    ([SUBMIT, '4711 unlink("%s") = 0\n' % escaped(JOURNAL + '-wal')], 'D9'),
])
def test_the_moment_of_a_dispatcher_with_a_journal(tmpdir, lines, moment):
    wait = [] if lines and lines[-1].endswith('= ?\n') else [WAIT]
    assert moments.of(DISPATCHER, trace(tmpdir, *(lines + wait)), is_first_life=False, journal=JOURNAL) == moment


def test_the_birth_of_a_journal_is_neither_recovery_nor_cleaning_up(tmpdir):
    found = trace(tmpdir, at('pread64', JOURNAL, PAGE, 0), to_file(), to_log(), COMMITTED, WAIT)
    assert moments.of(DISPATCHER, found, is_first_life=True, journal=JOURNAL) is None


def test_a_result_on_the_lips_is_work_done_and_not_sent(tmpdir):
    lines = [line('sendto', datagram('assign_ack'), 99), line('sendto', datagram('result'), '?')]
    assert moments.of(CALCULATOR, trace(tmpdir, *lines), is_first_life=True) == 'W4'


def test_every_moment_has_a_step_that_begins_it():
    for role, names in moments.ALL.items():
        begun = set(moments.BEGINS[role].values()) | {moments.FIRST[role]}
        assert set(names) - begun <= {'W4', 'W6'}


def test_the_checksum_is_that_of_the_rfc():
    """The example of RFC 1071, section 3; and over its own complement a sum is nothing."""
    data = b'\x00\x01\xf2\x03\xf4\xf5\xf6\xf7'
    assert joiner.checksum(data) == 0xffff - 0xddf2
    assert joiner.checksum(data + b'\x22\x0d') == 0
