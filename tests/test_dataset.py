"""Finding, unpacking, caching and refusing the data set."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cifake_core import dataset, locate
from cifake_core.errors import DatasetError

FOLDERS = ("train/FAKE", "train/REAL", "test/FAKE", "test/REAL")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for each test, and a working folder without ./data."""
    monkeypatch.setenv("CIFAKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kagglehub"))
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    return tmp_path / "cache"


def encoded(seed: int = 0, size: tuple = (32, 32), mode: str = "RGB", form: str = "JPEG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, form)
    return buffer.getvalue()


def small_set(root: Path) -> Path:
    """Two images in each folder: an airplane and a truck."""
    for i, folder in enumerate(FOLDERS):
        (root / folder).mkdir(parents=True)
        (root / folder / "0001.jpg").write_bytes(encoded(2 * i))
        (root / folder / "0001 (10).jpg").write_bytes(encoded(2 * i + 1))
    return root


def pack_tar(target: Path, members: dict[str, bytes], mode: str = "w:xz") -> Path:
    with tarfile.open(target, mode) as packed:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    return target


def pack_zip(target: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(target, "w") as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return target


def files_of(root: Path) -> dict[str, bytes]:
    files = (p for p in root.rglob("*") if p.is_file() and p.name != ".whole")
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in files}


def test_the_first_place_that_holds_the_set_wins(tmp_path, monkeypatch):
    places = {name: small_set(tmp_path / name) for name in ("explicit", "variable")}
    here = small_set(Path("data/cifake"))
    kaggle = tmp_path / "kagglehub" / "datasets" / locate.KAGGLE_HANDLE / "versions"
    small_set(kaggle / "2")
    small_set(kaggle / "10")

    monkeypatch.setenv("CIFAKE_DATA", str(places["variable"]))
    assert locate.find(places["explicit"]) == places["explicit"]
    assert locate.find() == places["variable"]
    monkeypatch.delenv("CIFAKE_DATA")
    assert locate.find() == here
    shutil.rmtree("data")
    assert locate.find() == kaggle / "10", "the newest version, by number and not by letters"
    shutil.rmtree(kaggle)
    with pytest.raises(DatasetError) as caught:
        locate.find()
    assert str(caught.value) == locate.HOW_TO_GET_IT
    assert all(word in locate.HOW_TO_GET_IT for word in ("data fetch", "CIFAKE_DATA"))


def test_what_was_named_is_never_passed_over(tmp_path, monkeypatch):
    small_set(Path("data/cifake"))
    (tmp_path / "half" / "train" / "REAL").mkdir(parents=True)
    for wrong in ("missing", "half"):
        with pytest.raises(DatasetError, match=wrong):
            locate.find(tmp_path / wrong)
        monkeypatch.setenv("CIFAKE_DATA", str(tmp_path / wrong))
        with pytest.raises(DatasetError, match=wrong):
            locate.find()


@pytest.mark.parametrize("inside", [".", "cifake", "CIFAKE"])
def test_a_folder_that_holds_the_set_one_level_down(tmp_path, inside):
    assert small_set(tmp_path / "named" / inside) == locate.find(tmp_path / "named")


@pytest.mark.parametrize("prefix", ["", "./", "cifake/", "./a/b/c/"])
@pytest.mark.parametrize("kind", ["tar.xz", "tar.gz", "zip"])
def test_archives_of_every_layout_give_the_same_files(tmp_path, cache, kind, prefix):
    plain = files_of(small_set(tmp_path / "plain"))
    members = {prefix + name: data for name, data in plain.items()}
    members |= {prefix + "README.md": b"no image", prefix + "train/REAL/notes.txt": b"no image"}
    target = tmp_path / f"packed.{kind}"
    pack_zip(target, members) if kind == "zip" else pack_tar(target, members, f"w:{kind[4:]}")
    root = locate.find(target)
    assert root.is_relative_to(cache)
    assert files_of(root) == plain


def test_an_archive_is_found_in_the_data_folder_and_unpacked_once(tmp_path, monkeypatch):
    Path("data").mkdir()
    pack_tar(Path("data/cifake.tar.xz"), files_of(small_set(tmp_path / "plain")))
    root = locate.find()
    file = root / "train/REAL/0001.jpg"
    file.write_bytes(same := bytes(file.stat().st_size))
    monkeypatch.setattr(locate, "_members", None)  # unpacking again would call it
    assert locate.find() == root
    assert file.read_bytes() == same


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_no_member_is_written_outside(tmp_path, cache, kind):
    good = {"train/REAL/0001.jpg": b"good", "test/FAKE/0001 (2).jpg": b"good"}
    bad = (
        *("../outside.jpg", "/outside.jpg", "train/REAL/../../outside.jpg", "outside.jpg"),
        *("/train/REAL/outside.jpg", "train/REAL/a/outside.jpg", "train/REAL/..\\outside.jpg"),
        *("train/OTHER/outside.jpg", "train/REAL/outside.exe", "a/b/c/d/train/REAL/outside.jpg"),
        *(str(tmp_path / "outside.jpg"), "validation/REAL/outside.jpg"),
    )
    # Ends where it belongs, because only the last three parts of a name count.
    climbing = {"../../train/FAKE/0002.jpg": b"good"}
    members = dict.fromkeys(bad, b"bad") | good | climbing
    archive = tmp_path / f"packed.{kind}"
    if kind == "zip":
        pack_zip(archive, members)
    else:
        pack_tar(archive, members, "w")
        with tarfile.open(archive, "a") as packed:
            for number, form in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE)):
                link = tarfile.TarInfo(f"train/REAL/link{number}.jpg")
                link.type, link.linkname = form, "/etc/hostname"
                packed.addfile(link)
    root = locate.find(archive)
    assert files_of(root) == good | {"train/FAKE/0002.jpg": b"good"}
    assert set(files_of(tmp_path)) == {
        archive.name,
        *((root / name).relative_to(tmp_path).as_posix() for name in files_of(root)),
    }
    assert not Path("/outside.jpg").exists()
    assert not [p for p in cache.rglob("*") if p.is_symlink() or p.name.startswith(".unpack")]


