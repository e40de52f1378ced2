"""The files, links, commands and options that the documentation names exist."""

from __future__ import absolute_import, division, print_function

import os
import re

import pytest

from tests.pages import PAGES, PROGRAM_FILES, help_text, read, section
from tests.source_tree import ROOT, python_files

#: Files that are not in the tree: a reader writes them, a sentence means all files of a name, or a release adds them.
NO_FILES = frozenset(['config.json', 'core.py', 'settings.py', 'docker-compose.yml', 'benchmarks/results.json',
                      'work.py'])


def exists(*path):
    return os.path.exists(os.path.join(ROOT, *path))


def anchors(page):
    """The anchors of the headings of a page."""
    found = set()
    for line in re.sub(r'^```.*?^```', '', read(page), flags=re.DOTALL | re.MULTILINE).splitlines():
        if re.match(r'#+ ', line):
            words = re.sub(r'[^\w\- ]', '', line.lstrip('# ').lower(), flags=re.UNICODE)
            found.add(words.replace(' ', '-'))
    return found


def links(page):
    """(Path from the root, anchor or '') of each relative link."""
    for target in re.findall(r'\]\(([^)\s]+)\)', read(page)):
        if '://' not in target:
            path, _, anchor = target.partition('#')
            yield os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page, anchor


@pytest.mark.parametrize('page', PAGES)
def test_every_relative_link_has_a_target(page):
    for path, anchor in links(page):
        assert exists(path), path
        assert not anchor or anchor in anchors(path.replace(os.sep, '/')), '%s#%s' % (path, anchor)


def test_the_first_page_links_to_all_pages_of_the_manual():
    assert {page for page in PAGES if page.startswith('docs/')} <= {path for path, _ in links('README.md')}


@pytest.mark.parametrize('page', PAGES)
def test_every_file_in_a_page_exists(page):
    named = re.findall(r'(?<![\w./<-])([a-z_*][\w./*-]*\.(?:py|md|json|yml|txt|toml|ini))\b', read(page))
    # A profile names files of the standard library, as python3.
    missing = [name for name in named if '*' not in name and name not in NO_FILES and not name.startswith('python3.')
               and not any(exists(folder, name) for folder in ('', os.path.dirname(page), 'deploy/kubernetes'))]
    assert missing == []


def test_every_file_in_a_source_exists():
    missing = [(path, name) for path, source in python_files() if not path.startswith('tests/')
               for name in re.findall(r'(?<![\w./<>*-])((?:[a-z_]+/)+[a-z_]+\.(?:py|md|json))\b', source)
               if name not in NO_FILES and not exists(name)]
    assert missing == []


@pytest.mark.parametrize('page', PAGES)
def test_every_command_has_a_program_that_exists_and_options_of_that_program(page):
    for program, rest in re.findall(r'\bpython[0-9.]* ([\w./]+\.py)\b([^`\n;|]*)', read(page)):
        assert exists(program), program
        options = re.findall(r'(?<![\w-])(--?[a-z][a-z-]*)', re.split(r'\s#|\s{3}', rest)[0])
        if options:
            listed = re.split('options:|optional arguments:', help_text(program))[1]
            assert set(options) <= set(re.findall(r'(?<![\w-])(--?[a-z][a-z-]*)', listed)), '%s %s' % (program, options)


@pytest.mark.parametrize('page', PAGES)
def test_every_make_target_exists(page):
    targets = re.findall(r'^([a-z]+):', read('Makefile'), re.MULTILINE)
    assert set(re.findall(r'(?:`|^|\$ )make ([a-z]+)', read(page), re.MULTILINE)) <= set(targets)


def test_the_first_page_is_short():
    assert len(read('README.md').splitlines()) < 150


def test_the_tree_on_the_first_page_has_every_program_and_every_package():
    tree = section('README.md', '## Where things live').split('```')[1]
    named = {name for line in tree.splitlines() for name in re.findall(r'[\w.-]+/?', re.split(r'\s{3,}', line)[0])}
    assert [name for name in named if not exists(name)] == []
    packages = {name for name in os.listdir(ROOT) if exists(name, '__init__.py')}
    assert packages | set(PROGRAM_FILES) <= {name.rstrip('/') for name in named}
