"""Thousands of damaged files, one after another, through the real decoder in a child process.

The child is watched from outside, so that a crash, a hang or a memory bomb is a finding with a
name and not the end of the test. The corpus is a folder or a tar archive named by the environment
variable ``CIFAKE_BAD_IMAGES``; the mutations below need nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import random
import struct
import subprocess
import sys
import tarfile
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import encoders
import hostile
import numpy as np
import pytest

from cifake_core import images

SECONDS = 5.0  # for one file
PEAK_MB = 512
STARTING_SECONDS = 60.0
OUTCOMES = {"ok", "BrokenImageError", "ImageTooLargeError", "UnsupportedImageError"}

# Reads "length, bytes" from stdin, answers one line of JSON each. The modules are imported first
# and announced by a line of their own, so that a slow start is not taken for a slow file.
CHILD = """
import json, resource, struct, sys, time
from cifake_core.errors import ImageError
from cifake_core.images import decode
def peak():
    # Linux hands ru_maxrss down from the parent; VmHWM is this program's own.
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if "VmHWM" in line) / 1e6
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
def say(**answer):
    print(json.dumps(answer), flush=True)
say(outcome="ready")
while len(head := sys.stdin.buffer.read(4)) == 4:
    data = sys.stdin.buffer.read(struct.unpack("<I", head)[0])
    start = time.monotonic()
    try:
        image = decode(data)
        fine = image.pixels.shape == (image.height, image.width, 3) and not image.notes.count("")
        outcome = "ok" if fine else "wrong shape"
    except ImageError as error:
        outcome = type(error).__name__
    except BaseException as error:
        outcome = "leaked " + type(error).__name__
    say(outcome=outcome, seconds=time.monotonic() - start, peak=peak())
