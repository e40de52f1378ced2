"""The settings of a simulation, the presets, and the scenario that is drawn from a seed.

The blocks ``dispatcher``, ``calculator`` and ``client`` are the settings of the real processes and can be copied to
their files. A ``key_file`` is not read: processes with the same file name have the same key. ``work`` is not read
either: each of its letters is a function that a calculator offers; "-": none.
"""

from __future__ import absolute_import, division, print_function

from calculator.settings import SETTINGS as CALCULATOR
from client.settings import SETTINGS as CLIENT
from common import lengths, schema
from common.compat import TEXT_TYPES
from common.schema import Group, Kind, Setting
from dispatcher.settings import SETTINGS as DISPATCHER
from net_protocol.rows import DISPATCHER as DISPATCHER_NAME
from net_protocol.schedule import SLEEP_S

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

SHARE = schema.number(0, 1)

NETWORK = Group('network', (
    Setting('delay_s', schema.random_length(), [0.0002, 0.001], 'The delay of a datagram is drawn from this range.'),
    Setting('slow', SHARE, 0, 'Share of datagrams that take far longer: a heavy tail, up to 10 s.'),
    Setting('loss', SHARE, 0, 'Share of datagrams lost, independently of each other.'),
    Setting('burst_probability', SHARE, 0, 'The probability, per datagram, that its link begins to lose everything.'),
    Setting('burst_s', schema.random_length(), [0.1, 2], 'How long such a burst lasts.'),
    Setting('duplicate', SHARE, 0, 'Share of datagrams that arrive more than once, up to ten times.'),
    Setting('late_copy', SHARE, 0.05, 'Share of the copies that come seconds to minutes later.'),
    Setting('late', SHARE, 0, 'Share of datagrams that arrive seconds to minutes late themselves.'),
    Setting('damage', SHARE, 0, 'Share of datagrams corrupted, truncated or lengthened.'),
    Setting('clog_per_s', schema.number(0, 1e9), 0, 'Datagrams a second that a link takes. 0: any number.'),
    Setting('clog_wait_s', schema.seconds(0), 0.5, 'The longest wait before a clogged link; a datagram that would wait '
            'longer is lost.'),
    Setting('icmp', SHARE, 0, 'Share of datagrams to an address without a process that cause an ICMP error.'),
    Setting('virtual_address', schema.whole_number(0, 1), 0, 'Whether the dispatcher is behind a virtual address, '
            'whose connection table keeps the first target of each source address.'),
), 'Faults of the network.')

