"""A question and its answer as one self-contained page, drawn with the charts of the monitor's page."""

from __future__ import absolute_import, division, print_function

import re

from planner.answers import point_dict

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List  # noqa: F401

#: The files of ``monitor/page`` and ``planner`` that a report contains: the style, then the scripts in the order of
#: their imports.
FILES = ('page.css', 'tools.js', 'charts.js', 'report.js')

_PAGE = u"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>What if: %(title)s</title>
<style>
%(style)s
#charts { display: contents; } #charts section { grid-column: span 6; }
#charts canvas { width: 100%%; height: 220px; display: block; }
#tip { position: fixed; white-space: pre; } pre { margin: 0; overflow-x: auto; }
#command { white-space: pre-wrap; overflow-wrap: anywhere; }
#points { overflow-x: auto; } td, th { text-align: left; padding: .15rem .8rem .15rem 0; }
@media (max-width: 60rem) { #charts section { grid-column: span 12; } }
</style>
</head>
<body>
<header><h1>What if</h1><p>%(title)s</p></header>
<main>
  <section><h2>Answer</h2><pre id="answer"></pre></section>
  <div id="charts"></div>
  <section id="points"><h2>Points</h2></section>
  <section><h2>To repeat it</h2><pre id="command"></pre></section>
  <section><details><summary>The whole scenario</summary><pre id="scenario"></pre></details></section>
</main>
<div id="tip" hidden></div>
<noscript><p>The charts need JavaScript.</p></noscript>
<script type="application/json" id="report">%(report)s</script>
<script type="module">
%(script)s
</script>
</body>
</html>
"""


def contents(study, keys, command, lines, scenario):
    # type: (Any, List[str], str, List[str], Dict[str, Any]) -> Dict[str, Any]
    """The contents of the page as plain values. ``scenario`` is the scenario without the variation."""
    points = []
    for point in study.points:
        if not point.number and point.why_unstable() is None:
            continue
        found = dict(point_dict(point, study.has_reached(point)), settings=dict(point.changes))
        measures = point.measures() if found['measures'] is not None else None
        if measures is not None and found['measures']['response_time_s']['mean'] is not None:
            times = {name: leaf['value'] for name, leaf in found['measures']['response_time_s'].items()}
            buckets = measures.distribution()
            found['times'] = dict(times, buckets=buckets, number=sum([bucket[1] for bucket in buckets]))
        points.append(found)
    return {'points': points, 'keys': keys, 'command': command, 'lines': lines, 'scenario': scenario}


def page(title, found, as_json, style, scripts):
    # type: (str, Dict[str, Any], Callable[[Any], str], str, List[str]) -> str
    """The page as a text. ``style`` and ``scripts`` are the texts of ``FILES``."""
    # All scripts become one module, which needs no imports and exports.
    script = '\n'.join([re.sub(r'(?m)^import .*$|^export ', '', text) for text in scripts])
    # Escaped, so that no text of a scenario ends the ``script`` element.
    report = as_json(found).replace('<', '\\u003c')
    return _PAGE % {'title': _escaped(title), 'style': style, 'report': report, 'script': script}


def _escaped(text):
    # type: (str) -> str
    return text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')
