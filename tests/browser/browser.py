"""A headless Chromium, and a monitor that serves the page of a real system."""

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

#: Settings as in the demo. With this interval a silent calculator is dead after 2.5 s.
CALCULATOR = {'heartbeat_interval_s': 0.5, 'capacity': 2, 'task_duration_s': [0.5, 1.5]}


class Browser(object):
    """A window. ``find``, ``text`` and ``texts`` take CSS selectors."""

    def __init__(self):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which('chromium')
        # For root in a container there is no sandbox. The browser opens only our own page.
        for argument in ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
                         '--hide-scrollbars', '--force-color-profile=srgb'):
            options.add_argument(argument)
        options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which('chromedriver')))

    def look(self, size=DESK, scheme=LIGHT, is_calm=False, scale=1):
        """Set the size of the window, the colour scheme, and whether the user prefers reduced motion."""
        self.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
            'width': size[0], 'height': size[1], 'deviceScaleFactor': scale, 'mobile': size[0] < 600})
        self.driver.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [
            {'name': 'prefers-color-scheme', 'value': scheme},
            {'name': 'prefers-reduced-motion', 'value': 'reduce' if is_calm else 'no-preference'}]})

    def open(self, address):
        self.driver.get(address)
        eventually(lambda: self.text('#answer') not in ('', 'connecting'), 'the first message for the page')

    def find(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        """The text of all elements that match; '' if there are none."""
        return self.run('return [...document.querySelectorAll(arguments[0])].map(node => node.textContent).join("\\n")',
                        selector)

    def texts(self, selector):
        return self.run('return [...document.querySelectorAll(arguments[0])].map(node => node.textContent)', selector)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def complaints(self):
        """Errors and warnings of the browser since the last call, also about the page's security policy."""
        return [entry for entry in self.driver.get_log('browser') if entry['level'] in ('SEVERE', 'WARNING')]

    def accessibility(self):
        """The findings of axe-core: a list of (impact, rule, elements)."""
        # The page's policy forbids script elements.
        with io.open(AXE, encoding='utf-8') as source:
            self.run(source.read())
        found = self.driver.execute_async_script(
            'const done = arguments[arguments.length - 1];'
            'axe.run(document, {resultTypes: ["violations"]}).then(result => done(result.violations));')
        return [(rule['impact'], rule['id'], [node['target'] for node in rule['nodes']][:5]) for rule in found]

    def screenshot(self, path, height=None):
        """Save a picture of the window, or of a part of the page that is ``height`` pixels high."""
        if height is not None:
            width = self.run('return window.innerWidth')
            self.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
                'width': width, 'height': height, 'deviceScaleFactor': 1, 'mobile': width < 600})
        self.driver.save_screenshot(path)

    def close(self):
        self.driver.quit()


class Page(object):
    """A process of ``run_monitor.py --http`` for a dispatcher."""

    def __init__(self, system, dispatcher):
        self.process = system.run('monitor', [
            '--dispatcher', '%s:%d' % dispatcher.address, '--http', '127.0.0.1:0'])
        self.address = self.process.says(r'the page is at (http://\S+)').group(1)

    def get(self, path):
        with urllib.request.urlopen(self.address + path, timeout=30) as answer:
            return answer.read().decode('utf-8')

    @property
    def status(self):
        return json.loads(self.get('status.json'))


@contextlib.contextmanager
def own_system():
    """A ``System`` whose accounts are not compared."""
    directory = tempfile.mkdtemp()
    system = System(directory)
    system.is_balanced = True
    try:
        yield system
    finally:
        system.dispose()
        shutil.rmtree(directory, ignore_errors=True)


def start_demo(system, calculators=6, clients=3):
    """Start a dispatcher, calculators, clients and a monitor; returns the dispatcher and the page."""
    dispatcher = system.dispatcher(answer_timeout_s=6, task_timeout_s=30, status_interval_s=2)
    for number in range(calculators):
        system.calculator('calculator-%s' % 'abcdefghijklmnopqrstuvwxyz'[number], **CALCULATOR)
    for number in range(clients):
        system.client('client-%d' % (number + 1), task_interval_s=[0.3, 0.7], task_timeout_s=30)
    return dispatcher, Page(system, dispatcher)