"""


class Child:
    """One decoding process; :meth:`decode` never raises and never waits longer than allowed."""

    def __init__(self) -> None:
        paths = [str(Path(images.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
        self.answers: queue.Queue[bytes] = queue.Queue()
        self.stderr = b""
        self.threads = [
            threading.Thread(target=self._read_answers, daemon=True),
            threading.Thread(target=self._read_stderr, daemon=True),
        ]
        for thread in self.threads:
            thread.start()
        assert self._answer(STARTING_SECONDS)["outcome"] == "ready", self.stderr.decode()

    def _read_answers(self) -> None:
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put(b"")

    def _read_stderr(self) -> None:
        self.stderr = self.process.stderr.read()

    def _answer(self, seconds: float) -> dict:
        try:
            line = self.answers.get(timeout=seconds)
        except queue.Empty:
            return {"outcome": "hang", "seconds": seconds, "peak": 0.0}
        return json.loads(line or '{"outcome": "crash", "seconds": 0.0, "peak": 0.0}')

    def decode(self, data: bytes) -> dict:
        # Where it crashes while being written to, the answer says so.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(struct.pack("<I", len(data)) + data)
            self.process.stdin.flush()
        return self._answer(SECONDS)

    def end(self) -> bytes:
        """Stop the process and return what it printed on stderr."""
        self.process.kill()
        self.process.wait()
        for thread in self.threads:
            thread.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        return self.stderr


@dataclass
class Findings:
    outcomes: Counter = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    peak: float = 0.0
    stderr: bytes = b""

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {name}" for name, count in self.outcomes.most_common())
        seconds, name = self.slowest
        return (
            f"{self.outcomes.total()} files: {counts}; slowest {seconds:.2f} s ({name}); "
            f"peak {self.peak:.0f} MB"
        )


def run(files: Iterable[tuple[str, bytes]]) -> Findings:
    """Decode all files in one child, or in several where one dies."""
    findings, child = Findings(), Child()
    for name, data in files:
        answer = child.decode(data)
        outcome = answer["outcome"]
        findings.outcomes[outcome] += 1
        findings.slowest = max(findings.slowest, (answer["seconds"], name))
        findings.peak = max(findings.peak, answer["peak"])
        is_large = answer["peak"] > PEAK_MB
        if outcome not in OUTCOMES or is_large:
            findings.bad.append(f"{name}: {outcome}, {answer['peak']:.0f} MB")
        if outcome in ("hang", "crash") or is_large:  # the peak of a process never falls
            findings.stderr += child.end()
            child = Child()
    findings.stderr += child.end()
    return findings


def assert_safe(findings: Findings) -> None:
    assert findings.bad == []
    assert findings.slowest[0] <= SECONDS
    assert 0 < findings.peak < PEAK_MB
    # libtiff, in C, prints a line about data it cannot decode; Python prints nothing.
    for sign in (b"Traceback", b"Warning", b"Error:", b".py", b"PIL"):
        assert sign not in findings.stderr


def corpus(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield str(file.relative_to(path)), file.read_bytes()
        return
    with tarfile.open(path, "r|*") as archive:  # a stream: nothing is unpacked to the disk
        for member in archive:
            if member.isfile():
                yield member.name, archive.extractfile(member).read()


def test_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    where = os.environ.get("CIFAKE_BAD_IMAGES")
    if not where:
        pytest.skip("CIFAKE_BAD_IMAGES names no folder or tar archive of bad images")
    assert Path(where).exists(), "CIFAKE_BAD_IMAGES names a path that does not exist"
    findings = run(corpus(Path(where)))
    with capsys.disabled():
        print(f"\nbad images: {findings}", file=sys.stderr)
    assert_safe(findings)
    total, read = findings.outcomes.total(), findings.outcomes["ok"]
    assert total >= 1000
    assert total // 10 <= read <= total * 9 // 10


# --- Our own damage ---

SOURCES = {
    "JPEG": [{"quality": 80}, {"progressive": True}, {"exif": encoders.exif(6)}],
    "PNG": [{}, {"pnginfo": None, "exif": encoders.exif(3)}],
    "WEBP": [{"quality": 80}, {"lossless": True}],
    "GIF": [{}, {"interlace": 1}],
    "BMP": [{}],
    "TIFF": [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}, {"compression": "packbits"}],
}
MUTATIONS = 300  # of each format


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Flip, repeat, drop or overwrite a few bytes, rather often near the start; or cut the end."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        reach = min(len(changed), rng.choice((64, 512, len(changed))))
        at = rng.randrange(max(reach, 1))
        kind = rng.randrange(6)
        if kind == 0:
            del changed[rng.randrange(len(changed)) :]
        elif kind == 1:
            del changed[at : at + rng.randrange(1, 9)]
        elif kind == 2:
            changed[at:at] = changed[at : at + rng.randrange(1, 40)]
        elif kind == 3:
            changed[at : at + 2] = rng.choice((b"\0\0", b"\xff\xff", b"\x7f\xff", b"\0\1"))
        else:
            changed[at : at + 1] = bytes([rng.randrange(256)])
        changed = changed or bytearray(b"\0")
    return bytes(changed)


def mutations() -> Iterator[tuple[str, bytes]]:
    rng = random.Random(20_240_917)
    noise = np.random.default_rng(3).integers(0, 40, (40, 48, 3), dtype=np.uint8)
    for form, variants in SOURCES.items():
        sources = [
            encoders.encode(encoders.picture() // 2 + noise, form, **options)
            for options in variants
        ]
        if form in ("GIF", "WEBP", "PNG"):
            sources.append(encoders.frames(form))
        for number in range(MUTATIONS):
            yield f"{form} {number}", damaged(sources[number % len(sources)], rng)


def test_mutations(capsys: pytest.CaptureFixture[str]) -> None:
    findings = run(mutations())
    with capsys.disabled():
        print(f"\nmutations: {findings}", file=sys.stderr)
    assert_safe(findings)
    assert findings.outcomes["ok"] >= 200
    assert findings.outcomes["BrokenImageError"] >= 200


def test_hostile_and_large_files_hold_the_limits(capsys: pytest.CaptureFixture[str]) -> None:
    """In one child each, for the peak of memory to be their own."""
    makers = {**hostile.HOSTILE, **hostile.ODD}
    large = [name for name in makers if "megapixels" in name]
    findings = [run([(name, makers[name]())]) for name in large]
    findings.append(run((name, make()) for name, make in makers.items() if name not in large))
    with capsys.disabled():
        for name, found in zip([*large, "all others"], findings, strict=True):
            print(f"\n{name}: {found}", file=sys.stderr)
    for found in findings:
        assert_safe(found)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("import os; os.abort()", "crash"),
        ("import time; time.sleep(60)", "hang"),
        ("raise KeyError('x')", "leaked KeyError"),
        ("raise ImageError('x')", "ImageError"),
        ("global kept; kept = b'x' * 600_000_000; raise BrokenImageError('x')", "BrokenImageError"),
    ],
)
def test_the_watch_itself(body: str, outcome: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that crashes, hangs, leaks or swells is found out, and the next file is read."""
    module = sys.modules[__name__]
    errors = "from cifake_core.errors import BrokenImageError, ImageError\n"
    fault = f"real = decode\ndef decode(data):\n    if data == b'bad':\n        {body}\n"
    fault += "    return real(data)\n"
    changed = CHILD.replace("def peak", errors + fault + "def peak", 1)
    monkeypatch.setattr(module, "CHILD", changed)
    monkeypatch.setattr(module, "SECONDS", 2.0 if outcome == "hang" else 30.0)
    good = encoders.encode(encoders.picture(), "PNG")
    findings = run([("first", good), ("culprit", b"bad"), ("last", good)])
    assert findings.outcomes == Counter({"ok": 2, outcome: 1})
    assert [line.split(":")[0] for line in findings.bad] == ["culprit"]
