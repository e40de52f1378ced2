"""Answers of the dispatcher about tasks, as plain values for programs."""

from __future__ import absolute_import, division, print_function

from common import report

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

#: The fields of a failed task.
FAILED_FIELDS = ('task', 'function', 'payload', 'reason', 'attempts', 'ago_s', 'history')


def task_as_values(task_id, rows):
    # type: (str, List[Any] | None) -> Dict[str, Any]
    """``rows`` are those of a report; None if there was no answer."""
    facts = {row[1]: row[2] for row in rows or () if row[0] == report.FACTS}
    values = {'task_id': task_id, 'state': None, 'client': None, 'reason': None, 'accepted_s': None, 'ended_s': None,
              'deadline_in_s': None}  # type: Dict[str, Any]
    values.update(facts.get(report.TASK, {}))
    values.update(answers=rows is not None, waits_for=facts.get(report.WAITS_FOR), next=facts.get(report.NEXT),
                  attempts=[report.as_record(row) for row in rows or () if row[0] == report.TRY])
    return values


def failed_as_values(rows):
    # type: (List[Any]) -> List[Dict[str, Any]]
    """``rows`` are those of an answer to ``failed``."""
    return [dict(zip(FAILED_FIELDS, row)) for row in rows]
