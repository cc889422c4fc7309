from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from cifake_core.errors import ConfigError
from train import checkpoint


def state(step: int) -> list[np.ndarray]:
    """More than ten arrays, so that an order by name other than by number shows."""
    return [np.full((2, i + 1), 100 * step + i, np.float32) for i in range(12)]


def assert_holds(folder: Path, step: int) -> None:
    found, arrays = checkpoint.load(folder)
    assert found == step
    assert len(arrays) == 12
    assert all(np.array_equal(a, b) for a, b in zip(arrays, state(step), strict=True))


def newest(folder: Path) -> Path:
    return folder / json.loads((folder / checkpoint.POINTER).read_text())[0]["slot"]


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_nothing_saved_is_nothing_loaded(tmp_path):
    assert checkpoint.load(tmp_path) is None


def test_slots_are_written_in_turn(tmp_path):
    used = []
    for step in (1, 2, 3, 4):
        checkpoint.save(tmp_path, step, state(step))
        assert_holds(tmp_path, step)
        used.append(newest(tmp_path).name)
    assert used == [*checkpoint.SLOTS, *checkpoint.SLOTS]
    assert {p.name for p in tmp_path.iterdir()} == {checkpoint.POINTER, *checkpoint.SLOTS}


def killed_before_the_pointer(folder: Path, step: int, monkeypatch) -> None:
    """A save that wrote its slot and then no more."""
    write = checkpoint.replace

    def stop_before_the_pointer(path: Path, data: bytes) -> None:
        if path.name == checkpoint.POINTER:
            raise InterruptedError
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "replace", stop_before_the_pointer)
        with pytest.raises(InterruptedError):
            checkpoint.save(folder, step, state(step))


@pytest.mark.parametrize("how", [damage, Path.unlink, lambda p: p.write_bytes(b"")])
def test_damaged_newest_slot_falls_back_to_the_one_before(tmp_path, how):
    for step in (1, 2, 3):
        checkpoint.save(tmp_path, step, state(step))
    how(newest(tmp_path))
    assert_holds(tmp_path, 2)


def test_after_a_fall_back_the_good_slot_is_kept_until_a_new_one_is_whole(tmp_path, monkeypatch):
    for step in (1, 2, 3):
        checkpoint.save(tmp_path, step, state(step))
    damage(newest(tmp_path))
    killed_before_the_pointer(tmp_path, 4, monkeypatch)
    assert_holds(tmp_path, 2)
    checkpoint.save(tmp_path, 4, state(4))
    assert_holds(tmp_path, 4)
    damage(newest(tmp_path))
    assert_holds(tmp_path, 2)


