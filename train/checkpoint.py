"""Checkpoints that survive a kill at any moment.

Two slots are written in turn. A slot is complete on disk before the pointer, which carries its
hash, is replaced; the pointer keeps the slot before it too, should the newest be damaged later.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cifake_core.errors import ConfigError

POINTER, LOG = "checkpoint.json", "metrics.jsonl"
SLOTS = ("slot-a.npz", "slot-b.npz")
# A save that takes longer than QUICK seconds is followed by PAUSE times as long without one.
QUICK, PAUSE = 0.1, 20


class Saving:
    """The checkpoints of one process; those that can wait take at most a twentieth of its time.

    Args:
        folder: of the run, which no other process writes to.
        clock: in seconds.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = folder, clock
        self._newest: dict | None = None
        self._took, self._ended = 0.0, 0.0

    def is_due(self) -> bool:
        """Whether a save that can wait should not."""
        return self._took <= QUICK or self._clock() - self._ended >= PAUSE * self._took

    def save(self, step: int, read: Callable[[], list[np.ndarray]]) -> None:
        """Write what ``read`` gives as the state after ``step`` steps."""
        began = self._clock()
        self._newest = save(self._folder, step, read(), self._newest)
        self._ended = self._clock()
        self._took = self._ended - began


def save(folder: Path, step: int, arrays: list[np.ndarray], newest: dict | None = None) -> dict:
    """Write ``arrays`` as the state after ``step`` steps.

    Args:
        newest: what the last save of this process returned; without it the slots are read, to see
            which of them is whole.
    """
    # The newest slot that is whole is never the one written over, also after a fall-back.
    newest = newest or next((r for r in _records(folder) if _whole(folder, r)), None)
    kept = [newest] if newest else []
    slot = SLOTS[1] if kept and kept[0]["slot"] == SLOTS[0] else SLOTS[0]
    buffer = io.BytesIO()
    np.savez(buffer, **{f"{i:05d}": a for i, a in enumerate(arrays)})
    data = buffer.getvalue()
    for part in folder.glob(".*.part"):  # of a save that was killed; the run's lock is ours
        part.unlink(missing_ok=True)
    replace(folder / slot, data)
    record = {"slot": slot, "step": step, "sha256": hashlib.sha256(data).hexdigest()}
    replace(folder / POINTER, json.dumps([record, *kept], indent=1).encode())
    return record


def load(folder: Path) -> tuple[int, list[np.ndarray]] | None:
    """(step, arrays) of the newest slot whose hash holds, or None if none was ever written.

    Raises:
        ConfigError: something was written, but no slot is whole; to start again in silence would
            cost the run what it had done, and its log.
    """
    try:
        records = _records(folder)
        for record in records:
            if data := _whole(folder, record):
                with np.load(io.BytesIO(data), allow_pickle=False) as stored:
                    return record["step"], [stored[key] for key in sorted(stored.files)]
    except (ValueError, KeyError, TypeError):  # the pointer is no longer what was written
        records = [{}]
    # Before the pointer is there the second slot is not written, nor a second line of the log.
    path = folder / LOG
    lines = path.read_bytes().count(b"\n") if path.is_file() else 0
    if not records and not (folder / SLOTS[1]).exists() and lines < 2:
        return None
    raise ConfigError(
        f"The checkpoints in {folder} are damaged or missing; copy them again, or begin anew with "
        "another --run."
    )


def replace(path: Path, data: bytes) -> None:
    """Write a file so that a crash leaves either the old content or the new, never a part."""
    work = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")  # of this process alone
    try:
        with work.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        work.replace(path)
    finally:
        work.unlink(missing_ok=True)
    if os.name == "nt":  # Windows cannot open a folder, and keeps renames by itself
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _whole(folder: Path, record: dict) -> bytes | None:
    """Bytes of the slot a record is about, if they are those that were written."""
    path = folder / record["slot"]
    data = path.read_bytes() if path.is_file() else b""
    return data if hashlib.sha256(data).hexdigest() == record["sha256"] else None


def _records(folder: Path) -> list[dict]:
    pointer = folder / POINTER
    return json.loads(pointer.read_text()) if pointer.is_file() else []