FAULTS = Group('faults', (
    Setting('calculator_crash_s', schema.random_length(), [0, 0],
            'Time between kills of a calculator, which is started again later. [0, 0]: never.'),
    Setting('dispatcher_crash_s', schema.random_length(), [0, 0], 'Time between kills of the dispatcher.'),
    Setting('client_crash_s', schema.random_length(), [0, 0], 'Time between kills of a client.'),
    Setting('stop_s', schema.random_length(), [0, 0],
            'Time between SIGTERMs to any process, which is started again later.'),
    Setting('disk_s', schema.random_length(), [0, 0],
            'Time between failures of the disk under the journal: it is full, or reports errors.'),
    Setting('disk_duration_s', schema.random_length(), [0.1, 10], 'How long such a failure lasts.'),
    Setting('other_journal', SHARE, 0, 'Share of restarts of the dispatcher that find no journal, or an older copy.'),
    Setting('wall_step', SHARE, 0, 'Share of restarts of the dispatcher before which the wall clock was set.'),
    Setting('restart_s', schema.random_length(), [0.1, 8], 'Time until a killed process is started again.'),
    Setting('move', SHARE, 0, 'Share of restarts with another address.'),
    Setting('never_back', SHARE, 0, 'Share of killed calculators that are never started again.'),
    Setting('freeze_s', schema.random_length(), [0, 0], 'Time between suspensions of any process (SIGSTOP).'),
    Setting('freeze_duration_s', schema.random_length(), [0.1, 15], 'How long a suspension lasts.'),
    Setting('partition_s', schema.random_length(), [0, 0], 'Time between partitions of two processes.'),
    Setting('partition_duration_s', schema.random_length(), [0.5, 20], 'How long a partition lasts.'),
    Setting('one_way', SHARE, 0.5, 'Share of partitions that cut one direction only.'),
    Setting('flap_s', schema.random_length(), [0, 0], 'Time between restarts of one calculator, always the same.'),
    Setting('late_turns_s', schema.random_length(), [0, 0], 'Time between periods in which the turns of the '
            'dispatcher are 0.1 to 2 s late.'),
    Setting('late_turns_duration_s', schema.random_length(), [5, 60], 'How long such a period lasts.'),
    Setting('clone_s', schema.random_length(), [0, 0],
            'Time between starts of another process with the name of a client or calculator.'),
    Setting('clone_duration_s', schema.random_length(), [2, 20], 'How long it runs.'),
    Setting('byzantine', SHARE, 0, 'Probability that one client or calculator acknowledges what it does not handle, or '
            'acknowledges nothing, for as long as there are faults.'),
    Setting('slow_process', SHARE, 0, 'Share of processes that need a hundred times as long for a turn.'),
    Setting('buffer_datagrams', schema.whole_number(1, 1000000), 4000, 'Datagrams that the buffer of a socket holds; '
            'when it is full, further ones are lost.'),
    Setting('clock_drift', schema.number(0, 0.05), 0, 'Clocks run fast or slow by up to this share.'),
    Setting('poison_s', schema.random_length(), [0, 0], 'Time between tasks that cannot be computed, or that kill '
            'every calculator that takes them.'),
    Setting('one_way_for_ever', SHARE, 0, 'Probability that after the faults one calculator can send but not receive.'),
    Setting('noise_s', schema.random_length(), [0, 0],
            'Time between datagrams from strangers: garbage, replays, forged roles.'),
), 'Faults of processes.')

#: Functions: 26 at the most.
LETTERS = Kind('different letters from a to z', lambda value: (
    isinstance(value, TEXT_TYPES) and 0 < len(value) == len(set(value).intersection('abcdefghijklmnopqrstuvwxyz'))))

CALLS = Group('calls', (
    Setting('callers', schema.whole_number(0, 10000), 0, 'Further clients, which call functions.'),
    Setting('functions', LETTERS, u'abc', 'The functions that they call, one letter each.'),
    Setting('duration_s', schema.random_length(), [0, 2], 'How long a call takes.'),
    Setting('timeout', SHARE, 0, 'Share of calls with an answer time-out.'),
    Setting('cancel', SHARE, 0, 'Share of calls that are cancelled.'),
    Setting('poison', SHARE, 0, 'Share of calls that kill their child in every attempt.'),
    Setting('death', SHARE, 0, 'Share of attempts whose child dies.'),
    Setting('error', SHARE, 0, 'Share of attempts that raise an exception.'),
    Setting('no_load', SHARE, 0, 'Share of children that cannot load the functions.'),
    Setting('idle_death_s', schema.random_length(), [0, 0], 'Time between deaths of idle children of a calculator.'),
), 'Calls of functions.')

#: The settings of calls that are 0 after the faults.
TROUBLES = ('timeout', 'cancel', 'poison', 'death', 'error', 'no_load')


def _is_group(value):
    # type: (Any) -> bool
    return isinstance(value, dict) and type(value.get('count')) is int and 0 <= value['count'] <= 10000


def _members_from(least):
    # type: (int) -> Kind
    """A number of members, at least ``least``, or groups of members."""
    number = schema.whole_number(least, 10000)
    return Kind('%s, or groups: [{"count": 2, "setting": its value}, ...]' % number.expected, lambda value: (
        number.accepts(value) or type(value) is list and bool(value) and all(map(_is_group, value))
        and least <= sum([group['count'] for group in value]) <= 10000))