@pytest.mark.parametrize("how", [damage, Path.unlink, lambda p: p.write_bytes(b"")])
@pytest.mark.parametrize("steps", [(1,), (1, 2)])
def test_no_whole_slot_is_one_sentence_and_not_a_new_start(tmp_path, steps, how):
    for step in steps:
        checkpoint.save(tmp_path, step, state(step))
    for slot in checkpoint.SLOTS[: len(steps)]:
        how(tmp_path / slot)
    with pytest.raises(ConfigError, match=r"damaged or missing; copy them again, .* another --run"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize(
    "how", [Path.unlink, lambda p: p.write_bytes(b"[{"), lambda p: p.write_bytes(b'["a"]')]
)
def test_a_damaged_or_lost_pointer_is_the_same_sentence(tmp_path, how):
    for step in (1, 2):
        checkpoint.save(tmp_path, step, state(step))
    how(tmp_path / checkpoint.POINTER)
    with pytest.raises(ConfigError, match="damaged or missing"):
        checkpoint.load(tmp_path)


def test_a_log_of_more_than_one_line_says_that_there_were_checkpoints(tmp_path):
    log = tmp_path / checkpoint.LOG
    log.write_text('{"step": 3}\n')  # a kill in the first save leaves it
    assert checkpoint.load(tmp_path) is None
    log.write_text('{"step": 3}\n{"step": 6}\n')
    with pytest.raises(ConfigError, match="damaged or missing"):
        checkpoint.load(tmp_path)


def test_a_kill_at_the_first_checkpoint_of_all_is_nothing_loaded(tmp_path, monkeypatch):
    killed_before_the_pointer(tmp_path, 1, monkeypatch)
    assert (tmp_path / checkpoint.SLOTS[0]).exists()
    assert checkpoint.load(tmp_path) is None


@pytest.mark.parametrize("file", range(2))
@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_a_stop_at_any_byte_of_writing_leaves_the_last_checkpoint(
    tmp_path, monkeypatch, file, share
):
    """What a kill leaves: slot (file 0) or pointer (file 1) written to a share, not renamed."""
    for step in (1, 2):
        checkpoint.save(tmp_path, step, state(step))
    writes, write = [], checkpoint.replace

    def torn(path: Path, data: bytes) -> None:
        writes.append(path)
        if len(writes) <= file:
            return write(path, data)
        path.with_name(f".{path.name}.0.part").write_bytes(data[: int(share * len(data))])
        raise InterruptedError

    monkeypatch.setattr(checkpoint, "replace", torn)
    with pytest.raises(InterruptedError):
        checkpoint.save(tmp_path, 3, state(3))
    assert_holds(tmp_path, 2)
    monkeypatch.undo()
    checkpoint.save(tmp_path, 3, state(3))
    assert_holds(tmp_path, 3)
    assert not list(tmp_path.glob(".*"))


def test_a_slow_save_is_followed_by_twenty_times_as_long_without_one(tmp_path):
    now = 0.0
    saving = checkpoint.Saving(tmp_path, clock=lambda: now)

    def slow(step: int, seconds: float) -> list[np.ndarray]:
        nonlocal now
        now += seconds
        return state(step)

    assert saving.is_due(), "the first is"
    saving.save(1, lambda: slow(1, 0.5))
    for now, due in ((0.5, False), (10.4, False), (10.5, True), (99.0, True)):  # noqa: B007
        assert saving.is_due() == due
    now = 20.0
    saving.save(2, lambda: slow(2, 2.0))
    assert_holds(tmp_path, 2)
    for now, due in ((61.9, False), (62.0, True)):  # noqa: B007
        assert saving.is_due() == due
    # One that must not wait does not, and where saves are quick each is due.
    now = 22.5
    saving.save(3, lambda: slow(3, checkpoint.QUICK / 2))
    assert_holds(tmp_path, 3)
    assert saving.is_due()


def test_a_slot_is_read_when_a_run_is_opened_and_not_at_each_save(tmp_path, monkeypatch):
    read = []
    whole = checkpoint._whole
    monkeypatch.setattr(checkpoint, "_whole", lambda f, r: read.append(r["step"]) or whole(f, r))
    for first in (1, 4):
        saving = checkpoint.Saving(tmp_path)
        for step in range(first, first + 3):
            saving.save(step, lambda step=step: state(step))
    assert read == [3]


def test_after_a_fall_back_a_new_process_writes_over_the_damaged_slot(tmp_path):
    saving = checkpoint.Saving(tmp_path)
    for step in (1, 2, 3):
        saving.save(step, lambda step=step: state(step))
    damage(newest(tmp_path))
    assert_holds(tmp_path, 2)
    checkpoint.Saving(tmp_path).save(3, lambda: state(3))
    damage(newest(tmp_path))
    assert_holds(tmp_path, 2)


def test_replace_writes_over_and_leaves_no_part(tmp_path):
    path = tmp_path / "file"
    checkpoint.replace(path, b"old and long")
    checkpoint.replace(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_two_that_replace_one_file_at_once_share_no_part(tmp_path, monkeypatch):
    path, sync = tmp_path / "file", os.fsync
    parts = []

    def other_comes_between(number: int) -> None:
        monkeypatch.setattr(os, "fsync", sync)
        parts.extend(tmp_path.iterdir())
        checkpoint.replace(path, b"the other's")
        sync(number)

    monkeypatch.setattr(os, "fsync", other_comes_between)
    checkpoint.replace(path, b"ours")
    assert len(parts) == 1
    assert path.read_bytes() == b"ours"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_file_that_cannot_be_replaced_leaves_no_part(tmp_path):
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="file"):
        checkpoint.replace(tmp_path / "file", b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
