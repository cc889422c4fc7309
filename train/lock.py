"""Locks, as two processes would write over each other: on a run's folder, on a file of evidence."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cifake_core.errors import ConfigError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

FILE = "lock"  # empty; it stays: another process may have opened it, and would lock a deleted one
_held: set[int] = set()


class Lock:
    """Held while inside of ``with``; the system releases it, too, if the process is killed.

    A folder that is not there yet is locked by :meth:`take` once it is. Where a file system knows
    no locks and where the file cannot be opened, nothing is locked.

    Raises:
        ConfigError: another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, -1

    def __enter__(self) -> Lock:
        if self._folder.is_dir():
            self.take()
        return self

    def take(self) -> None:
        """Lock the folder, unless this object has."""
        if self._file >= 0:
            return
        with suppress(OSError):
            self._file = os.open(self._folder / FILE, os.O_RDWR | os.O_CREAT, 0o666)
            _held.add(self._file)
            if not _locked(self._file):
                self.__exit__()
                raise ConfigError(
                    f"Another process is training in {self._folder}; wait for its end, or choose "
                    "another --run."
                )

    def __exit__(self, *exception) -> None:
        if self._file >= 0:
            os.close(self._file)
            _held.discard(self._file)
            self._file = -1


@contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """Held while a file is read, changed and written; another process waits for its turn.

    What is locked is an empty file beside it, hidden, that stays. Where a file system knows no
    locks, and where that file cannot be made, nothing is locked.
    """
    file = -1
    with suppress(OSError):
        file = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o666)
        while not _locked(file):
            time.sleep(0.05)
    try:
        yield
    finally:
        if file >= 0:
            os.close(file)


def _locked(file: int) -> bool:
    """Lock an open file until it is closed; False if another holds it. Raises OSError: no locks."""
    if fcntl is None:
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except PermissionError:  # what Windows says of a part that another holds
            return False
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _let_go() -> None:
    """A child shares the lock, and would keep it if it outlived the run."""
    for file in _held:
        os.close(file)
    _held.clear()


if fcntl is not None:
    os.register_at_fork(after_in_child=_let_go)