def _is_event(value):
    # type: (Any) -> bool
    if not isinstance(value, dict) or not AT.accepts(value.get('at_s')):
        return False
    if 'kill' in value:
        return (set(value) <= {'at_s', 'kill', 'back_after_s'} and NAME.accepts(value['kill'])
                and AT.accepts(value.get('back_after_s', 0)))
    return set(value) == {'at_s', 'restart_share'} and SHARE.accepts(value['restart_share'])


AT = schema.seconds(0)
NAME = schema.text('a name', 80)
EVENTS = Kind('[{"at_s": seconds, "kill": NAME, "back_after_s": seconds}, {"at_s": seconds, "restart_share": 0 to 1}, '
              '...]; back_after_s is optional',
              lambda value: type(value) is list and all(map(_is_event, value)))


def _together(settings):
    # type: (Dict[str, Any]) -> Tuple[str, str] | None
    """Check the settings of groups, and that events name processes of the scenario at times within it."""
    for role, block in (('client', CLIENT), ('calculator', CALCULATOR)):
        try:
            for made in variants(settings, role):
                block.checked(made)
        except schema.SettingRefused as refusal:
            return role + 's', 'settings of a %s (%s)' % (role, refusal)
    for made in variants(settings, 'calculator'):
        if made['work'] not in (None, '-') and not LETTERS.accepts(made['work']):
            return 'calculators', 'work: null, "-", or ' + LETTERS.expected
    names = [DISPATCHER_NAME] + [name for role in ('client', 'calculator') for name, _ in members(settings, role)]
    for event in settings['events']:
        if event.get('kill', names[0]) not in names:
            return 'events', 'a name of a process at the start, such as calculator-1 (found %s)' % event['kill']
        if event['at_s'] >= settings['duration_s']:
            return 'events', 'at_s below duration_s, %g (found %g)' % (settings['duration_s'], event['at_s'])
    return None


SETTINGS = Group('', (
    Setting('duration_s', schema.number(1, 1e7, 'seconds'), 60,
            'Virtual seconds with faults; seconds without faults follow.'),
    Setting('clients', _members_from(1), 3, 'Clients at the start: a number, or groups with settings of their own.'),
    Setting('calculators', _members_from(0), 10, 'Calculators at the start, in the same way.'),
    Setting('events', EVENTS, [], 'Events at given times: "kill" ends a process, and "back_after_s" starts it again '
            'after that time; "restart_share" kills that share of the calculators and starts them again after '
            'faults.restart_s.'),
    Group('turn_cost_s', (
        Setting('turn', schema.number(0, 10, 'seconds'), 0.00005, 'Processor time of a turn of any process.'),
        Setting('datagram', schema.number(0, 10, 'seconds'), 0, 'Processor time of each datagram in or out.'),
        Setting('row', schema.number(0, 10, 'seconds'), 0, 'Processor time of each row in or out.'),
    ), 'What a turn costs.'),
    Setting('start_s', schema.seconds(0), 0, 'Clients start at random times within so many seconds.'),
    Group('dispatcher', DISPATCHER.settings, together=DISPATCHER.together),
    Group('calculator', CALCULATOR.settings),
    Group('client', CLIENT.settings),
    CALLS,
    NETWORK,
    FAULTS,
), together=_together)


def members(settings, role):
    # type: (Dict[str, Any], str) -> List[Tuple[str, Dict[str, Any]]]
    """The names of the clients or calculators at the start, each with the settings in which it differs."""
    groups = settings[role + 's']
    changes = [{} for _ in range(groups)] if type(groups) is not list else [
        _changes(settings[role], group) for group in groups for _ in range(group['count'])]
    if role == 'client':
        changes += [{'calls': settings['calls']} for _ in range(settings['calls']['callers'])]
    return [('%s-%d' % (role, number), change) for number, change in enumerate(changes, 1)]


def variants(settings, role):
    # type: (Dict[str, Any], str) -> List[Dict[str, Any]]
    """The different complete settings of clients or calculators."""
    groups = settings[role + 's']
    if type(groups) is not list:
        return [settings[role]]
    return [dict(settings[role], **_changes(settings[role], group)) for group in groups]


