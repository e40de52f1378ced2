"""A pool of workers on a Dask cluster, with the interface of ``runtime.workers.Pool``.

Dask is not a dependency: only ``--engine dask:...`` imports ``distributed``. The workers need no checkout of this
project; they receive the packages that a replication uses.
"""

from __future__ import absolute_import, division, print_function

import argparse
import importlib
import json
import os
import pickle
import shutil
import tempfile
import zipfile

from runtime.process import CannotStart

MYPY = False
if MYPY:
    from typing import Any, Callable, Iterable, Iterator, List  # noqa: F401

#: How long to wait for the scheduler.
CONNECT_S = 10

#: How often Dask repeats a piece whose worker died.
RETRIES = 20


def scheduler_address(text):
    # type: (str) -> str
    """The address in ``dask:ADDRESS``, for argparse."""
    if not text.startswith('dask:') or not text[5:]:
        raise argparse.ArgumentTypeError('found %s, expected dask:ADDRESS' % json.dumps(text))
    return text[5:]


def _call(module, name, pickled):
    # type: (str, str, bytes) -> Any
    """Runs on a worker. The scheduler unpickles this function too, and has none of our modules, not even this one."""
    import importlib as imports
    import pickle as pickles
    return getattr(imports.import_module(module), name)(pickles.loads(pickled))


# Dask sends functions of the main program as code, and others as a module name.
_call.__module__ = '__main__'


class DaskPool(object):
    """``function`` is called on the workers of the scheduler at ``address``; ``packages`` are sent from ``root``."""

    def __init__(self, function, address, root, packages):
        # type: (Callable[[Any], Any], str, str, Iterable[str]) -> None
        try:
            distributed = importlib.import_module('distributed')  # type: Any
        except ImportError as error:
            raise CannotStart('--engine dask needs the package "distributed": %s' % error)
        self._function = function
        self._futures = []  # type: List[Any]
        # The death of a worker is no reason to give up its piece.
        importlib.import_module('dask').config.set({'distributed.scheduler.allowed-failures': RETRIES})
        try:
            self._client = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
        except (EnvironmentError, ValueError) as error:
            raise CannotStart('no Dask scheduler answers at %s: %s' % (address, error))
        self._send_code(root, packages)

    def _send_code(self, root, packages):
        # type: (str, Iterable[str]) -> None
        folder = tempfile.mkdtemp()
        try:
            path = os.path.join(folder, 'replication.zip')
            with zipfile.ZipFile(path, 'w') as archive:
                for package in packages:
                    for place, _, names in sorted(os.walk(os.path.join(root, package))):
                        for name in sorted(names):
                            if name.endswith('.py'):
                                whole = os.path.join(place, name)
                                archive.write(whole, os.path.relpath(whole, root))
            self._client.upload_file(path)
        finally:
            shutil.rmtree(folder)

    def results(self, work, killed):
        # type: (Iterable[Any], Callable[[Any, Exception], Any]) -> Iterator[Any]
        """See ``runtime.workers.Pool.results``."""
        pieces = list(work)
        module, name = self._function.__module__, self._function.__name__
        self._futures = [self._client.submit(_call, module, name, pickle.dumps(piece, 2), pure=False, retries=RETRIES)
                         for piece in pieces]
        for piece, future in zip(pieces, self._futures):
            try:
                yield future.result()
            except EnvironmentError:
                raise
            except Exception as error:
                if type(error).__name__ != 'KilledWorker':
                    raise
                yield killed(piece, error)
        self._futures = []

    def close(self):
        # type: () -> None
        if self._futures:
            self._client.cancel(self._futures, force=True)
        self._client.close()
