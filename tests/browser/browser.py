"""A headless Chromium, and a real system behind a real page."""

from __future__ import absolute_import, division, print_function

import contextlib
import io
import json
import os
import shutil
import tempfile
import urllib.request

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from tests.source_tree import ROOT
from tests.system.processes import System, eventually

AXE = os.path.join(ROOT, '.venv', 'browser', 'npm', 'node_modules', 'axe-core', 'axe.min.js')
LIGHT, DARK = 'light', 'dark'
DESK, PHONE = (1400, 1000), (390, 844)

#: What the demo is like: short heartbeats, so that a death is noticed in 2.5 s.
CALCULATOR = {'heartbeat_interval_s': 0.5, 'capacity': 2, 'task_duration_s': [0.5, 1.5]}


class Browser(object):
    """One window. ``find`` and ``text`` look by CSS selector."""

    def __init__(self):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which('chromium')
        # As root in a container there is no sandbox, and little shared memory. Only our own page is opened.
        for argument in ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
                         '--hide-scrollbars', '--force-color-profile=srgb'):
            options.add_argument(argument)
        options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which('chromedriver')))

    def look(self, size=DESK, scheme=LIGHT, is_calm=False, scale=1):
        """A window of that size, in light or dark, for somebody who wants motion or not."""
        self.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
            'width': size[0], 'height': size[1], 'deviceScaleFactor': scale, 'mobile': size[0] < 600})
        self.driver.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [
            {'name': 'prefers-color-scheme', 'value': scheme},
            {'name': 'prefers-reduced-motion', 'value': 'reduce' if is_calm else 'no-preference'}]})

    def open(self, address):
        self.driver.get(address)
        eventually(lambda: self.text('#answer') not in ('', 'connecting'), 'the page has got its first message')

    def find(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        """The text of all that fit, as the page has it now; '' where there is none."""
        return self.run('return [...document.querySelectorAll(arguments[0])].map(node => node.textContent).join("\\n")',
                        selector)

    def texts(self, selector):
        return self.run('return [...document.querySelectorAll(arguments[0])].map(node => node.textContent)', selector)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def complaints(self):
        """What the browser itself complained of since last asked: errors of the page, and of its policy."""
        return [entry for entry in self.driver.get_log('browser') if entry['level'] in ('SEVERE', 'WARNING')]

    def accessibility(self):
        """What axe-core finds: a list of (impact, rule, where)."""
        # Not through a script element, which the page's policy forbids.
        with io.open(AXE, encoding='utf-8') as source:
            self.run(source.read())
        found = self.driver.execute_async_script(
            'const done = arguments[arguments.length - 1];'
            'axe.run(document, {resultTypes: ["violations"]}).then(result => done(result.violations));')
        return [(rule['impact'], rule['id'], [node['target'] for node in rule['nodes']][:5]) for rule in found]

    def screenshot(self, path, height=None):
        """A picture of the window, or of so many pixels of the page."""
        if height is not None:
            width = self.run('return window.innerWidth')
            self.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
                'width': width, 'height': height, 'deviceScaleFactor': 1, 'mobile': width < 600})
        self.driver.save_screenshot(path)

    def close(self):
        self.driver.quit()


class Page(object):
    """``run_monitor.py --http`` of a system's dispatcher."""

    def __init__(self, system, dispatcher):
        self.process = system.run('monitor', 'monitor', [
            '--dispatcher', '%s:%d' % dispatcher.address, '--http', '127.0.0.1:0'])
        self.address = self.process.says(r'the page is at (http://\S+)').group(1)

    def get(self, path):
        with urllib.request.urlopen(self.address + path, timeout=30) as answer:
            return answer.read().decode('utf-8')

    @property
    def status(self):
        return json.loads(self.get('status.json'))


@contextlib.contextmanager
def a_system():
    """Real processes, whose end nobody has to account for."""
    directory = tempfile.mkdtemp()
    system = System(directory)
    system.is_balanced = True
    try:
        yield system
    finally:
        system.dispose()
        shutil.rmtree(directory, ignore_errors=True)


def of_the_demo(system, calculators=6, clients=3):
    """A dispatcher, calculators that work, clients that keep them busy; and the page."""
    dispatcher = system.dispatcher(answer_timeout_s=6, task_timeout_s=30, status_interval_s=2)
    for number in range(calculators):
        system.calculator('calculator-%s' % 'abcdefghijklmnopqrstuvwxyz'[number], **CALCULATOR)
    for number in range(clients):
        system.client('client-%d' % (number + 1), task_interval_s=[0.3, 0.7], task_timeout_s=30)
    return dispatcher, Page(system, dispatcher)
