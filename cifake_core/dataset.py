"""Decode, cache and split the CIFAKE data set; :mod:`cifake_core.locate` finds its files.

CIFAKE (Bird & Lotfi 2024, doi:10.1109/ACCESS.2024.3356122) is 60,000 CIFAR-10 photographs and
60,000 Stable Diffusion 1.4 images, all 32x32 RGB JPEG, as ``{train,test}/{REAL,FAKE}/*.jpg``.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from cifake_core.errors import DatasetError
from cifake_core.labels import CLASSES, LABELS
from cifake_core.locate import SPLITS, cache_dir, find, move_into_place
from cifake_core.progress import Progress

IMAGE_SIZE = 32
EXPECTED_COUNTS = {"train": 50_000, "test": 10_000}  # images for each label
VALIDATION_SIZE = 10_000
VALIDATION_SEED = 2024

# Bump when the way files become arrays changes, so that stale caches are not read.
CACHE_VERSION = 1
# What a cache gives whose files were cut short, are gone or belong to somebody else.
_UNREADABLE = (OSError, ValueError, EOFError, KeyError, TypeError)
_log = logging.getLogger(__name__)
_told: set[Path] = set()  # roots whose number of images was remarked on
_CLASS_NUMBER = re.compile(r"\((\d+)\)\.jpe?g$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Split:
    """One official split as arrays; row i of each array describes the same file.

    Attributes:
        images: (N, 32, 32, 3) uint8, memory-mapped and read-only.
        labels: (N,) uint8, as in :mod:`cifake_core.labels`.
        classes: (N,) uint8, index into :data:`cifake_core.labels.CLASSES`.
        file_sizes: (N,) int32, bytes on disk.
        digests: (N,) S40, SHA-1 of the decoded pixels; equal for pixel-identical images.
        names: (N,) str, path relative to the data set's root, sorted.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: np.ndarray
    file_sizes: np.ndarray
    digests: np.ndarray
    names: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Dataset:
    """The whole set: where it lies, a hash of every path and byte, and its two splits."""

    root: Path
    sha256: str
    train: Split
    test: Split


def class_of(name: str) -> int:
    """CIFAR-10 class index written in a file name: none is 0 (airplane), ``(2)`` is 1, ..."""
    match = _CLASS_NUMBER.search(name)
    return int(match.group(1)) - 1 if match else 0


def load(path: str | Path | None = None, progress: Progress | None = None) -> Dataset:
    """Find the set and open its arrays, decoding all files on the first call (about 20 s).

    A set of another size than CIFAKE's is used, and that is logged as a warning, once.

    Raises:
        DatasetError: the set is missing, or a file in it cannot be decoded as 32x32 RGB JPEG.
    """
    root = find(path)
    fingerprint = _fingerprint(root)
    known = cache_dir() / "fingerprints" / f"{fingerprint}.json"
    with suppress(*_UNREADABLE):  # then the files are read again
        return _opened(root, json.loads(known.read_text())["sha256"])
    sha256, columns, problems = read_all(root, progress)
    if problems:
        raise DatasetError(
            f"{len(problems)} files of the data set are wrong, the first: {problems[0]}. "
            "`python -m cifake_core data check` lists them all."
        )
    if not all(len(columns[split]["labels"]) for split in SPLITS):
        raise DatasetError(f"{root} has no images in train/ or in test/.")
    try:
        _write_arrays(_arrays_dir(sha256), columns)
        _write_atomically(known, json.dumps({"root": str(root), "sha256": sha256}).encode())
        return _opened(root, sha256)
    except OSError as error:
        raise DatasetError(f"The cache folder {cache_dir()} cannot be used: {error}") from error


