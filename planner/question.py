"""A question of the command line: the study that finds its answer, and the forms of the answer."""

from __future__ import absolute_import, division, print_function

from planner import answers
from planner.recording import FROM_RECORDING
from planner.study import Find, Point, Vary
from planner.target import QuestionError, Target, points_of, values_of

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Sequence  # noqa: F401

    from planner.recording import Recording  # noqa: F401

#: The default precision, as a share.
PRECISION = 0.02


class Question(object):
    """``vary`` are texts ``KEY=VALUES``, ``find`` is one, and ``target`` belongs to ``find``. With neither, the
    scenario itself is measured. ``as_json`` reads JSON. Raises ``QuestionError`` or ``SettingRefused``.
    """

    def __init__(self, settings, as_json, precision, seed, vary=(), find=None, target=None, recording=None):
        # type: (Any, Callable[[str], Any], float, int, Sequence[str], str | None, str | None, Recording | None) -> None
        keys = [values_of(text, as_json) for text in ([find] if find is not None else vary)]
        for number, (key, _) in enumerate(keys):
            if key in [other for other, _ in keys[:number]]:
                raise QuestionError('%s is varied twice: give all its values at once, with commas' % key)
        points = [Point(*made) for made in points_of(settings, keys)]
        if recording is not None:
            for point in points:
                point.settings['recording'] = recording
            for key, _ in keys:
                if set(key.split('.')) & FROM_RECORDING:
                    raise QuestionError('%s cannot be varied: the recording has its values' % key)
        #: The keys whose values differ between points.
        self.keys = [key for key, _ in keys]
        if find is not None:
            self.study = Find(points, Target(str(target)), precision, seed)  # type: Any
            self._forms = answers.find_dict, answers.find_lines  # type: Any
        else:
            self.study = Vary(points, precision, seed)
            self._forms = (answers.vary_dict, answers.vary_lines) if vary else (
                answers.measure_dict, answers.measure_lines)

    def as_dict(self):
        # type: () -> Dict[str, Any]
        """The answer so far, for programs."""
        found = self._forms[0](self.study)  # type: Dict[str, Any]
        return found

    def as_lines(self):
        # type: () -> List[str]
        """The answer so far, for people."""
        found = self._forms[1](self.study)  # type: List[str]
        return found