def _changes(common, group):
    # type: (Dict[str, Any], Dict[str, Any]) -> Dict[str, Any]
    made = {}
    for key, value in group.items():
        if key != 'count':
            # A distribution is an object too, and replaces the whole of another one.
            is_block = isinstance(value, dict) and isinstance(common.get(key), dict) \
                and not lengths.is_length(value) and not lengths.is_length(common[key])
            made[key] = dict(common[key], **value) if is_block else value
    return made

#: The ``journal`` of a simulated dispatcher. Any other name has the same effect.
JOURNAL = 'in memory'

_QUIET = {'probability': 0}  # type: Dict[str, Any]

#: Ten calculators that work 1 to 3 s, without faults.
CALM = {'calculator': {'outage': _QUIET}, 'clients': 2}  # type: Dict[str, Any]

#: The same at full load, with twenty slots each.
BUSY = {
    'duration_s': 20, 'clients': 2, 'calculator': {'outage': _QUIET, 'capacity': 20},
    'client': {'task_interval_s': [0, 0], 'in_flight_max': 100},
}  # type: Dict[str, Any]

LOSSY = {
    'network': {'delay_s': [0.001, 0.05], 'loss': 0.2, 'duplicate': 0.1, 'slow': 0.02, 'burst_probability': 0.001},
    'calculator': {'outage': _QUIET},
}  # type: Dict[str, Any]

STORMY = {
    'network': {'delay_s': [0.001, 0.2], 'loss': 0.2, 'duplicate': 0.2, 'slow': 0.05, 'burst_probability': 0.003,
                'damage': 0.02, 'late_copy': 0.2, 'late': 0.002, 'icmp': 0.5},
    'faults': {'calculator_crash_s': [5, 20], 'dispatcher_crash_s': [20, 60], 'client_crash_s': [30, 90],
               'stop_s': [10, 40], 'freeze_s': [5, 20], 'partition_s': [5, 20], 'noise_s': [0.1, 1],
               'poison_s': [5, 30], 'move': 0.2, 'never_back': 0.1, 'slow_process': 0.1, 'clock_drift': 0.002,
               'one_way_for_ever': 0.5, 'late_turns_s': [20, 60], 'clone_s': [10, 40], 'byzantine': 0.3},
    'calculator': {'outage': {'check_interval_s': 8, 'probability': 0.2, 'duration_s': [0.5, 12], 'kind': 'mixed'}},
}  # type: Dict[str, Any]

#: A dispatcher with a journal that is killed every few seconds. Its disk is full or fails now and then.
DURABLE = {
    'network': {'delay_s': [0.001, 0.05], 'loss': 0.05, 'duplicate': 0.1},
    'dispatcher': {'journal': JOURNAL},
    'faults': {'dispatcher_crash_s': [2, 8], 'client_crash_s': [20, 60], 'calculator_crash_s': [10, 30],
               'stop_s': [20, 40], 'restart_s': [0.05, 1], 'disk_s': [5, 20], 'move': 0.1, 'wall_step': 0.1},
    'calculator': {'outage': _QUIET},
}  # type: Dict[str, Any]

#: A thousand clients that start in the same second, each with a few tasks.
CROWD = {
    'duration_s': 10, 'clients': 1000, 'start_s': 1,
    'calculator': {'outage': _QUIET, 'capacity': 60, 'task_duration_s': [0.1, 1]},
    'client': {'task_interval_s': [0, 40], 'task_timeout_s': 40},
}  # type: Dict[str, Any]

PRESETS = {'crowd': CROWD, 'calm': CALM, 'busy': BUSY, 'lossy': LOSSY, 'stormy': STORMY, 'durable': DURABLE}


def preset(name):
    # type: (str) -> Dict[str, Any]
    """The complete settings of a preset."""
    return SETTINGS.checked(PRESETS[name])