def read_all(
    root: Path, progress: Progress | None = None
) -> tuple[str, dict[str, dict[str, np.ndarray]], list[str]]:
    """Decode every file of the set.

    Returns:
        The hash of all paths and bytes; for each split its columns by name as in :class:`Split`
        (files with problems left out); and one sentence for each file with a problem.
    """
    files = {split: sorted(_image_files(root, split)) for split in SPLITS}
    total = sum(map(len, files.values()))
    whole, problems, columns, done = hashlib.sha256(), [], {}, 0
    for split in SPLITS:
        rows, pixels = [], []
        for name in files[split]:
            try:
                data = (root / name).read_bytes()
                image = _decode(data)
            except OSError as error:  # a folder, a dangling link, a file without permission
                data, image = b"", f"cannot be read ({type(error).__name__})"
            whole.update(os.fsencode(f"{name}\0{len(data)}\0") + hashlib.sha256(data).digest())
            if class_of(name) not in range(len(CLASSES)):
                image = "the number in brackets is not that of a class"
            if isinstance(image, str):
                shown = name.encode(errors="backslashreplace").decode()  # names need not be text
                problems.append(f"{shown}: {image}")
            else:
                label = LABELS.index(name.split("/")[1].upper())
                digest = hashlib.sha1(image, usedforsecurity=False).hexdigest()
                rows.append((label, class_of(name), len(data), digest.encode(), name))
                pixels.append(image)
            done += 1
            if progress and (done % 500 == 0 or done == total):
                progress(done, total)
        kinds = (np.uint8, np.uint8, np.int32, "S40", np.str_)
        keys = ("labels", "classes", "file_sizes", "digests", "names")
        columns[split] = {
            key: np.array([row[i] for row in rows], dtype=kind)
            for i, (key, kind) in enumerate(zip(keys, kinds, strict=True))
        }
        empty = np.empty((0, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
        columns[split]["images"] = np.stack(pixels) if pixels else empty
    return whole.hexdigest(), columns, problems


def validation_indices(
    train: Split, size: int | None = None, seed: int = VALIDATION_SEED
) -> np.ndarray:
    """Rows of ``train`` held out for every choice, sorted; (size,) int64, or a few less.

    Stratified by label and class; pixel-identical images stay on one side together, so a group of
    them for which there is no room left is passed over. By default
    10,000 of all 100,000, and a tenth of a smaller set.
    """
    size = min(VALIDATION_SIZE, len(train) // 10) if size is None else size
    strata = train.labels.astype(int) * 10 + train.classes
    kinds, counts = np.unique(strata, return_counts=True)
    share, rest = np.divmod(counts * size, len(train))
    share[np.argsort(-rest, kind="stable")[: size - share.sum()]] += 1
    room = dict(zip(kinds.tolist(), share.tolist(), strict=True))
    _, group = np.unique(train.digests, return_inverse=True)
    order = np.argsort(group, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    chosen: list[int] = []
    for g in np.random.default_rng(seed).permutation(len(members)):
        here, need = np.unique(strata[members[g]], return_counts=True)
        if all(room[s] >= n for s, n in zip(here.tolist(), need, strict=True)):
            chosen.extend(members[g].tolist())
            for s, n in zip(here.tolist(), need, strict=True):
                room[s] -= n
    return np.sort(np.array(chosen, dtype=np.int64))


def leaked_rows(data: Dataset) -> np.ndarray:
    """(N_test,) bool: which test images are pixel-identical to a training image."""
    return np.isin(data.test.digests, data.train.digests)


def _decode(data: bytes) -> np.ndarray | str:
    """Pixels of one data-set file, or a sentence on what is wrong with it."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            if image.size != (IMAGE_SIZE, IMAGE_SIZE):
                return f"{image.size[0]}x{image.size[1]} pixels instead of 32x32"
            if image.mode != "RGB":
                return f"mode {image.mode} instead of RGB"
            return np.asarray(image)
    except Exception as error:
        return f"not a readable JPEG ({type(error).__name__})"


def _image_files(root: Path, split: str) -> Iterator[str]:
    for label in LABELS:
        with os.scandir(root / split / label) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    yield f"{split}/{label}/{entry.name}"


def _fingerprint(root: Path) -> str:
    """Cheap stand-in for the content hash: every name, size and modification time."""
    digest = hashlib.sha256(f"{CACHE_VERSION}\0{root.resolve()}\0".encode())
    for split in SPLITS:
        for label in LABELS:
            with os.scandir(root / split / label) as entries:
                for entry in sorted(entries, key=lambda e: e.name):
                    stat = entry.stat(follow_symlinks=entry.is_file())  # a link may dangle
                    line = f"{entry.name}\0{stat.st_size}\0{stat.st_mtime_ns}\0"
                    digest.update(os.fsencode(line))
    return digest.hexdigest()[:32]


def _arrays_dir(sha256: str) -> Path:
    return cache_dir() / "arrays" / f"{sha256[:16]}-v{CACHE_VERSION}"


def _opened(root: Path, sha256: str) -> Dataset:
    """The set by its arrays in the cache; raises one of ``_UNREADABLE``."""
    folder = _arrays_dir(sha256)
    data = Dataset(root, sha256, *(_open_split(folder, split) for split in SPLITS))
    counts = [len(split) for split in (data.train, data.test)]
    expected = [len(LABELS) * EXPECTED_COUNTS[split] for split in SPLITS]
    if counts != expected and root not in _told:
        _told.add(root)
        _log.warning(
            "%s holds %s images to train on and %s to test with; CIFAKE has %s and %s",
            *(root, *(f"{count:,}" for count in (*counts, *expected))),
        )
    return data


def _open_split(folder: Path, split: str) -> Split:
    keys = Split.__dataclass_fields__
    return Split(**{k: np.load(folder / f"{split}-{k}.npy", mmap_mode="r") for k in keys})


def _is_whole(folder: Path) -> bool:
    with suppress(*_UNREADABLE):
        return bool([_open_split(folder, split) for split in SPLITS])
    return False


def _write_arrays(target: Path, columns: dict[str, dict[str, np.ndarray]]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    damaged = target.is_dir()
    if damaged and _is_whole(target):  # of the same files elsewhere
        return
    work = Path(tempfile.mkdtemp(prefix=".arrays-", dir=target.parent))
    try:
        (new := work / "new").mkdir()
        for split, arrays in columns.items():
            for key, array in arrays.items():
                np.save(new / f"{split}-{key}.npy", array)
        if damaged and not _is_whole(target):  # by now it might be
            with suppress(FileNotFoundError):
                target.replace(work / "damaged")
        move_into_place(new, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write_atomically(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not one of mkstemp's, which nobody else could read.
    work = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        work.write_bytes(data)
        work.replace(path)
    finally:
        work.unlink(missing_ok=True)
