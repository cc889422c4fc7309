"""Where the CIFAKE data set lies: found, fetched, and unpacked once if it is an archive."""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from cifake_core.errors import DatasetError
from cifake_core.labels import LABELS

SPLITS = ("train", "test")
KAGGLE_HANDLE = "birdy654/cifake-real-and-ai-generated-synthetic-images"
_ARCHIVE_SUFFIXES = (".tar", ".tar.xz", ".tar.gz", ".txz", ".tgz", ".zip")
# RuntimeError: a zip with a password; NotImplementedError (one of those): an unknown compression.
_BROKEN_ARCHIVE = (
    *(tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error),
    *(EOFError, OSError, RuntimeError, ValueError),
)
_MAX_FILE_BYTES = 64 * 1024
_MAX_FILES = 200_000
# In an unpacked folder: how many files there are, and their bytes.
_MARKER = ".whole"
_MEMBER = re.compile(r"(?:[^/]+/){0,3}(train|test)/(REAL|FAKE)/([^/\\]+\.jpe?g)", re.IGNORECASE)

HOW_TO_GET_IT = (
    "The CIFAKE data set was not found: run `python -m cifake_core data fetch`, or download it "
    f"from kaggle.com/datasets/{KAGGLE_HANDLE} and name its folder or archive with --data or "
    "CIFAKE_DATA."
)


