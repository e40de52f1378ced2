"""Base images for an engine that can't ask a registry for any.

The image for 3.x is a minimal Debian with its own Python, from the mirror that Debian's packages come from. It takes
most of a minute to make, so it is kept in the user's cache. The image for 2.7, which Debian no longer has, is one
interpreter of this machine with the libraries that it loads, and nothing else.
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
#: A mirror that is being updated fails now and then.
DEBOOTSTRAP_ATTEMPTS = 2

# Runs in namespaces of its own, so that what debootstrap mounts and starts is gone at the end however it ends.
RECIPE = """
set -e
debootstrap --variant=minbase --include=python3 "$SUITE" "$ROOT"
ln -s /usr/bin/python3 "$ROOT/usr/local/bin/python"
rm -rf "$ROOT"/usr/share/doc "$ROOT"/usr/share/man "$ROOT"/usr/share/info "$ROOT"/usr/share/locale
rm -rf "$ROOT"/var/cache/apt/* "$ROOT"/var/lib/apt/lists/* "$ROOT"/dev/*
tar --directory "$ROOT" --create --file "$ARCHIVE" .
"""

#: Parts of an installed Python that no program here loads; together more than half of it.
LEFT_OUT = re.compile(r'/python2\.7/(config|ensurepip|idlelib|lib-tk|site-packages|test)$|_tkinter\.so$|\.(py[co]|a)$')


def debian_with_python(directory):
    """The path of a tar archive with a Debian whose `python` is Python 3. `directory`: for what is made on the way."""
    cache = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'compose-test')
    suite = _debian_suite()
    # Another recipe is another file, so that nothing stale is ever used.
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
    # Renamed where it is complete, so that two runs at a time don't read each other's halves.
    beside = '%s.%d' % (kept, os.getpid())
    shutil.move(archive, beside)
    os.rename(beside, kept)
    return kept


def _debian_suite():
    """The release this machine runs: its mirror has it, and its debootstrap knows it."""
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
    """Write a tar archive with the Python at path `python`, below /usr/local, the libraries it is linked with, and the
    directory in which everybody may write on any system: a volume that is made there has its mode.
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
                # The name that is asked for; what it is a link to may be in another directory.
                tar.add(os.path.realpath(path), path.lstrip('/'))


def _libraries(file):
    """Paths of the shared libraries that a file loads, the loader among them."""
    for line in run(['ldd', file]).stdout.splitlines():
        found = re.search(r'(/\S+) \(0x', line)
        if found:
            yield found.group(1)
