"""The goals, each a ratio or a bound within one run on one machine, and the verdict on each."""

from __future__ import absolute_import, division, print_function

from benchmarks.figures import median, summary
from benchmarks.questions import overload
from benchmarks.questions.comparison import first_of_ours
from benchmarks.questions.memory import sizes
from benchmarks.questions.simulation import P50_OF_0_1_0_S
from benchmarks.rounds import figures, good_runs, ratio
from benchmarks.tables import number, spread, table

AT_LEAST = 'at least'
AT_MOST = 'at most'


class Goal(object):
    """One bound, and optionally a better value to reach for. ``measure(section)`` returns a summary, or None if it was
    not measured. ``bound`` is a number or a function of the section.
    """

    def __init__(self, text, sense, bound, question, measure, reach=None):
        self.text = text
        self.question = question
        self._sense = sense
        self._bound = bound
        self._measure = measure
        self._reach = reach

    def judged(self, questions):
        """Goal, bound, ours, and the verdict."""
        section = questions.get(self.question) or {'failed': 'not asked'}
        found = None if 'failed' in section else self._measure(section)
        if found is None or found['median'] is None:
            shown = 'computed' if callable(self._bound) else self._shown(self._bound)
            return [self.text, shown, '-', 'not measured']
        bound = self._bound(section) if callable(self._bound) else self._bound
        return [self.text, self._shown(bound), spread(found),
                reason_not_to_judge(section) or self._verdict(found['median'], bound)]

    def _shown(self, bound):
        reach = '' if self._reach is None else '; reach for %s' % number(self._reach)
        return '%s %s%s' % (self._sense, number(bound), reach)

    def _verdict(self, value, bound):
        if not self._is_kept(value, bound):
            return 'missed: %s of the bound' % number(value / bound)
        return 'reached' if self._reach is not None and self._is_kept(value, self._reach) else 'met'

    def _is_kept(self, value, bound):
        return value >= bound if self._sense == AT_LEAST else value <= bound


def reason_not_to_judge(section):
    """Why the figures of a section cannot be compared with a goal; empty if they can."""
    if section['even_disturbed']:
        return 'not judged: disturbed runs are counted'
    if section.get('options', {}).get('size', 1) != 1:
        return 'not judged: of size %g' % section['options']['size']
    return ''


def _over(theirs, figure):
    """A figure of the first of ours over theirs."""
    def measure(section):
        ours = first_of_ours(section)
        return None if ours is None else ratio(section['runs'], ours, theirs, figure, section['even_disturbed'])
    return measure


def _between(ours, theirs, figure):
    """The last of ours that ``ours`` selects over the first that ``theirs`` selects."""
    def measure(section):
        sides = [[name for name in section['order'] if wanted(name)] for wanted in (ours, theirs)]
        if not all(sides):
            return None
        return ratio(section['runs'], sides[0][-1], sides[1][0], figure, section['even_disturbed'])
    return measure


def _figure(wanted, figure, place=-1):
    """A figure of the last of ours that ``wanted`` selects."""
    def measure(section):
        names = [name for name in section['order'] if wanted(name)]
        return figures(section['runs'], names[place], section['even_disturbed']).get(figure) if names else None
    return measure


def _first(figure):
    """A figure of the first of ours."""
    return _figure(_has(), figure, 0)


def _tail(system=None):
    """p99 over p50, run by run; of the first of ours if no system is named."""
    def measure(section):
        name = system or first_of_ours(section)
        runs = good_runs(section['runs'], name, section['even_disturbed'])
        return summary(run['p99_us'] / run['p50_us'] for run in runs)
    return measure


def _tail_bound(section):
    """2, or the tail of the relay on this machine if that is longer."""
    return max(2.0, _tail('relay')(section)['median'] or 0.0)


def _waiting_bytes(section):
    name = first_of_ours(section)
    found = {} if name is None else figures(section['runs'], name, even_disturbed=True)
    return found['bytes_per_task_%d' % sizes(found)[-1]] if found else None


def _start(section):
    """The start with a long journal, of the newest Python."""
    starts = section.get('starts') or {}
    return summary([median(starts[name]['start_s'] for name in sorted(starts)[-1:])]) if starts else None


def _has(*parts):
    return lambda name: name.startswith('ours-') and all(part in name for part in parts)


def _ends(part):
    return lambda name: name.startswith('ours-3') and name.endswith(part)


def _plain(name):
    return name.startswith('ours-') and name.count('-') == 1


_SLOW = _has('-slow')