def test_archives_that_are_refused_leave_nothing_behind(tmp_path, cache, monkeypatch):
    name = "train/REAL/0001.jpg"
    whole = pack_tar(tmp_path / "whole.tar.xz", {name: encoded()}).read_bytes()
    (tmp_path / "cut.tar.xz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "junk.zip").write_bytes(b"no archive")
    pack_zip(tmp_path / "empty.zip", {"README.md": b"no image"})
    pack_tar(tmp_path / "big.tar.xz", {name: bytes(64 * 1024 + 1)})
    pack_zip(tmp_path / "big.zip", {name: bytes(64 * 1024 + 1)})
    pack_zip(tmp_path / "nul.zip", {"train/REAL/" + "x" * 300 + ".jpg": b"a name too long"})
    monkeypatch.setattr(locate, "_MAX_FILES", 3)
    pack_zip(tmp_path / "many.zip", {f"train/REAL/{i}.jpg": b"" for i in range(4)})
    archives = sorted(p for p in tmp_path.iterdir() if p.name != "whole.tar.xz" and p.is_file())
    assert len(archives) == 7
    for archive in archives:
        with pytest.raises(DatasetError, match=archive.name):
            locate.find(archive)
        assert not list((cache / "unpacked").iterdir()), archive.name


def test_the_cache_follows_the_content(tmp_path, cache, monkeypatch):
    root = small_set(tmp_path / "set")
    first = dataset.load(root)
    changed = root / "train/FAKE/0001.jpg"
    shutil.copytree(root, tmp_path / "copy")
    assert dataset.load(tmp_path / "copy").sha256 == first.sha256
    assert len(list((cache / "arrays").iterdir())) == 1

    changed.write_bytes(encoded(99))
    second = dataset.load(root)
    assert second.sha256 != first.sha256
    assert not np.array_equal(second.train.images[1], first.train.images[1])
    assert np.array_equal(second.train.images[1], np.array(Image.open(changed)))
    assert np.array_equal(second.test.images, first.test.images)

    next((cache / "fingerprints").iterdir()).write_text("{")  # cut short
    assert dataset.load(tmp_path / "copy").sha256 == first.sha256
    assert dataset.load(root).sha256 == second.sha256
    monkeypatch.setattr(dataset, "read_all", None)  # decoding again would call it
    assert dataset.load(root).sha256 == second.sha256


def test_a_file_of_the_same_size_and_another_time_is_read_again(tmp_path):
    root = small_set(tmp_path / "set")
    file = root / "train/FAKE/0001.jpg"
    for seed in (1, 2):
        file.write_bytes(encoded(seed).ljust(4096, b"\0"))  # decoders stop at the end of image
        os.utime(file, (seed, seed))
        assert np.array_equal(dataset.load(root).train.images[1], np.array(Image.open(file)))


def test_two_processes_at_once(tmp_path, cache, tiny_cifake):
    archive = pack_tar(tmp_path / "cifake.tar.xz", files_of(tiny_cifake))
    code = (
        "import sys; from cifake_core import dataset; print('ready', flush=True); "
        "sys.stdin.readline(); data = dataset.load(sys.argv[1]); "
        "print(data.sha256, data.train.images.sum())"
    )
    command = [sys.executable, "-c", code, str(archive)]
    options = {"cwd": Path(dataset.__file__).parents[1], "text": True}
    options |= {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    both = [subprocess.Popen(command, **options) for _ in range(2)]
    assert [process.stdout.readline() for process in both] == ["ready\n"] * 2
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=120)[0] for process in both]
    expected = dataset.load(tiny_cifake)
    assert answers == [f"{expected.sha256} {expected.train.images.sum()}\n"] * 2
    assert len(list((cache / "unpacked").iterdir())) == 1
    assert len(list((cache / "arrays").iterdir())) == 1


