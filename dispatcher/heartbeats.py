"""What heartbeats leave in the table of calculators: pages that wait for the others, and the memory that it takes."""

from __future__ import absolute_import, division, print_function

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

#: What a record of a calculator, an attempt that another incarnation of the dispatcher assigned, one whose assignment
#: we do not know, a page, and a range in it take in memory: between the figures of 3.11 and those of 2.7.
CALCULATOR_BYTES = 3000
ORPHAN_BYTES = 300
UNKNOWN_BYTES = 100
PAGE_BYTES = 250
RANGE_BYTES = 150


class Pages(object):
    """The pages of one heartbeat that are here."""

    __slots__ = ('kept', 'named', 'bytes')

    def __init__(self):
        # type: () -> None
        # Page -> (number of its datagram, ranges of assignments, orphans).
        self.kept = {}  # type: Dict[int, Tuple[int, List[List[int]], List[str]]]
        #: So many attempts are named in them.
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
        """The same of the whole heartbeat, which is as old as the first of its datagrams."""
        everything = [self.kept[page] for page in sorted(self.kept)]
        return (min([number for number, _, _ in everything]), [pair for _, held, _ in everything for pair in held],
                [task_id for _, _, orphans in everything for task_id in orphans])


def page_size(held, orphans):
    # type: (List[List[int]], List[str]) -> int
    return PAGE_BYTES + len(held) * RANGE_BYTES + len(orphans) * ORPHAN_BYTES
