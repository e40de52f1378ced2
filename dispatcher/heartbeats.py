"""The contents of heartbeats: pages, ranges of assignments, and the memory that they take.

Ranges are not expanded to be compared: two numbers can name thousands of attempts.
"""

from __future__ import absolute_import, division, print_function

from bisect import bisect_left, bisect_right

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterator, List, Tuple  # noqa: F401

#: Bytes of memory of a calculator's record, an orphan, a page, and a range: between the figures of 3.11 and of 2.7.
CALCULATOR_BYTES = 3000
ORPHAN_BYTES = 300
PAGE_BYTES = 250
RANGE_BYTES = 150


class Pages(object):
    """The received pages of one heartbeat."""

    __slots__ = ('kept', 'named', 'bytes')

    def __init__(self):
        # type: () -> None
        # Page -> (number of its datagram, ranges of assignments, orphans).
        self.kept = {}  # type: Dict[int, Tuple[int, List[List[int]], List[str]]]
        #: The number of attempts that they name.
        self.named = 0
        self.bytes = 0

    def put(self, page, named, number, held, orphans):
        # type: (int, int, int, List[List[int]], List[str]) -> None
        if page not in self.kept:
            self.kept[page] = number, held, orphans
            self.named += named
            self.bytes += page_size(held, orphans)

    def joined(self):
        # type: () -> Any
        """The same three values of the whole heartbeat. It is as old as the first of its datagrams."""
        everything = [self.kept[page] for page in sorted(self.kept)]
        return (min([number for number, _, _ in everything]),
                sorted([pair for _, held, _ in everything for pair in held]),
                [task_id for _, _, orphans in everything for task_id in orphans])


def page_size(held, orphans):
    # type: (List[List[int]], List[str]) -> int
    return PAGE_BYTES + len(held) * RANGE_BYTES + len(orphans) * ORPHAN_BYTES


def compare(held, known):
    # type: (Any, List[int]) -> Tuple[List[int], List[int], List[Tuple[int, int]]]
    """The known numbers that are held, those that are not held, and ranges of unknown held numbers. All ascend."""
    named, missing, unknown = [], [], []  # type: List[int], List[int], List[Tuple[int, int]]
    at = 0
    for first, last in held:
        begin = bisect_left(known, first, at)
        end = bisect_right(known, last, begin)
        missing += known[at:begin]
        inside = known[begin:end]
        named += inside
        if len(inside) <= last - first:
            for number in inside:
                if first < number:
                    unknown.append((first, number - 1))
                first = number + 1
            if first <= last:
                unknown.append((first, last))
        at = end
    missing += known[at:]
    return named, missing, unknown


def in_both(ranges, others):
    # type: (List[Tuple[int, int]], List[Tuple[int, int]]) -> Iterator[int]
    """The numbers that two lists of ascending ranges have in common."""
    at = 0
    for first, last in ranges:
        while at < len(others) and others[at][1] < first:
            at += 1
        below = at
        while below < len(others) and others[below][0] <= last:
            for number in range(max(first, others[below][0]), min(last, others[below][1]) + 1):
                yield number
            below += 1
