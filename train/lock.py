"""A lock on a run's folder: two processes there would write over each other's checkpoints."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from cifake_core.errors import ConfigError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

FILE = "lock"  # empty; it stays: another process may have opened it, and would lock a deleted one
_held: set[int] = set()


class Lock:
    """Held while inside of ``with``; the system releases it, too, if the process is killed.

    A folder that is not there yet is locked by :meth:`take` once it is. On Windows, where a
    file system knows no locks and where the file cannot be opened, nothing is locked.

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
        if fcntl is None or self._file >= 0:
            return
        with suppress(OSError):
            self._file = os.open(self._folder / FILE, os.O_RDWR | os.O_CREAT, 0o666)
            _held.add(self._file)
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.__exit__()
                raise ConfigError(
                    f"Another process is training in {self._folder}; wait for its end, or choose "
                    "another --run."
                ) from None

    def __exit__(self, *exception) -> None:
        if self._file >= 0:
            os.close(self._file)
            _held.discard(self._file)
            self._file = -1


def _let_go() -> None:
    """A child shares the lock, and would keep it if it outlived the run."""
    for file in _held:
        os.close(file)
    _held.clear()


if fcntl is not None:
    os.register_at_fork(after_in_child=_let_go)
