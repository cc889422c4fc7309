"""Caches that lost something: what is gone is made again, and others may read what is there."""

from __future__ import annotations

import json
import logging
import os
import shutil
import stat

import numpy as np
import pytest
from test_dataset import cache, files_of, pack_tar, small_set  # noqa: F401 - a fixture

from cifake_core import dataset, locate


@pytest.fixture
def archive(tmp_path):
    return pack_tar(tmp_path / "cifake.tar.xz", files_of(small_set(tmp_path / "plain")))


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "of an older version"])
@pytest.mark.parametrize("how", ["file gone", "file cut", "folder gone"])
def test_an_unpacked_folder_that_lost_something_is_unpacked_again(tmp_path, archive, how, marked):
    whole = files_of(tmp_path / "plain")
    root = locate.find(archive)
    if not marked:
        (root / ".whole").unlink()
    if how == "folder gone":
        shutil.rmtree(root / "test/REAL")
    elif how == "file cut":
        (root / "train/FAKE/0001.jpg").write_bytes(b"")
    else:
        (root / "train/FAKE/0001.jpg").unlink()
    assert locate.find(archive) == root
    assert files_of(root) == whole
    assert [p.name for p in root.parent.iterdir()] == [root.name]


def test_a_whole_folder_of_an_older_version_stays_and_gets_its_marker(archive, monkeypatch):
    root = locate.find(archive)
    marker = (root / ".whole").read_text()
    (root / ".whole").unlink()
    (root / "test/REAL/.DS_Store").write_bytes(b"of a file manager")
    assert locate.find(archive) == root
    assert (root / "test/REAL/.DS_Store").is_file()
    assert (root / ".whole").read_text() == marker
    assert marker.split()[0] == "8"


@pytest.mark.parametrize("how", ["gone", "empty", "cut"])
@pytest.mark.parametrize("known", [True, False], ids=["same files", "same files elsewhere"])
def test_a_damaged_array_is_made_again(tmp_path, cache, how, known):  # noqa: F811
    root = small_set(tmp_path / "set")
    expected = np.array(dataset.load(root).train.images)
    (folder,) = (cache / "arrays").iterdir()
    file = folder / "train-images.npy"
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(b"" if how == "empty" else file.read_bytes()[:-5])
    if not known:
        shutil.copytree(root, tmp_path / "copy")
        root = tmp_path / "copy"
    assert np.array_equal(dataset.load(root).train.images, expected)
    assert np.array_equal(np.load(file), expected)
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_a_note_without_its_hash_is_written_again(tmp_path, cache):  # noqa: F811
    root = small_set(tmp_path / "set")
    sha256 = dataset.load(root).sha256
    (note,) = (cache / "fingerprints").iterdir()
    for text in ("{}", "[]", ""):
        note.write_text(text)
        assert dataset.load(root).sha256 == sha256
        assert json.loads(note.read_text())["sha256"] == sha256


@pytest.mark.skipif(os.name == "nt", reason="of POSIX")
def test_others_may_read_the_cache(tmp_path, cache):  # noqa: F811
    before = os.umask(0o022)
    try:
        dataset.load(small_set(tmp_path / "set"))
    finally:
        os.umask(before)
    (note,) = (cache / "fingerprints").iterdir()
    assert stat.S_IMODE(note.stat().st_mode) == 0o644
    (folder,) = (cache / "arrays").iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_nothing_is_left_of_a_note_that_cannot_be_placed(tmp_path):
    (tmp_path / "note.json").mkdir()
    with pytest.raises(OSError, match="note"):
        dataset._write_atomically(tmp_path / "note.json", b"{}")
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == []


def test_a_set_of_another_size_is_remarked_on_once(tmp_path, caplog):
    root = small_set(tmp_path / "set")
    with caplog.at_level(logging.WARNING):
        dataset.load(root)
        dataset.load(root)
    (record,) = caplog.records
    assert "4 images to train on and 4 to test with; CIFAKE has 100,000 and 20,000" in (
        record.getMessage()
    )