def cache_dir() -> Path:
    """Folder for unpacked archives and decoded arrays (``CIFAKE_CACHE``, else the user's cache)."""
    if named := os.environ.get("CIFAKE_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cifake-lens"


def find(path: str | Path | None = None) -> Path:
    """Root of the data set: explicit path, ``CIFAKE_DATA``, ``./data/cifake``, Kaggle's cache.

    An explicit path or ``CIFAKE_DATA`` that does not hold the set is an error, never passed over.

    Raises:
        DatasetError: nothing found, or what was named is not the data set.
    """
    named = path or os.environ.get("CIFAKE_DATA")
    if named:
        root = _resolve(Path(named).expanduser())
        if root is None:
            raise DatasetError(
                f"{named} is neither a folder with train/ and test/ in it nor a packed CIFAKE."
            )
        return root
    for candidate in (Path("data/cifake"), *_archives_in(Path("data")), *_kaggle_cache()):
        if (root := _resolve(candidate)) is not None:
            return root
    raise DatasetError(HOW_TO_GET_IT)


def fetch() -> Path:
    """Download the set from Kaggle with kagglehub (an optional dependency); returns its root."""
    try:
        import kagglehub
    except ImportError:
        raise DatasetError(
            "Fetching needs the kagglehub package: run `pip install kagglehub`, then try again."
        ) from None
    try:
        folder = kagglehub.dataset_download(KAGGLE_HANDLE)
    except Exception as error:  # kagglehub raises what its HTTP layer raises
        raise DatasetError(f"Kaggle could not be reached or refused: {error}") from error
    root = _resolve(Path(folder))
    if root is None:
        raise DatasetError("Kaggle's download does not hold train/ and test/ folders.")
    return root


def _is_root(folder: Path) -> bool:
    return all((folder / split / label).is_dir() for split in SPLITS for label in LABELS)


def _resolve(path: Path) -> Path | None:
    """Root folder for a folder or archive, or None if it is neither."""
    if path.is_file() and path.name.lower().endswith(_ARCHIVE_SUFFIXES):
        return _unpack(path)
    if not path.is_dir():
        return None
    for folder in (path, path / "cifake", path / "CIFAKE"):
        if _is_root(folder):
            return folder
    archives = _archives_in(path)
    return _unpack(archives[0]) if archives else None


def _archives_in(folder: Path) -> list[Path]:
    names = ("cifake.tar.xz", "cifake.zip", "archive.zip", f"{KAGGLE_HANDLE.split('/')[1]}.zip")
    return [folder / name for name in names if (folder / name).is_file()]


def _kaggle_cache() -> list[Path]:
    home = Path(os.environ.get("KAGGLEHUB_CACHE") or Path.home() / ".cache" / "kagglehub")
    versions = home / "datasets" / KAGGLE_HANDLE / "versions"
    return sorted(versions.glob("*"), key=lambda p: p.name.zfill(9), reverse=True)


def _members(archive: Path) -> Iterator[tuple[str, int, Callable[[], BinaryIO | None]]]:
    """(name, size, open) for each regular file of a tar or zip."""
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as packed:
            for info in packed.infolist():
                if not info.is_dir():
                    yield info.filename, info.file_size, lambda i=info: packed.open(i)
    else:
        with tarfile.open(archive) as packed:
            for member in packed:
                if member.isfile():
                    yield member.name, member.size, lambda m=member: packed.extractfile(m)


def _images(archive: Path) -> Iterator[tuple[str, int, Callable[[], BinaryIO | None]]]:
    """Those of the members that belong to the data set; the name is split/label/file."""
    for name, size, opener in _members(archive):
        if match := _MEMBER.fullmatch(name.removeprefix("./")):
            split, label, file = match.groups()
            yield f"{split.lower()}/{label.upper()}/{file}", size, opener


def _there(folder: Path) -> str:
    """Number and bytes of an unpacked folder's files; raises OSError."""
    count = total = 0
    for split in SPLITS:
        for label in LABELS:
            with os.scandir(folder / split / label) as entries:
                for entry in entries:
                    if not entry.name.startswith("."):  # which a file manager may have put there
                        count, total = count + 1, total + entry.stat().st_size
    return f"{count} {total}"


def _is_whole(folder: Path, archive: Path) -> bool:
    """Whether a folder unpacked before still holds all files.

    One without a marker was unpacked by an older version; there the archive says what is to be.
    """
    try:
        found = _there(folder)
        if (folder / _MARKER).is_file():
            return found == (folder / _MARKER).read_text()
        sizes = {name: size for name, size, _ in _images(archive) if "/." not in name}
        if found != f"{len(sizes)} {sum(sizes.values())}":
            return False
    except _BROKEN_ARCHIVE:
        return False
    with suppress(OSError):  # a cache that may only be read
        (folder / _MARKER).write_text(found)
    return True


def _unpack(archive: Path) -> Path:
    """Unpack into the cache, once and again if files there are gone; returns the root folder.

    Target paths are built from the three matched parts of a member's name, never from the name
    itself, so no archive can write outside; links and devices are not regular files and are left.
    """
    with archive.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    target = cache_dir() / "unpacked" / digest[:16]
    damaged = target.is_dir()
    if damaged and _is_whole(target, archive):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        both = Path(tempfile.mkdtemp(prefix=".unpack-", dir=target.parent))
    except OSError as error:
        raise DatasetError(f"The cache folder {cache_dir()} cannot be used: {error}") from error
    work = both / "new"
    try:
        for split in SPLITS:
            for label in LABELS:
                (work / split / label).mkdir(parents=True)
        count = 0
        for name, size, opener in _images(archive):
            count += 1
            if size > _MAX_FILE_BYTES or count > _MAX_FILES:
                raise DatasetError(f"{archive} holds more or larger files than CIFAKE does.")
            with opener() as source:
                (work / name).write_bytes(source.read(_MAX_FILE_BYTES + 1))
        if not count:
            raise DatasetError(f"{archive} holds no train/ and test/ folders of CIFAKE.")
        (work / _MARKER).write_text(_there(work))
        if damaged and not _is_whole(target, archive):  # by now it might be
            with suppress(FileNotFoundError):
                target.replace(both / "damaged")
        move_into_place(work, target)
    except _BROKEN_ARCHIVE as error:
        raise DatasetError(f"{archive} could not be unpacked: {error}") from error
    finally:
        shutil.rmtree(both, ignore_errors=True)
    return target


def move_into_place(work: Path, target: Path) -> None:
    """Rename a finished folder to its final name; another process may have been first."""
    work.chmod(0o755)
    try:
        work.replace(target)
    except OSError:
        if not target.is_dir():
            raise
