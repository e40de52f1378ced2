"""Whether a scenario is stable. An unstable one has no mean response time."""

from __future__ import absolute_import, division, print_function

from client.settings import GIVE_UP
from common import lengths
from net_protocol.rows import CALCULATOR, CLIENT, DONE
from planner import statistics
from simulator import scenario

MYPY = False
if MYPY:
    from typing import Any, Dict, Sequence  # noqa: F401

#: The backlog grows if, with this confidence, it grows by more than this share of the tasks that arrive in half of the
#: time.
CONFIDENCE = 0.99
LEFT_OVER = 0.05

#: A load of exactly 1 is simulated.
ROUNDING = 1e-9

#: A scenario is unstable if calculators are busy for more than ``BUSY`` of their time in order, and more than
#: ``UNANSWERED`` of the tasks have no answer.
BUSY = 0.98
UNANSWERED = 0.02


def offered_load(settings):
    # type: (Dict[str, Any]) -> float | None
    """The mean work that arrives per second, divided by the mean number of slots in order; None if no client is an open
    loop.
    """
    rate = 0.0
    for count, client in _groups(settings, CLIENT):
        interval_s = lengths.mean(client['task_interval_s'])
        if interval_s:
            rate += count / interval_s
    speed = 0.0
    for count, calculator in _groups(settings, CALCULATOR):
        duration_s = lengths.mean(calculator['task_duration_s'])
        if not duration_s:
            return 0.0
        speed += count * calculator['capacity'] * in_order_share(calculator['outage']) / duration_s
    if not rate:
        return None
    return rate / speed if speed else float('inf')


def in_order_share(outage):
    # type: (Dict[str, Any]) -> float
    """The share of time that a calculator is in order, by its own outages."""
    if not outage['probability']:
        return 1.0
    between_s, every_s = outage['check_interval_s'], 1 / outage['probability']
    # The phase of a fixed interval is drawn: the first draw comes after half of it.
    up_s = lengths.mean(between_s) * every_s if lengths.is_length(between_s) else between_s * (every_s - 0.5)
    return up_s / (up_s + lengths.mean(outage['duration_s']))


def why_unstable(settings, rows):
    # type: (Dict[str, Any], Sequence[Dict[str, Any]]) -> str | None
    """Why a scenario is unstable, or None if it is not, as far as its settings and rows tell."""
    if 'recording' in settings:
        # The number of tasks is that of the recording.
        return None
    clients = scenario.variants(settings, CLIENT)
    open_loops = [client for client in clients if lengths.mean(client['task_interval_s']) > 0]
    if not open_loops or all(client['on_refused'] == GIVE_UP for client in open_loops) \
            and settings['dispatcher']['pending_max'] < 10000:
        # Closed loops and refusals keep the queue short by themselves.
        return None
    load = offered_load(settings)
    if load is not None and load > 1 + ROUNDING:
        return 'the work that arrives is %.*f times what the calculators can do' % (2 if load >= 1.01 else 4, load)
    if len(rows) < 3:
        return None
    arrived = sum([row['tasks'] for row in rows]) / len(rows)
    growth = statistics.replication_interval([row['backlog'][1] - row['backlog'][0] for row in rows], CONFIDENCE)
    if growth is not None and growth['low'] > max(1.0, LEFT_OVER * arrived / 2):
        return 'the number of open tasks grows by %.0f in the second half of the time' % growth['value']
    segments = [segment for row in rows for segment in row['segments']]
    busy_s, in_order_s = (sum([segment[name] for segment in segments]) for name in ('busy_s', 'in_order_s'))
    tasks = sum([segment['tasks'] for segment in segments])
    done = sum([segment['ends'].get(DONE, 0) for segment in segments])
    if tasks and busy_s > BUSY * in_order_s and done < (1 - UNANSWERED) * tasks:
        return 'the calculators are busy all the time and %.0f %% of the tasks are not answered' % (
            100 - 100 * done / tasks)
    return None


def _groups(settings, role):
    # type: (Dict[str, Any], str) -> Any
    """(how many, complete settings) of each group."""
    groups = settings[role + 's']
    counts = [group['count'] for group in groups] if type(groups) is list else [groups]
    return zip(counts, scenario.variants(settings, role))
