"""Where a command writes: stdout, or a file that takes its name when it is whole."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from cifake_core.errors import CifakeLensError
from cifake_core.limits import EXTENSIONS

PART = ".cifake-part"  # ends the names of files under way; no run takes them for images
STDOUT = "standard output"
DESCRIPTORS = {Path("/dev"), Path("/dev/fd")}  # and /proc/*/fd: names that no file may take
HEATMAP = re.compile(r"\d{6,}-[a-z0-9_-]*\.png", re.IGNORECASE)


@contextmanager
def naming(place: Path | str) -> Iterator[None]:
    """Names the place in an OSError that lacks it, as those of writing and closing do."""
    try:
        yield
    except OSError as error:
        if error.filename is None or str(error.filename).endswith(PART):
            error.filename = str(place)
        raise


def say(text: str) -> None:
    """Print a command's result, at once, so that what goes wrong is still told."""
    stdout()
    with naming(STDOUT):
        print(text, flush=True)


def stdout() -> TextIO:
    if sys.stdout is None:
        raise CifakeLensError("Standard output is closed, so the result has nowhere to go.")
    if hasattr(sys.stdout, "reconfigure"):  # names that the terminal's encoding lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    return sys.stdout


def plain(text: str) -> str:
    """A file name as text: no control characters (a terminal would obey), no lone surrogates."""
    text = text.encode("utf-8", "backslashreplace").decode()
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def guard(inputs: Iterable[Path], out: Path | None, heatmaps: Path | None) -> int:
    """The number of inputs.

    Raises:
        CifakeLensError: The run would write over one of them, or its result over other things
            than text.
    """
    written = out.stat() if out and out.exists() else None
    maps = Path(os.path.realpath(heatmaps)) if heatmaps else None
    count = 0
    for path in inputs:
        count += 1
        if written and _is(path, written):
            raise CifakeLensError(
                f"--out names a file that is to be judged: {plain(str(path))}. "
                "Choose another name for the result."
            )
        # Not Path.is_symlink, which raises where a name is too long.
        if maps and (HEATMAP.fullmatch(path.name) or os.path.islink(path)):  # noqa: PTH114
            real = Path(os.path.realpath(path))
            if real.parent == maps and HEATMAP.fullmatch(real.name):
                raise CifakeLensError(
                    f"A heatmap could take the place of a file to be judged: {plain(str(path))}. "
                    "Choose another folder for --heatmaps."
                )
    if out and not _is_descriptor(out):
        real = Path(os.path.realpath(out))
        if {out.suffix.lower(), real.suffix.lower()} & EXTENSIONS:
            raise CifakeLensError(
                f"--out has the name of an image: {plain(str(out))}. The result is text, and a "
                "later run would try to judge it. Choose another name."
            )
        if written and stat.S_ISREG(written.st_mode):
            with out.open("rb") as stream:
                if b"\0" in stream.read(4096):  # every image has one there, in or after its header
                    raise CifakeLensError(
                        f"--out is there already and is no text: {plain(str(out))}. "
                        "Choose another name, so that nothing is lost."
                    )
    return count


def _is(path: Path, written: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), written)
    except OSError:  # it gets its row with the reason
        return False


@contextmanager
def result(path: Path) -> Iterator[TextIO]:
    """A text file to write; it takes the name ``path`` at the end, if all went well.

    Until then a file beside it holds the rows, so that an interrupted run leaves nothing and of
    two runs at once one wins whole. Devices and pipes, and files in a folder that takes no new
    ones, are written as they are.
    """
    target = Path(os.path.realpath(path))  # a link stays one
    work = _part(target) if _replaceable(path) else None
    if work:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            with target.open("ab"):  # replacing would pass over a write protection
                pass
    stream = None
    try:
        # What went to an open file before, as in (echo; check --out /dev/stdout) > FILE, stays.
        mode = "x" if work else "a" if _is_descriptor(path) else "w"
        with naming(path):
            stream = (work or path).open(mode, encoding="utf-8", newline="")
            if work and target.exists():
                shutil.copymode(target, work)
        yield stream
        with naming(path):
            stream.close()
            if work:
                _put(work, target)
    finally:
        if stream:
            with suppress(OSError):  # after an error while writing, closing fails once more
                stream.close()
        if work:
            work.unlink(missing_ok=True)


def write_heatmap(path: Path, data: bytes) -> None:
    """Put a file there. A link of that name is replaced, not followed to what may be an input."""
    work = _part(path)
    try:
        with naming(path):
            work.write_bytes(data)
            work.replace(path)
    finally:
        work.unlink(missing_ok=True)


def _part(target: Path) -> Path:
    return target.with_name(f".{secrets.token_hex(8)}{PART}")


def _is_descriptor(path: Path) -> bool:
    """Whether it is an open file's number, as /dev/stdout, or a device."""
    folder = Path(os.path.realpath(path.parent))
    return folder in DESCRIPTORS or folder.match("/proc/*/fd")


def _replaceable(path: Path) -> bool:
    """Whether a whole file can take the name, as it cannot that of a device or a pipe."""
    if _is_descriptor(path):
        return False
    if not path.exists():
        return True
    found = path.stat()
    ours = any(os.path.samestat(found, os.fstat(number)) for number in (1, 2))  # > FILE
    beside = os.access(Path(os.path.realpath(path)).parent, os.W_OK | os.X_OK)
    return stat.S_ISREG(found.st_mode) and beside and not ours


def _put(work: Path, target: Path) -> None:
    """Rename, or copy where the file must stay the one it is: another's, or a mount point."""
    if target.exists():
        there, new = target.stat(), work.stat()
        if (there.st_uid, there.st_gid) != (new.st_uid, new.st_gid):
            shutil.copyfile(work, target)
            return
    try:
        work.replace(target)
    except OSError:
        if not target.is_file():
            raise
        shutil.copyfile(work, target)
