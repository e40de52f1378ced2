"""Takes pictures of the page and of the terminal screen with a real system::

    tests/browser/run --screenshots [FOLDER]        (default: screenshots/, which git ignores)

One calculator of the system was killed some seconds before. Pictures of the page: light, dark, phone, silent, a
thousand calculators, and a small one for README.md. The terminal: text and pictures of 80 x 24 and 200 x 50.
"""

from __future__ import absolute_import, division, print_function

import html
import io
import os
import sys
import time

from tests.browser.browser import DARK, LIGHT, PHONE, Browser, Page, own_system, start_demo
from tests.browser.fleet import Fleet
from tests.system.processes import eventually
from tests.system.terminals import Terminal

WIDE = (1400, 1000)
#: For README.md: the size of the window, and the pixels of the picture for each of the window.
SMALL, SCALE = (1320, 600), 0.62

#: Style of the terminal -> CSS.
COLOURS = {'1': 'font-weight:bold', '2': 'color:#8a949e', '32': 'color:#7fd1a8', '33': 'color:#f0b04a',
           '1;31': 'color:#ff8175;font-weight:bold'}


def terminal_as_page(screen):
    """A page with the text and the colours of a terminal."""
    lines = []
    for line in screen.styled:
        lines.append(''.join('<span style="%s">%s</span>' % (COLOURS.get(style, ''), html.escape(text))
                             for style, text in line))
    return ('<!DOCTYPE html><meta charset="utf-8"><body style="margin:0;background:#11161b;color:#e8edf1">'
            '<pre style="margin:14px;font:14px/1.25 \'DejaVu Sans Mono\',monospace">%s</pre>' % '\n'.join(lines))


def picture_page(folder, browser, address):
    """Pictures of the page for several sizes of the screen, light and dark."""
    for name, size, scheme, height, scale in (
            ('page-small', SMALL, LIGHT, None, SCALE), ('page-light', WIDE, LIGHT, 1700, 1),
            ('page-dark', WIDE, DARK, 1700, 1), ('page-phone', PHONE, LIGHT, 3200, 1)):
        browser.look(size, scheme, scale=scale)
        browser.open(address)
        time.sleep(3)
        browser.screenshot(os.path.join(folder, name + '.png'), height)


def picture_terminal(folder, browser, dispatcher):
    """The terminal screen as text and as a picture."""
    for columns, rows in (80, 24), (200, 50):
        window = Terminal(['run_monitor.py', '--dispatcher', '%s:%d' % dispatcher.address], columns=columns, rows=rows)
        try:
            window.shows('latest events')
            time.sleep(3)
            window.read()
            base = os.path.join(folder, 'terminal-%dx%d' % (columns, rows))
            with io.open(base + '.txt', 'w', encoding='utf-8') as file:
                file.write(window.screen.text + '\n')
            with io.open(base + '.html', 'w', encoding='utf-8') as file:
                file.write(terminal_as_page(window.screen))
            browser.look((int(columns * 8.43) + 28, int(rows * 17.5) + 28), DARK, scale=0.8 if columns == 80 else 1)
            browser.driver.get('file://' + os.path.abspath(base + '.html'))
            browser.driver.save_screenshot(base + '.png')
            os.remove(base + '.html')
        finally:
            window.dispose()


def main(folder='screenshots'):
    if not os.path.isdir(folder):
        os.makedirs(folder)
    browser = Browser()
    try:
        with own_system() as system:
            dispatcher, page = start_demo(system)
            eventually(lambda: page.status['queue'].get('over', 0) > 150, 'more than 150 tasks have ended')
            system.of('calculator')[3].kill()
            eventually(lambda: 'dead' in [one['state'] for one in page.status['calculators']], 'a calculator is dead')
            time.sleep(4)
            picture_page(folder, browser, page.address)
            picture_terminal(folder, browser, dispatcher)
            browser.look(WIDE, LIGHT)
            browser.open(page.address)
            time.sleep(2)
            dispatcher.kill()
            eventually(lambda: 'HAS NOT ANSWERED' in browser.text('#answer'), 'the dispatcher is silent')
            browser.screenshot(os.path.join(folder, 'page-silent.png'))
        with own_system() as system:
            dispatcher = system.dispatcher(pending_max=100000, task_timeout_s=600)
            with Fleet(dispatcher.address, 1000, tasks_per_second=500):
                page = Page(system, dispatcher)
                browser.look(WIDE, LIGHT)
                browser.open(page.address)
                eventually(lambda: page.status['counts'].get('done', 0) > 5000, 'many tasks are done', 120)
                browser.screenshot(os.path.join(folder, 'page-thousand.png'), 1700)
    finally:
        browser.close()
    print('the pictures are in %s' % os.path.abspath(folder))


if __name__ == '__main__':
    main(*sys.argv[1:])
