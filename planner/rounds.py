"""Runs the replications of a study in the processes of a pool."""

from __future__ import absolute_import, division, print_function

MYPY = False
if MYPY:
    from typing import Any, Iterator, List, Tuple  # noqa: F401

#: How often a replication is tried whose process is killed.
TRIES_MAX = 3


class KilledTooOften(Exception):
    """The process of one replication was killed each time; the text is one line."""


def replications(study, pool):
    # type: (Any, Any) -> Iterator[int]
    """Run replications until the study has its answer. Yields their number after each one."""
    done = 0
    while True:
        pieces = study.pieces()
        if not pieces:
            return
        for number, row in _rows(study, pool, pieces):
            study.take(number, row)
            done += 1
            yield done


def _rows(study, pool, pieces):
    # type: (Any, Any, List[Tuple[int, int]]) -> Iterator[Tuple[int, Any]]
    """(number of a point, row) for each piece. A piece whose process was killed is done again."""
    for _ in range(TRIES_MAX):
        again = []
        results = pool.results([(seed, study.points[number].settings) for number, seed in pieces], lambda *_: None)
        # Not ``zip``, which on 2.7 takes all results before the loop begins.
        for place, row in enumerate(results):
            if row is None:
                again.append(pieces[place])
            else:
                yield pieces[place][0], row
        if not again:
            return
        pieces = again
    raise KilledTooOften('the process of seed %d was killed %d times: is there enough memory?' % (
        pieces[0][1], TRIES_MAX))


def progress(study, done, passed_s, budget_s):
    # type: (Any, int, float, float | None) -> str
    """How far a study is after ``done`` replications, and about how long the rest takes."""
    left = study.left
    left_s = [left * passed_s / done] if left else []
    if budget_s is not None:
        left_s.append(budget_s - passed_s)
    return study.progress + (', about %.0f s left' % min(left_s) if left_s else '')
