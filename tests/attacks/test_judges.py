"""Tests of the checks of the attacks: the auditor detects broken rules, and the moment of a kill is found in a trace.

They start no process, so they belong to the usual tests.
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


#: The events of each process, for a task without faults.
CLEAN = {
    'client': [began(1, 'client'), step(2, 'sent'), step(9, 'answered')],
    'dispatcher': [began(1, 'dispatcher'), registered(1.5), step(3, 'accepted'), step(4, 'assigned', **HERE),
                   step(8, 'done', **HERE)],
    'calculator': [began(1, 'calculator'), step(5, 'taken', attempt=1, assignment=1),
                   step(10, 'let_go', assignment=1, end='reported')],
}

#: What is wrong -> a process, an additional event of it (None: it has only its first event), and the broken rule.
BROKEN = {
    'accepted by the last dispatcher, without an outcome': ('dispatcher', step(20, 'accepted', OTHER), 'S1'),
    'answered twice': ('client', step(20, 'answered'), 'S2'),
    'answered, then expired': ('client', step(20, 'unanswered', outcome='expired'), 'S2'),
    'done twice': ('dispatcher', step(20, 'done', **HERE), 'S2'),
    'wrong result': ('client', step(20, 'unanswered', OTHER, outcome='wrong'), 'S3'),
    'answered, not done': ('client', step(20, 'answered', OTHER), 'S4'),
    'taken, not assigned': ('calculator', step(20, 'taken', OTHER, attempt=1, assignment=2), 'S4'),
    'assigned, not accepted': ('dispatcher', step(20, 'assigned', OTHER, **HERE), 'S5'),
    'taken twice': ('calculator', step(20, 'taken', attempt=1, assignment=1), 'S16'),
    'let go, not held': ('calculator', step(20, 'let_go', assignment=1, end='reported'), 'S5'),
    'accepted twice': ('dispatcher', step(20, 'accepted'), 'S16'),
    'done, not taken': ('calculator', None, 'S4'),
    'accepted, not sent': ('client', None, 'S4'),
    'task for a suspect calculator': ('dispatcher', (3.5, 'suspected', {
        'calculator': 'calculator', 'why': 'no process listens at its address'}), 'S7'),
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


def clean_and(name, *added):
    """The clean events, ``added`` events of one process, and a second task that the client sends."""
    events = {process: list(lines) for process, lines in CLEAN.items()}
    events['client'].insert(1, step(1.8, 'sent', OTHER))
    events[name] += added
    return events


def check_broken(tmpdir, rule, events):
    with pytest.raises(Violation) as caught:
        audit(tmpdir, events)
    assert caught.value.rule == rule, caught.value


@pytest.mark.parametrize('what', sorted(BROKEN))
def test_the_auditor_detects_a_broken_rule(tmpdir, what):
    name, event, rule = BROKEN[what]
    events = clean_and(name, *[event] if event else [])
    if event is None:
        del events[name][1:]
    events[name].sort(key=lambda line: line[0])
    check_broken(tmpdir, rule, events)


def test_the_auditor_accepts_a_clean_run_and_detects_too_many_attempts(tmpdir):
    audit(tmpdir, CLEAN)
    events = clean_and('client', step(19, 'answered', OTHER))
    events['dispatcher'][4:4] = [step(6, 'accepted', OTHER), step(6.5, 'assigned', OTHER, **HERE)]
    events['dispatcher'].append(step(18, 'done', OTHER, **HERE))
    events['calculator'].insert(2, step(7, 'taken', OTHER, attempt=1, assignment=2))
    audit(tmpdir, events, capacity=2)
    check_broken(tmpdir, 'S6', events)


def test_the_auditor_accepts_that_a_new_dispatcher_repeats_a_task_and_forgets_another(tmpdir):
    events = clean_and('dispatcher', step(9, 'accepted', OTHER), began(11, 'dispatcher', NEXT), registered(11.5),
                       step(12, 'accepted'), step(13, 'assigned', **HERE), step(15, 'done', **HERE))
    events['calculator'].append(step(14, 'taken', attempt=1, assignment=1))
    audit(tmpdir, events)


# Traces, as ``strace -f -xx`` writes them.

#: Kinds of rows whose content matters.
ROWS = {'heartbeat': [1, 1, 1, 1, 1, [], [], False], 'busy': [1, 1, 1, 1, 1, [[1, 1]], [], False]}
GREETING = '{"crc":"00000000","v":2,"to":"","re":7,"ticket":"ticket"}'
#: Acknowledges the datagram of the other direction: all datagrams have the number 7.
ACKS = {'ack': [[7, 7]]}
JOURNAL = '/tmp/the.journal'
PAGE = 'p' * 4096


def escaped(text):
    return ''.join('\\x%02x' % byte for byte in bytearray(text.encode('ascii')))


def call(name, text, result=99):
    arguments = '5, "%s", 99, 0, {sa_family=AF_INET, sin_port=htons(1)}, 16' % escaped(text)
    return '4711 %s(%s) = %s\n' % (name, arguments, result)


def datagram(*kinds, **changes):
    rows = {kind.replace('busy', 'heartbeat'): [ROWS.get(kind, [])] for kind in kinds}
    return json.dumps(dict({'crc': '00000000', 'to': 'ticket', 'n': 7, 'rows': rows}, **changes))


def sent(*kinds, **changes):
    return call('sendto', datagram(*kinds, **changes))


def received(*kinds, **changes):
    return call('recvfrom', datagram(*kinds, **changes))


def written(kind):
    return call('write', json.dumps({'time': 1, 'kind': kind, 'facts': {}}) + '\n')


def on_file(name, path, text='', result=None):
    arguments = ', "%s", %d, 0' % (escaped(text), len(text)) if text else ''
    return '4711 %s(4<%s>%s) = %s\n' % (name, escaped(path), arguments, len(text) if result is None else result)


def to_log(text=PAGE):
    return on_file('pwrite64', JOURNAL + '-wal', text)


def to_file(result=4096):
    return on_file('pwrite64', JOURNAL, PAGE, result)


SYNCHRONISED = on_file('fdatasync', JOURNAL + '-wal')
WAIT = '4711 pselect6(6, [4 5], NULL, NULL, {tv_sec=9, tv_nsec=0}, NULL <unfinished ...>) = ?\n'
EMPTY = '4711 recvfrom(4, 0x7f, 62001, 0, 0x7f, [16]) = -1 EAGAIN (Resource temporarily unavailable)\n'


def trace(tmpdir, *lines):
    path = tmpdir.join('trace')
    path.write(''.join(lines) + '4711 +++ killed by SIGKILL +++\n')
    return tracing.read(str(path))


@pytest.mark.parametrize('role, lines, moment', [
    (CLIENT, [], 'C0'),
    (CLIENT, [sent('ping'), call('recvfrom', GREETING)], 'C0'),
    (CLIENT, [sent('submit')], 'C1'),
    (CLIENT, [sent('ping'), received(**ACKS)], 'C0'),
    (CLIENT, [sent('submit'), received(**ACKS)], 'C2'),
    (CLIENT, [sent('submit'), received('done', **ACKS), EMPTY], 'C3'),
    (CLIENT, [received('done'), written('answered')], 'C4'),
    (DISPATCHER, [received('submit')], 'D1'),
    (DISPATCHER, [received('submit'), written('accepted')], 'D2'),
    (DISPATCHER, [received('submit'), written('accepted'), sent(**ACKS)], 'D3'),
    (DISPATCHER, [written('accepted'), written('assigned')], 'D4'),
    (DISPATCHER, [written('assigned'), sent('assign')], 'D5'),
    (DISPATCHER, [received('heartbeat', 'result')], 'D6'),
    (DISPATCHER, [received('result'), written('done')], 'D7'),
    (DISPATCHER, [received('submit'), sent('done', **ACKS)], 'D8'),
    (CALCULATOR, [], 'W0'),
    (CALCULATOR, [sent('ping'), call('recvfrom', GREETING)], 'W0'),
    (CALCULATOR, [sent('heartbeat'), received(**ACKS)], 'W1'),
    (CALCULATOR, [call('recvfrom', GREETING), sent('heartbeat')], 'W6'),
    (CALCULATOR, [received('assign')], 'W2'),
    (CALCULATOR, [received('assign'), written('taken'), sent('busy', **ACKS)], 'W3'),
    (CALCULATOR, [written('taken'), sent('result')], 'W5'),
    (CALCULATOR, [sent('result'), received(**ACKS)], 'W1'),
])
def test_the_last_step_decides_the_moment(tmpdir, role, lines, moment):
    found = trace(tmpdir, *(lines + [WAIT]))
    assert moments.of(role, found, is_first=False) == moment
    assert found[-1].name == 'pselect6' and not found[-1].is_done
    assert all(call.is_done for call in found[:-1])


SUBMIT, RESULT = received('submit'), received('heartbeat', 'result')


@pytest.mark.parametrize('lines, moment', [
    ([], None),
    ([on_file('pread64', JOURNAL, PAGE)], 'D10'),
    ([on_file('pread64', JOURNAL + '-wal', PAGE), to_log(), SYNCHRONISED], 'D10'),
    ([to_log(), SYNCHRONISED, SUBMIT], 'D1'),
    ([SUBMIT, to_log()], 'D1'),
    ([SUBMIT, to_log('h' * 32), SYNCHRONISED], 'D1'),
    ([SUBMIT, to_log(), SYNCHRONISED], 'D2'),
    ([SUBMIT, to_log(), SYNCHRONISED, written('accepted')], 'D2'),
    ([SUBMIT, to_log(), SYNCHRONISED, sent(**ACKS)], 'D3'),
    ([SUBMIT, RESULT, to_log()], 'D6'),
    ([SUBMIT, RESULT, to_log(), SYNCHRONISED], 'D7'),
    ([SUBMIT, to_log(), SYNCHRONISED, to_file()], 'D9'),
    ([SUBMIT, to_log(), SYNCHRONISED, to_file('?')], 'D9'),
    ([SUBMIT, to_log(), SYNCHRONISED, to_file(), sent(**ACKS)], 'D3'),
    ([SUBMIT, '4711 unlink("%s") = 0\n' % escaped(JOURNAL + '-wal')], 'D9'),
])
def test_the_moment_of_a_dispatcher_with_a_journal(tmpdir, lines, moment):
    wait = [] if lines and lines[-1].endswith('= ?\n') else [WAIT]
    assert moments.of(DISPATCHER, trace(tmpdir, *(lines + wait)), is_first=False, journal=JOURNAL) == moment


@pytest.mark.parametrize('role, lines, journal, moment', [
    # The creation of a journal is neither recovery nor clean-up.
    (DISPATCHER, [on_file('pread64', JOURNAL, PAGE, 0), to_file(), to_log(), SYNCHRONISED, WAIT], JOURNAL, None),
    # A calculator killed during the call has not sent the result.
    (CALCULATOR, [written('taken'), call('sendto', datagram('result'), '?')], None, 'W4'),
])
def test_the_moment_of_the_first_incarnation(tmpdir, role, lines, journal, moment):
    assert moments.of(role, trace(tmpdir, *lines), is_first=True, journal=journal) == moment


def test_the_checksum_is_that_of_the_rfc():
    """The example of RFC 1071, section 3. With its checksum, data has the sum 0."""
    data = b'\x00\x01\xf2\x03\xf4\xf5\xf6\xf7'
    assert joiner.checksum(data) == 0xffff - 0xddf2
    assert joiner.checksum(data + b'\x22\x0d') == 0
