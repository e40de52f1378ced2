"""``python3 -m tests`` on a machine that lacks something prints one line with the reason and a remedy."""

from __future__ import absolute_import, division, print_function

import os
import shutil
import subprocess
import sys

import pytest

from tests.source_tree import ROOT

TESTS = ['-m', 'tests']
MISSING = 'raise ImportError("No module named %s")\n'


@pytest.fixture
def checkout(tmpdir):
    """The files of a checkout that the command needs. Thus the command makes no environment in the real checkout."""
    tests = tmpdir.mkdir('checkout').mkdir('tests')
    for name in ('__init__.py', '__main__.py'):
        shutil.copy(os.path.join(ROOT, 'tests', name), str(tests))
    shutil.copy(os.path.join(ROOT, 'requirements-dev.txt'), str(tests.dirpath()))
    return tests.dirpath()


def run(folder, arguments, **variables):
    """Exit status, standard output, lines of standard error."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(('PIP_', 'PYTHON'))}
    environment.update(variables, PIP_CONFIG_FILE=os.devnull)
    process = subprocess.Popen([sys.executable] + arguments, cwd=str(folder), env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    out, err = process.communicate()
    return process.returncode, out, err.splitlines()


def test_one_line_says_how_to_install_pip_and_venv(checkout, tmpdir):
    for name in ('venv', 'pip'):
        tmpdir.mkdir(name).join('__init__.py').write(MISSING % name)
    status, _, lines = run(checkout, TESTS, PYTHONPATH=str(tmpdir))
    assert status == 2 and len(lines) == 1, lines
    # 2.7 has no venv, and has its own pip.
    assert ('apt-get install python3-venv' if sys.version_info >= (3,) else 'No module named pip') in lines[0]


#: Like the venv of Debian, which makes the environment before it finds that it has no pip.
VENV_WITHOUT_PIP = '''
import os, sys
folder = os.path.join(sys.argv[-1], 'bin')
if not os.path.isdir(folder):
    os.makedirs(folder)
    os.symlink(sys.executable, os.path.join(folder, 'python'))
sys.exit('--without-pip' not in sys.argv)
'''


@pytest.mark.skipif(sys.version_info < (3,), reason='2.7 has no venv')
def test_an_environment_without_pip_is_not_used_again(checkout, tmpdir):
    tmpdir.mkdir('pip').join('__init__.py').write(MISSING % 'pip')
    venv = tmpdir.mkdir('venv')
    venv.join('__init__.py').write('')
    venv.join('__main__.py').write(VENV_WITHOUT_PIP)
    for _ in range(2):
        status, _, lines = run(checkout, TESTS, PYTHONPATH=str(tmpdir))
        assert status == 2 and len(lines) == 1 and 'apt-get install python3-venv' in lines[0], lines


@pytest.mark.slow
def test_one_line_says_that_the_network_is_missing(checkout):
    status, out, lines = run(checkout, TESTS + ['--environment'], PIP_INDEX_URL='http://127.0.0.1:1/simple',
                             PIP_RETRIES='1')
    assert status == 2 and len(lines) == 1, lines
    assert 'network' in lines[0] and 'Connection refused' in lines[0]
    # The command names each step that takes long.
    assert '== making .venv/' in out or sys.version_info < (3,)


@pytest.mark.parametrize('command', [TESTS, ['run_dispatcher.py'], ['run_demo.py'], ['run_monitor.py']],
                         ids=' '.join)
def test_an_unsupported_system_is_named_in_one_line(tmpdir, command):
    # Windows has another name of the system, and no modules ``fcntl`` and ``resource``.
    tmpdir.join('sitecustomize.py').write('import os, subprocess, sys\nos.name = "nt"\nsys.platform = "win32"\n'
                                          'sys.modules["fcntl"] = sys.modules["resource"] = None\n')
    status, out, lines = run(ROOT, command, PYTHONPATH=str(tmpdir))
    lines = out.splitlines() + lines
    assert status == 2 and len(lines) == 1 and 'Linux and macOS' in lines[0], lines
