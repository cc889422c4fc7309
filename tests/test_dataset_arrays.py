"""What the arrays hold, how large the validation cut is, where caches lie, and fetching."""

from __future__ import annotations

import hashlib
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from cifake_core import dataset, locate
from cifake_core.errors import DatasetError
from cifake_core.labels import FAKE, REAL


def sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def test_arrays_are_the_files_decoded(tiny_cifake, tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAKE_CACHE", str(tmp_path))  # an empty one, so that files are read
    seen = []
    data = dataset.load(tiny_cifake, lambda done, total: seen.append((done, total)))
    assert data.root == tiny_cifake
    assert seen[-1] == (280, 280)
    for name, split, count in (("train", data.train, 200), ("test", data.test, 80)):
        paths = sorted(f"{name}/{p.parent.name}/{p.name}" for p in tiny_cifake.glob(f"{name}/*/*"))
        assert split.names.tolist() == paths
        assert len(split) == count
        for i, path in enumerate(paths):
            file = tiny_cifake / path
            pixels = np.array(Image.open(file))
            assert np.array_equal(split.images[i], pixels)
            assert split.digests[i].decode() == sha1(pixels.tobytes())
            assert split.file_sizes[i] == file.stat().st_size
            assert split.labels[i] == (FAKE if "FAKE" in path else REAL)
            bracket = path.partition("(")[2].partition(")")[0]
            assert split.classes[i] == (int(bracket) - 1 if bracket else 0)
        assert isinstance(split.images, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            split.images[0] = 0


def test_the_real_arrays_are_the_files(real_cifake):
    rng = np.random.default_rng(3)
    for split in (real_cifake.train, real_cifake.test):
        for i in rng.choice(len(split), 200, replace=False):
            file = real_cifake.root / str(split.names[i])
            assert np.array_equal(split.images[i], np.array(Image.open(file)))
            assert split.digests[i].decode() == sha1(split.images[i].tobytes())
            assert split.file_sizes[i] == file.stat().st_size


@pytest.mark.parametrize("size", [0, 1, 20, 33, 60, 199, 200])
def test_validation_cut_has_the_size_asked_for(size):
    labels, classes = np.divmod(np.arange(200, dtype=np.uint8) % 20, 10)
    digests = np.array([str(i) for i in range(200)], "S40")
    train = dataset.Split(digests, labels, classes, digests, digests, digests)
    held = dataset.validation_indices(train, size)
    assert len(set(held.tolist())) == len(held) == size
    counts = np.bincount(labels[held].astype(int) * 10 + classes[held], minlength=20)
    assert counts.max() - counts.min() <= 1


def test_coming_second_is_no_error_but_a_blocked_place_is(tmp_path):
    work, target, blocked = (tmp_path / name for name in ("work", "target", "blocked"))
    for folder, text in ((work, "mine"), (target, "first")):
        folder.mkdir()
        (folder / "file").write_text(text)
    locate.move_into_place(work, target)
    assert (target / "file").read_text() == "first"
    blocked.write_text("a file")
    with pytest.raises(NotADirectoryError):
        locate.move_into_place(work, blocked)


def test_fetch_without_kagglehub_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(DatasetError) as caught:
        locate.fetch()
    assert str(caught.value) == (
        "Fetching needs the kagglehub package: run `pip install kagglehub`, then try again."
    )


def test_fetch_gives_the_root_or_says_what_went_wrong(monkeypatch, tmp_path, tiny_cifake):
    asked, answers = [], [str(tiny_cifake.parent), str(tmp_path)]

    def download(handle: str) -> str:
        asked.append(handle)
        if not answers:
            raise ConnectionError("no route to host")
        return answers.pop(0)

    monkeypatch.setitem(sys.modules, "kagglehub", SimpleNamespace(dataset_download=download))
    assert locate.fetch() == tiny_cifake
    with pytest.raises(DatasetError, match="does not hold train/ and test/"):
        locate.fetch()
    with pytest.raises(DatasetError, match="no route to host"):
        locate.fetch()
    assert asked == ["birdy654/cifake-real-and-ai-generated-synthetic-images"] * 3


def test_cache_dir(monkeypatch, tmp_path):
    monkeypatch.setenv("CIFAKE_CACHE", str(tmp_path / "named"))
    assert locate.cache_dir() == tmp_path / "named"
    monkeypatch.delenv("CIFAKE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert locate.cache_dir() == tmp_path / "xdg" / "cifake-lens"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate.cache_dir() == tmp_path / ".cache" / "cifake-lens"
