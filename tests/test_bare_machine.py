"""``python3 -m tests`` where something is missing: one line says what, and how to get it."""

from __future__ import absolute_import, division, print_function

import os
import shutil
import subprocess
import sys

import pytest

from tests.source_tree import ROOT

MISSING = 'raise ImportError("No module named %s")\n'


@pytest.fixture
def checkout(tmpdir):
    """What the command needs of a checkout, so that it makes no environment in ours."""
    tests = tmpdir.mkdir('checkout').mkdir('tests')
    for name in ('__init__.py', '__main__.py'):
        shutil.copy(os.path.join(ROOT, 'tests', name), str(tests))
    shutil.copy(os.path.join(ROOT, 'requirements-dev.txt'), str(tests.dirpath()))
    return tests.dirpath()


def run_tests(checkout, *arguments, **variables):
    """Exit status, standard output, lines of standard error."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(('PIP_', 'PYTHON'))}
    environment.update(variables, PIP_CONFIG_FILE=os.devnull)
    process = subprocess.Popen([sys.executable, '-m', 'tests'] + list(arguments), cwd=str(checkout), env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    out, err = process.communicate()
    return process.returncode, out, err.splitlines()


def test_without_pip_and_venv_one_line_says_how_to_install_them(checkout, tmpdir):
    for name in ('venv', 'pip'):
        tmpdir.mkdir(name).join('__init__.py').write(MISSING % name)
    status, _, lines = run_tests(checkout, PYTHONPATH=str(tmpdir))
    assert status == 2 and len(lines) == 1, lines
    # 2.7 has no venv, and comes with a pip of its own.
    assert ('apt-get install python3-venv' if sys.version_info >= (3,) else 'No module named pip') in lines[0]


#: As Debian's venv, which makes the environment before it notices that it can't put a pip into it.
VENV_WITHOUT_PIP = '''
import os, sys
folder = os.path.join(sys.argv[-1], 'bin')
if not os.path.isdir(folder):
    os.makedirs(folder)
    os.symlink(sys.executable, os.path.join(folder, 'python'))
sys.exit('--without-pip' not in sys.argv)
'''


@pytest.mark.skipif(sys.version_info < (3,), reason='2.7 has no venv')
def test_an_environment_without_pip_is_not_used_when_pip_is_installed_later(checkout, tmpdir):
    tmpdir.mkdir('pip').join('__init__.py').write(MISSING % 'pip')
    venv = tmpdir.mkdir('venv')
    venv.join('__init__.py').write('')
    venv.join('__main__.py').write(VENV_WITHOUT_PIP)
    for _ in range(2):
        status, _, lines = run_tests(checkout, PYTHONPATH=str(tmpdir))
        assert status == 2 and len(lines) == 1 and 'apt-get install python3-venv' in lines[0], lines


@pytest.mark.slow
def test_without_a_network_one_line_says_so(checkout):
    status, out, lines = run_tests(checkout, '--environment', PIP_INDEX_URL='http://127.0.0.1:1/simple',
                                   PIP_RETRIES='1')
    assert status == 2 and len(lines) == 1, lines
    assert 'network' in lines[0] and 'Connection refused' in lines[0]
    # Progress: what takes long was announced.
    assert '== making .venv/' in out or sys.version_info < (3,)


@pytest.mark.parametrize('command', [['-m', 'tests'], ['run_dispatcher.py'], ['run_demo.py'], ['run_monitor.py']],
                         ids=' '.join)
def test_a_system_that_is_not_supported_is_named_in_one_line(tmpdir, command):
    # As on Windows: the name of the system, and no module ``fcntl`` or ``resource``.
    tmpdir.join('sitecustomize.py').write('import os, subprocess, sys\nos.name = "nt"\nsys.platform = "win32"\n'
                                          'sys.modules["fcntl"] = sys.modules["resource"] = None\n')
    process = subprocess.Popen([sys.executable] + command, cwd=ROOT, env=dict(os.environ, PYTHONPATH=str(tmpdir)),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    out, err = process.communicate()
    lines = (out + err).splitlines()
    assert process.returncode == 2 and len(lines) == 1 and 'Linux and macOS' in lines[0], lines