BAD = {
    "nothing in it": ("0002.jpg", b"", "not a readable JPEG"),
    "junk": ("0002.jpg", b"junk", "not a readable JPEG"),
    "cut short": ("0002.jpg", encoded()[:-200], "not a readable JPEG"),
    "png": ("0002.jpg", encoded(form="PNG"), "not a readable JPEG"),
    "size": ("0002.jpg", encoded(size=(16, 33)), "16x33 pixels instead of 32x32"),
    "grey": ("0002.jpg", encoded(mode="L"), "mode L instead of RGB"),
    "cmyk": ("0002.jpg", encoded(mode="CMYK"), "mode CMYK instead of RGB"),
    "class 11": ("0002 (11).jpg", encoded(), "not that of a class"),
    "class 0": ("0002 (0).jpg", encoded(), "not that of a class"),
    "not an image": ("notes.txt", b"text", "not a readable JPEG"),
    "a folder": ("0002.jpg", None, "cannot be read"),
    "a name that is no text": ("0002\udcff.jpg", b"junk", "not a readable JPEG"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_wrong_file_is_named(tmp_path, cache, kind):
    name, data, words = BAD[kind]
    root = small_set(tmp_path / "set")
    path = root / "train" / "REAL" / name
    path.mkdir() if data is None else path.write_bytes(data)
    _, columns, problems = dataset.read_all(root)
    assert len(problems) == 1
    printable = name.replace("\udcff", "\\udcff")
    assert problems[0].startswith(f"train/REAL/{printable}: ")
    assert words in problems[0]
    assert [len(columns[split]["labels"]) for split in locate.SPLITS] == [4, 4]
    with pytest.raises(DatasetError, match="1 files of the data set are wrong") as caught:
        dataset.load(root)
    assert problems[0] in str(caught.value)
    assert "data check" in str(caught.value)
    assert not (cache / "arrays").exists()


def test_hidden_files_are_no_images_and_empty_splits_no_set(tmp_path):
    root = small_set(tmp_path / "set")
    (root / "train/REAL/.DS_Store").write_bytes(b"junk")
    assert len(dataset.load(root).train) == 4
    for path in root.glob("test/*/*"):
        path.unlink()
    with pytest.raises(DatasetError, match="no images in train/ or in test/"):
        dataset.load(root)


def test_an_unusable_cache_is_said(tmp_path, monkeypatch):
    root = small_set(tmp_path / "set")
    archive = pack_tar(tmp_path / "packed.tar", files_of(root), "w")
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("CIFAKE_CACHE", str(tmp_path / "file"))
    for path in (root, archive):
        with pytest.raises(DatasetError, match=r"cache folder .* cannot be used"):
            dataset.load(path)