GOALS = (
    Goal('processor time per task, all processes, over NATS', AT_MOST, 1.2, 'throughput',
         _over('nats', 'total_us'), 1.0),
    Goal('throughput, over NATS', AT_LEAST, 0.85, 'throughput', _over('nats', 'tasks_per_s'), 1.0),
    Goal('throughput, over gearmand, minimal clients', AT_LEAST, 1.4, 'throughput',
         _over('gearman_minimal', 'tasks_per_s')),
    Goal('throughput, over Redis Streams', AT_LEAST, 2.0, 'throughput', _over('redis_streams', 'tasks_per_s')),
    Goal('throughput, over JetStream in memory', AT_LEAST, 2.5, 'throughput', _over('jetstream', 'tasks_per_s')),
    Goal('throughput, over Majordomo', AT_LEAST, 7.0, 'throughput', _over('majordomo', 'tasks_per_s')),
    Goal('throughput, over the relay', AT_LEAST, 0.35, 'throughput', _over('relay', 'tasks_per_s')),
    Goal('throughput on 2.7, over ours on 3.x', AT_LEAST, 0.55, 'throughput',
         _between(_has('ours-2.7'), _plain, 'tasks_per_s'), 0.6),
    Goal('dispatcher, processor time per task, over gearmand', AT_MOST, 0.6, 'throughput',
         _over('gearman_minimal', 'broker_us')),
    Goal('latency p50, over NATS', AT_MOST, 1.2, 'latency', _over('nats', 'p50_us'), 1.1),
    Goal('latency p50, over gearmand, minimal clients', AT_MOST, 1.9, 'latency',
         _over('gearman_minimal', 'p50_us'), 1.7),
    Goal("latency p99, over p50 (bound: 2, or the relay's)", AT_MOST, _tail_bound, 'latency', _tail()),
    Goal('worker killed, until its task runs elsewhere, defaults, s', AT_MOST, 1.0, 'detection', _first('killed_s')),
    Goal('from a death to all its tasks running elsewhere, s', AT_MOST, lambda section: section['bound_s'], 'recovery',
         _figure(_has('-death'), 'last_s')),
    Goal('a batch with failures, over the best possible', AT_MOST, 1.1, 'recovery', _figure(_has('-batch'), 'of_best')),
    Goal('dispatcher, processor time per task with 10,000 calculators, over 2', AT_MOST, 1.2, 'scale',
         _between(_has('-bystanders-'), _has('-base'), 'broker_us')),
    Goal('dispatcher, processor time per task with 1,000,000 waiting, over 100', AT_MOST, 1.2, 'scale',
         _between(_has('-waiting-'), _has('-waiting-'), 'broker_us')),
    Goal('evenness among 1,000 clients', AT_LEAST, 0.95, 'scale', _figure(_has('-clients-'), 'evenness')),
    Goal('memory of a waiting task, bytes', AT_MOST, 1024.0, 'memory', _waiting_bytes),
    # Nothing is kept, but the heap of the interpreter may grow by a page or two.
    Goal('memory of a finished task, bytes', AT_MOST, 5.0, 'memory', _first('bytes_per_finished_task')),
    Goal('start with a journal of 1,000,000 tasks, s', AT_MOST, 30.0, 'journal', _start),
    Goal('throughput with a journal, over without', AT_LEAST, 0.3, 'journal',
         _between(_ends('-journal'), _plain, 'tasks_per_s')),
    Goal('throughput with a key, over without', AT_LEAST, 0.8, 'key', _between(_ends('-key'), _plain, 'tasks_per_s')),
    Goal('goodput at twice the rate, calculators the limit, over the best rate', AT_LEAST, 0.9, 'overload',
         _figure(_SLOW, 'goodput_share')),
    Goal('goodput at twice the rate, processors the limit, 1 client, over the best rate', AT_LEAST, 0.9, 'overload',
         _figure(_ends('-quick'), 'goodput_share')),
    Goal('goodput at twice the rate, processors the limit, 100 clients, over the best rate', AT_LEAST, 0.9, 'overload',
         _figure(_has('-quick-many'), 'goodput_share')),
    Goal('p99 of accepted tasks under overload, s (queue: %d s)' % overload.QUEUE_S, AT_MOST, 1.5 * overload.QUEUE_S,
         'overload', _figure(_SLOW, 'p99_s')),
    Goal('from the end of the overload to normal, s', AT_MOST, 10.0, 'overload', _figure(_SLOW, 'normal_after_s')),
    Goal('submits for each task that is done under overload', AT_MOST, 2.0, 'overload',
         _figure(_SLOW, 'submits_per_task')),
    Goal('map over trivial calls, over ProcessPoolExecutor', AT_LEAST, 0.5, 'work', _over('pool', 'calls_per_s_1')),
    Goal('the same in chunks of 100', AT_LEAST, 0.8, 'work', _over('pool', 'calls_per_s_100')),
    Goal('one call, over a notional task of zero duration, p50', AT_MOST, 2.0, 'work', _first('call_over_notional')),
    Goal('simulator: p50 with 30 % loss, over that of 0.1.0', AT_MOST, 0.35, 'simulation', lambda section: summary(
        run['lossy_p50_s'] / P50_OF_0_1_0_S for run in section['runs'] if 'lossy_p50_s' in run)),
    Goal('simulator, preset "busy": tasks per second of processor time', AT_LEAST, 6000.0, 'simulation',
         _first('tasks_per_cpu_s')),
)


def lines(questions):
    """The table of goals."""
    return table(('goal', 'bound', 'ours', ''), [goal.judged(questions) for goal in GOALS])
