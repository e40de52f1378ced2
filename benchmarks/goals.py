"""The goals, each a ratio or a bound within one run on one machine, and what was measured beside them."""

from __future__ import absolute_import, division, print_function

from benchmarks.figures import median, summary
from benchmarks.questions import overload
from benchmarks.questions.comparison import first_of_ours
from benchmarks.rounds import figures, good_runs, ratio
from benchmarks.tables import number, spread, table

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List  # noqa: F401

AT_LEAST = 'at least'
AT_MOST = 'at most'


class Goal(object):
    """One bound. ``measure(section)`` returns a summary of what was found, None where that was not measured."""

    def __init__(self, text, sense, bound, question, measure):
        # type: (str, str, Any, str, Callable[[Any], Any]) -> None
        self.text = text
        self.question = question
        self._sense = sense
        self._bound = bound
        self._measure = measure

    def judged(self, questions):
        # type: (Dict[str, Any]) -> List[str]
        """Goal, bound, ours, and whether it is met."""
        section = questions.get(self.question) or {'failed': 'not asked'}
        found = None if 'failed' in section else self._measure(section)
        bound = self._bound(section) if callable(self._bound) and found is not None else self._bound
        shown_bound = '%s %s' % (self._sense, number(bound)) if not callable(bound) else 'see there'
        if found is None or found['median'] is None:
            return [self.text, shown_bound, '-', 'not measured']
        shown_bound = '%s %s' % (self._sense, number(bound))
        return [self.text, shown_bound, spread(found), reason_not_to_judge(section)
                or verdict(found['median'], self._sense, bound)]


def reason_not_to_judge(section):
    # type: (Any) -> str
    """Why the figures of a section are none to compare with a goal; empty where they are."""
    if section.get('even_disturbed'):
        return 'not judged: disturbed runs are counted'
    if section.get('options', {}).get('size', 1) != 1:
        return 'not judged: of size %g' % section['options']['size']
    return ''


def verdict(value, sense, bound):
    # type: (float, str, float) -> str
    """Whether a figure keeps its bound, or by how much it does not."""
    if value >= bound if sense == AT_LEAST else value <= bound:
        return 'met'
    return 'missed: %s of the bound' % number(value / bound)


def _even(section):
    # type: (Dict[str, Any]) -> bool
    return bool(section.get('even_disturbed'))


def _to(theirs, figure):
    # type: (str, str) -> Callable[[Any], Any]
    """Ours over theirs."""
    def measure(section):
        # type: (Any) -> Any
        ours = first_of_ours(section)
        return None if ours is None else ratio(section['runs'], ours, theirs, figure, _even(section))
    return measure


def _between(ours, theirs, figure):
    # type: (Callable[[str], bool], Callable[[str], bool], str) -> Callable[[Any], Any]
    """One of ours over another: the last of each kind that was measured."""
    def measure(section):
        # type: (Any) -> Any
        sides = [[name for name in section['order'] if wanted(name)] for wanted in (ours, theirs)]
        if not all(sides):
            return None
        return ratio(section['runs'], sides[0][-1], sides[1][0], figure, _even(section))
    return measure


def _figure(wanted, figure):
    # type: (Callable[[str], bool], str) -> Callable[[Any], Any]
    """A figure of one of ours: the last of that kind that was measured."""
    def measure(section):
        # type: (Any) -> Any
        names = [name for name in section['order'] if wanted(name)]
        return figures(section['runs'], names[-1], _even(section)).get(figure) if names else None
    return measure


def _tail(system):
    # type: (str) -> Callable[[Any], Any]
    """p99 over p50, run by run; of the first of ours where no system is named."""
    def measure(section):
        # type: (Any) -> Any
        name = system or first_of_ours(section) or ''
        return summary(run['p99_us'] / run['p50_us'] for run in good_runs(section['runs'], name, _even(section)))
    return measure


def _tail_bound(section):
    # type: (Any) -> float
    """2, or what the machine does to a bare relay where that is more."""
    relay = _tail('relay_bare')(section)['median']
    return 2.0 if relay is None else max(2.0, relay)


def _memory(section):
    # type: (Any) -> Any
    name = first_of_ours(section)
    if name is None:
        return None
    found = figures(section['runs'], name, even_disturbed=True)
    sizes = [figure for figure in found if figure.startswith('bytes_per_task_')]
    return found[max(sizes, key=lambda figure: int(figure.rsplit('_', 1)[1]))] if sizes else None