def drawn(rng):
    # type: (Any) -> Dict[str, Any]
    """Draw a scenario. Most worlds do not have most faults, so that each fault is also tested alone."""
    pick = Picker(rng)
    clients, calculators = 1 + pick.below(3), 1 + pick.below(6)
    world = {
        'duration_s': 20.0 + 50 * rng.random(), 'clients': clients, 'calculators': calculators,
        'dispatcher': _dispatcher(pick, calculators), 'calculator': _calculator(pick), 'client': _client(pick),
        'network': _network(pick), 'faults': _faults(pick)}  # type: Dict[str, Any]
    if pick.of(False, True):
        world['dispatcher']['journal'] = JOURNAL
        world['faults'].update(_faults_with_journal(pick))
    key_file = pick.of(None, 'key')
    for role in ('dispatcher', 'calculator', 'client'):
        world[role]['key_file'] = key_file
    # The buffer that the loop requests, or the default limit of Linux.
    world['faults']['buffer_datagrams'] = pick.of(4000, 166, 166)
    # Behind a virtual address, a calculator reaches a dispatcher that moved only from another port: it needs port 0.
    world['network']['virtual_address'] = pick.of(0, 0, 1)
    world['calculator']['listen'] = {'port': 0 if world['network']['virtual_address'] else pick.of(0, 5600)}
    if max(world['faults']['freeze_duration_s'][1], world['faults']['partition_duration_s'][1]) > SLEEP_S:
        # Long enough for channels to fall asleep and wake up.
        world['duration_s'] += 40.0
    if pick.below(20) == 0:
        _hasten(world)
    if pick.below(3) == 0:
        _add_calls(pick, world)
    return SETTINGS.checked(world)


def _hasten(world):
    # type: (Dict[str, Any]) -> None
    """So high a load that a datagram that is seconds late is below the receive window."""
    world['duration_s'] = 20.0
    world['network'].update(delay_s=[0.0002, 0.001], late=0.01, clog_per_s=0)
    world['calculator'].update(task_duration_s=[0, 0.1], capacity=60)
    world['client'].update(task_interval_s=[0, 0], in_flight_max=20, payload_bytes=10)
    world['dispatcher']['pending_max'] = 100000


def _add_calls(pick, world):
    # type: (Picker, Dict[str, Any]) -> None
    """Clients that call functions, calculators that offer some of them, and one calculator that restarts repeatedly."""
    world['calculators'] = [{'count': world['calculators']}] + [
        {'count': 1, 'work': u'abc' if number == 0 else pick.of(u'abc', u'abc', u'ab', u'c', u'-'),
         'capacity': pick.of(1, 2, 5)} for number in range(1 + pick.below(4))]
    world['calls'] = {
        'callers': pick.of(1, 2), 'duration_s': pick.of([0, 0.5], [0, 2], [1, 6]), 'timeout': pick.of(0, 0.3),
        'cancel': pick.of(0, 0.2), 'poison': pick.of(0, 0.05), 'death': pick.of(0, 0, 0.1, 0.4),
        'error': pick.of(0, 0.1), 'no_load': pick.of(0, 0, 0.3), 'idle_death_s': pick.of([0, 0], [1, 5])}
    world['faults']['flap_s'] = pick.of([0, 0], [0.2, 2])
    world['dispatcher']['priority_ageing_s'] = pick.of(1, 10)


def _dispatcher(pick, calculators):
    # type: (Picker, int) -> Dict[str, Any]
    task_timeout_s = pick.of(20, 40, 60)
    return {
        'answer_timeout_s': pick.of(4, 8, 10, task_timeout_s), 'task_timeout_s': task_timeout_s,
        'pending_max': pick.of(3, 50, 100000), 'attempts_max': pick.of(2, 20, 20),
        'remembered_max': pick.of(20, 100000, 100000),
        'calculators_max': pick.of(max(1, calculators - 1), 20000, 20000, 20000, 20000), 'drain_timeout_s': 5}


def _calculator(pick):
    # type: (Picker) -> Dict[str, Any]
    return {
        'task_duration_s': pick.of([0, 0.5], [0, 2], [1, 3], [1, 6]), 'heartbeat_interval_s': pick.of(0.3, 1, 1, 2),
        'capacity': pick.of(1, 1, 2, 5, 60), 'drain_timeout_s': pick.of(0, 3, 10),
        'outage': {'check_interval_s': 6, 'probability': pick.of(0, 0, 0.1, 0.4), 'duration_s': [0.5, 12],
                   'kind': pick.of('crash', 'freeze', 'mixed')}}


