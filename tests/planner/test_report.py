"""The report: one page without other files, which no text of a scenario can change."""

from __future__ import absolute_import, division, print_function

import io
import json
import os
import re
import subprocess

import pytest

from planner import report
from tests.planner.programs import PROGRAM, SCENARIO, simulator

NODE = next((os.path.join(path, 'node') for path in os.environ.get('PATH', '').split(os.pathsep)
             if os.path.exists(os.path.join(path, 'node'))), None)


@pytest.fixture(scope='module')
def page(tmpdir_factory):
    folder = tmpdir_factory.mktemp('report')
    scenario, target = folder.join('scenario.json'), folder.join('report.html')
    scenario.write(json.dumps(SCENARIO))
    output, _ = simulator('-s', str(scenario), '--vary', 'calculators=1,4,5', '--precision', '0.5',
                          '--report', str(target)).communicate()
    with io.open(str(target), encoding='utf-8') as file:
        return file.read(), output.decode('utf-8')


def element(text, attributes):
    found = re.search(r'<script %s>(.*?)</script>' % attributes, text, re.S)
    assert found is not None
    return found.group(1)


def shown(text):
    return json.loads(element(text, 'type="application/json" id="report"'))


def script(text):
    return element(text, 'type="module"')


def test_the_report_has_the_answer_and_the_command_that_repeats_it(page):
    text, output = page
    found = shown(text)
    assert found['lines'] == output.rstrip('\n').split('\n')
    assert found['command'].startswith('python3 run_simulator.py -s ')
    assert '--vary calculators=1,4,5 --precision 0.5' in found['command']
    assert found['keys'] == ['calculators'] and found['scenario']['duration_s'] == 30
    assert [point['settings'] for point in found['points']] == [{'calculators': number} for number in (1, 4, 5)]
    assert found['points'][0]['measures'] is None and found['points'][0]['reason']
    times = found['points'][1]['times']
    assert times['number'] == sum(number for _, number in times['buckets']) > 500
    assert times['buckets'] == sorted(times['buckets'])


def test_the_report_loads_no_other_file(page):
    text, _ = page
    assert not re.search(r'(?m)\b(src|href)=|@import|^import |^export |https?://(?!www\.w3\.org/2000/svg)', text)


def test_the_charts_are_those_of_the_monitor(page):
    assert 'function plot(canvas' in script(page[0]) and 'function drawTimes(canvas' in script(page[0])
    with io.open(os.path.join(os.path.dirname(PROGRAM), 'planner', 'report.js'), encoding='utf-8') as file:
        assert 'getContext' not in file.read()


@pytest.mark.skipif(NODE is None, reason='needs node')
def test_the_script_has_no_syntax_error(page, tmpdir):
    path = tmpdir.join('script.mjs')
    path.write_text(script(page[0]), 'utf-8')
    subprocess.check_call([str(NODE), '--check', str(path)])


def test_texts_of_a_scenario_are_escaped():
    text = report.page(u'<b>', {'command': u'</script><script>alert(1)</script>'}, json.dumps, u'', [])
    assert text.count('<script') == 2 and '<b>' not in text
    assert shown(text) == {'command': u'</script><script>alert(1)</script>'}


def test_a_report_that_cannot_be_written_is_an_error_before_the_simulation(start, tmpdir):
    process = start('--measure', '--precision', '0.9', '--report', str(tmpdir.join('no', 'report.html')))
    output, errors = process.communicate()
    assert process.returncode == 2 and not output
    assert b'cannot write the report' in errors
