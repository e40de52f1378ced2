"""Makes base images without a registry.

The image for 3.x is a minimal Debian with its Python, from the machine's mirror of Debian. Making it takes most of a
minute, so it is kept in the user's cache. Debian has no 2.7 any more: that image is an interpreter of this machine with
the libraries that it loads.
"""

from __future__ import absolute_import, division, print_function

import glob
import hashlib
import os
import platform
import re
import shutil
import tarfile

from tests.compose.commands import Failed, find_command, run

DEBOOTSTRAP_TIMEOUT_S = 240.0
#: A mirror may fail during its update.
DEBOOTSTRAP_ATTEMPTS = 2

# Runs in its own namespaces: at their end the kernel removes the mounts and processes of debootstrap.
RECIPE = """
set -e
debootstrap --variant=minbase --include=python3 "$SUITE" "$ROOT"
ln -s /usr/bin/python3 "$ROOT/usr/local/bin/python"
rm -rf "$ROOT"/usr/share/doc "$ROOT"/usr/share/man "$ROOT"/usr/share/info "$ROOT"/usr/share/locale
rm -rf "$ROOT"/var/cache/apt/* "$ROOT"/var/lib/apt/lists/* "$ROOT"/dev/*
tar --directory "$ROOT" --create --file "$ARCHIVE" .
"""

#: Parts of an installed Python that our programs do not load; together more than half of it.
LEFT_OUT = re.compile(r'/python2\.7/(config|ensurepip|idlelib|lib-tk|site-packages|test)$|_tkinter\.so$|\.(py[co]|a)$')


def debian_with_python(directory):
    """The path of a tar archive with a Debian whose `python` is Python 3. `directory` is for temporary files."""
    cache = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'compose-test')
    suite = _debian_suite()
    # Another recipe has another file name.
    digest = hashlib.sha256(RECIPE.encode('ascii')).hexdigest()[:12]
    kept = os.path.join(cache, '%s-%s-%s.tar' % (suite, platform.machine(), digest))
    if os.path.exists(kept):
        return kept
    debootstrap = find_command('debootstrap')
    if debootstrap is None:
        raise Failed('no debootstrap on this machine')
    archive = os.path.join(directory, 'debian.tar')
    for attempt in range(1, DEBOOTSTRAP_ATTEMPTS + 1):
        root = os.path.join(directory, 'debian-%d' % attempt)
        environment = dict(os.environ, SUITE=suite, ROOT=root, ARCHIVE=archive, LC_ALL='C',
                           PATH='/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin')
        made = run(['setpriv', '--pdeathsig', 'KILL',
                    'unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', RECIPE],
                   timeout_s=DEBOOTSTRAP_TIMEOUT_S, env=environment, check=False)
        shutil.rmtree(root, ignore_errors=True)
        if made.returncode == 0:
            break
    else:
        raise Failed('debootstrap ended with %d:\n%s' % (made.returncode, (made.stdout + made.stderr)[-3000:]))
    if not os.path.isdir(cache):
        os.makedirs(cache)
    # The file is renamed when it is complete: another run may look for it.
    beside = '%s.%d' % (kept, os.getpid())
    shutil.move(archive, beside)
    os.rename(beside, kept)
    return kept


def _debian_suite():
    """The release of this machine: its mirror and its debootstrap have it."""
    with open('/etc/os-release') as os_release:
        found = re.search(r'^VERSION_CODENAME=(\w+)$', os_release.read(), re.MULTILINE)
    return found.group(1) if found else 'stable'


def find_python_2():
    """The real path of a Python 2.7 of this machine, or None."""
    candidates = glob.glob(os.path.expanduser('~/.pyenv/versions/2.7*/bin/python2.7'))
    candidates += filter(None, [find_command('python2.7')])
    for candidate in candidates:
        asked = run([candidate, '-c', 'import sys; print(sys.executable)'], check=False)
        if asked.returncode == 0:
            return os.path.realpath(asked.stdout.strip())
    return None


def interpreter_with_libraries(python, archive):
    """Write a tar archive with the Python at path `python`, below /usr/local, and the libraries it is linked with.
    /var/tmp in it is writable for all users: a new volume there has its mode.
    """
    prefix = os.path.dirname(os.path.dirname(python))
    with tarfile.open(archive, 'w') as tar:
        temporary = tarfile.TarInfo('var/tmp')
        temporary.type = tarfile.DIRTYPE
        temporary.mode = 0o1777
        tar.addfile(temporary)
        tar.add(python, 'usr/local/bin/python')
        for path in sorted(glob.glob(os.path.join(prefix, 'lib', '*python2.7*'))):
            tar.add(path, os.path.join('usr/local/lib', os.path.basename(path)),
                    filter=lambda member: None if LEFT_OUT.search(member.name) else member)
        linked = {python}
        for module in glob.glob(os.path.join(prefix, 'lib/python2.7/lib-dynload/*.so')):
            if not LEFT_OUT.search(module):
                linked.add(module)
        for path in sorted({library for file in linked for library in _libraries(file)}):
            if not path.startswith(prefix):
                # Under the name that programs are linked with, also if that is a symbolic link.
                tar.add(os.path.realpath(path), path.lstrip('/'))


def _libraries(file):
    """Paths of the shared libraries that a file loads, and of the loader."""
    for line in run(['ldd', file]).stdout.splitlines():
        found = re.search(r'(/\S+) \(0x', line)
        if found:
            yield found.group(1)