def _client(pick):
    # type: (Picker) -> Dict[str, Any]
    return {
        'task_interval_s': pick.of([0.5, 1.5], [0.1, 0.5], [0, 4], [0, 0]), 'task_timeout_s': pick.of(10, 40, 60),
        'in_flight_max': pick.of(1, 5, 20), 'payload_bytes': pick.of(0, 10, 100, 3000),
        'drain_timeout_s': pick.of(0, 3, 10)}


def _network(pick):
    # type: (Picker) -> Dict[str, Any]
    return {
        'delay_s': pick.of([0.0002, 0.001], [0.005, 0.05], [0.01, 0.5], [0.1, 3]),
        'loss': pick.of(0, 0, 0.05, 0.2, 0.5), 'duplicate': pick.of(0, 0, 0.1, 0.4), 'late_copy': pick.of(0.02, 0.3),
        'slow': pick.of(0, 0, 0.02, 0.1), 'burst_probability': pick.of(0, 0, 0.002, 0.01),
        'damage': pick.of(0, 0, 0.02, 0.2), 'clog_per_s': pick.of(0, 0, 0, 15), 'late': pick.of(0, 0, 0.002, 0.02),
        'icmp': pick.of(0, 0.5, 1)}


def _faults(pick):
    # type: (Picker) -> Dict[str, Any]
    never = [0, 0]
    return {
        'calculator_crash_s': pick.of(never, never, [2, 10], [8, 30]),
        'dispatcher_crash_s': pick.of(never, never, [8, 30]), 'client_crash_s': pick.of(never, never, [8, 30]),
        'stop_s': pick.of(never, never, [5, 20]), 'restart_s': pick.of([0.05, 0.5], [0.1, 8]),
        'move': pick.of(0, 0.5), 'never_back': pick.of(0, 0.3), 'freeze_s': pick.of(never, never, [3, 15]),
        'partition_s': pick.of(never, never, [3, 15]), 'slow_process': pick.of(0, 0, 0.3),
        'clock_drift': pick.of(0, 0.001, 0.01), 'poison_s': pick.of(never, never, [3, 15]),
        'one_way_for_ever': pick.of(0, 0.7), 'noise_s': pick.of(never, [0.05, 1]),
        # The last range is above ``SLEEP_S``.
        'freeze_duration_s': pick.of([0.1, 15], [0.1, 15], [25, 60]),
        'partition_duration_s': pick.of([0.5, 20], [0.5, 20], [25, 60]),
        'late_turns_s': pick.of(never, never, never, [5, 20]), 'late_turns_duration_s': pick.of([5, 30], [60, 180]),
        'clone_s': pick.of(never, never, [5, 20]), 'byzantine': pick.of(0, 0, 1)}


def _faults_with_journal(pick):
    # type: (Picker) -> Dict[str, Any]
    never = [0, 0]
    return {
        'dispatcher_crash_s': pick.of(never, [2, 8], [2, 8], [8, 30]), 'disk_s': pick.of(never, never, [3, 15]),
        'other_journal': pick.of(0, 0, 0, 0.3), 'wall_step': pick.of(0, 0, 0.2)}


class Picker(object):
    """Draws that are the same on 2.7 and 3.x: ``choice`` and ``randint`` are not."""

    def __init__(self, rng):
        # type: (Any) -> None
        self._draw = rng.random

    def below(self, limit):
        # type: (int) -> int
        """A whole number from 0 to ``limit`` - 1."""
        return int(self._draw() * limit)

    def of(self, *values):
        # type: (*Any) -> Any
        """One of ``values``."""
        return values[self.below(len(values))]


def copied(settings):
    # type: (Any) -> Any
    """A copy of settings that shares no dict and no list with them."""
    if type(settings) is dict:
        return {key: copied(value) for key, value in settings.items()}
    return [copied(value) for value in settings] if type(settings) is list else settings