def _start(section):
    # type: (Any) -> Any
    starts = section.get('starts') or {}
    return summary([median(starts[name]['start_s'] for name in sorted(starts)[-1:])]) if starts else None


def _has(*parts):
    # type: (*str) -> Callable[[str], bool]
    return lambda name: name.startswith('ours-') and all(part in name for part in parts)


def _plain(name):
    # type: (str) -> bool
    return name.startswith('ours-') and name.count('-') == 1


GOALS = (
    Goal('throughput, over NATS', AT_LEAST, 1.0, 'throughput', _to('nats', 'tasks_per_s')),
    Goal('throughput, over Majordomo', AT_LEAST, 4.0, 'throughput', _to('majordomo', 'tasks_per_s')),
    Goal('throughput, over the coalescing relay', AT_LEAST, 0.35, 'throughput', _to('relay_coalescing', 'tasks_per_s')),
    Goal('throughput on 2.7, over ours on 3.x', AT_LEAST, 0.7, 'throughput',
         _between(_has('ours-2.7'), _plain, 'tasks_per_s')),
    Goal('dispatcher CPU a task, over gearmand', AT_MOST, 0.5, 'throughput', _to('gearman_minimal', 'broker_us')),
    Goal('latency p50, over gearmand, minimal client', AT_MOST, 1.0, 'latency', _to('gearman_minimal', 'p50_us')),
    Goal('latency p99, over p50 (bound: 2, or the bare relay\'s)', AT_MOST, _tail_bound, 'latency', _tail('')),
    Goal('CPU a task with 10,000 calculators, over 2', AT_MOST, 1.2, 'scale',
         _between(_has('-bystanders-'), _has('-base'), 'broker_us')),
    Goal('CPU a task with 1,000,000 waiting, over 100', AT_MOST, 1.2, 'scale',
         _between(_has('-waiting-'), _has('-waiting-'), 'broker_us')),
    Goal('memory of a waiting task, bytes', AT_MOST, 1024.0, 'memory', _memory),
    Goal('start with a journal of 1,000,000 tasks, s', AT_MOST, 30.0, 'journal', _start),
    Goal('evenness among 1,000 clients', AT_LEAST, 0.95, 'scale', _figure(_has('-clients-'), 'evenness')),
    Goal('throughput with a journal, over without', AT_LEAST, 0.3, 'journal',
         _between(lambda name: name.endswith('-journal') and '2.7' not in name, _plain, 'tasks_per_s')),
    Goal('throughput with a key, over without', AT_LEAST, 0.8, 'key',
         _between(lambda name: name.endswith('-key') and '2.7' not in name, _plain, 'tasks_per_s')),
    Goal('from a death to all its tasks running elsewhere, s', AT_MOST, lambda section: section['bound_s'], 'recovery',
         _figure(_has('-death'), 'last_s')),
    Goal('a batch with failures, over the best possible', AT_MOST, 1.1, 'recovery', _figure(_has('-batch'), 'of_best')),
    Goal('goodput at twice the rate, calculators the limit, over the most', AT_LEAST, 0.9, 'overload',
         _figure(_has('-slow'), 'goodput_share')),
    Goal('goodput at twice the rate, processors the limit, 1 client, over the most', AT_LEAST, 0.9, 'overload',
         _figure(lambda name: name.endswith('-quick'), 'goodput_share')),
    Goal('goodput at twice the rate, processors the limit, 100 clients, over the most', AT_LEAST, 0.9, 'overload',
         _figure(_has('-quick-many'), 'goodput_share')),
    Goal('p99 of accepted tasks under overload, s (queue: %d s)' % overload.QUEUE_S, AT_MOST, 1.5 * overload.QUEUE_S,
         'overload', _figure(_has('-slow'), 'p99_s')),
    Goal('from the end of the overload to normal, s', AT_MOST, 10.0, 'overload',
         _figure(_has('-slow'), 'normal_after_s')),
    Goal('submits for each task that is done under overload', AT_MOST, 2.0, 'overload',
         _figure(_has('-slow'), 'submits_per_task')),
)


def lines(questions):
    # type: (Dict[str, Any]) -> List[str]
    """The table of goals."""
    return table(('goal', 'bound', 'ours', ''), [goal.judged(questions) for goal in GOALS])
