"""A run's folder, its log, and stopping it without harm."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cifake_core import dataset
from cifake_core.errors import ConfigError
from train import checkpoint
from train.config import Config

# Those that decide what a step computes.
PACKAGES = (
    "keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "numpy", "opencv-python-headless"
)  # fmt: skip

REMARK = (
    "Validation while training is of the averaged weights with the running statistics that batch "
    "normalisation has of the raw ones, so it reads too low until the learning rate has fallen."
)


def open_run(
    folder: Path, config: Config, recipe: str, data_sha256: str, initial_sha256: str = ""
) -> None:
    """Create the run folder, or make sure that it holds this very run or the first cycles of it.

    Raises:
        ConfigError: the folder holds a run with other settings or on other data.
    """
    import keras

    settings = json.loads(json.dumps(config.as_dict()))
    path = folder / "config.json"
    if path.is_file():
        before = json.loads(path.read_text())
        cycles = before["config"].get("then", [])
        first = settings | {"then": settings["then"][: len(cycles)]}
        if before["config"] != first or before["data_sha256"] != data_sha256:
            raise ConfigError(f"{folder} holds a run with other settings; choose another --run.")
        if before["config"] != settings:
            (folder / "result.json").unlink(missing_ok=True)  # no longer finished
            extended = {"cycles_before": 1 + len(cycles), "git_commit": _git_commit()}
            before |= {"config": settings, "extended": [*before.get("extended", []), extended]}
            checkpoint.replace(path, json.dumps(before, indent=1).encode())
        return
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "recipe": recipe,
        "config": settings,
        "data_sha256": data_sha256,
        "initial_weights_sha256": initial_sha256,
        "validation_seed": dataset.VALIDATION_SEED,
        "backend": keras.backend.backend(),
        "versions": {"python": platform.python_version(), **versions(PACKAGES)},
        "git_commit": _git_commit(),
    }
    checkpoint.replace(path, json.dumps(record, indent=1).encode())


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Of those packages that are installed."""
    found = {}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def remark(record: dict[str, Any]) -> str:
    """What must be known to read a run's curve; "" if nothing."""
    parts = record.get("parts", [])
    words = [REMARK] if any(r["config"].get("ema") for r in parts or [record]) else []
    if parts:
        words.append(f"{len(parts)} nets were trained apart: a stroke each.")
    return " ".join(words)


def seeds_of(training: dict[str, Any]) -> int | list[int]:
    """The seed of a run's record or of a card's; a list where several nets were joined."""
    parts = training.get("parts")
    return [p["config"]["seed"] for p in parts] if parts else training["config"]["seed"]


def _git_commit() -> str:
    """With ``-dirty``, as git describes it, where a tracked file was changed; "" outside of git."""

    def git(*words: str) -> str:
        folder = Path(__file__).parent
        done = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


class MetricLog:
    """JSON lines; what was written after the checkpoint one resumes from is dropped."""

    def __init__(self, path: Path, start: int) -> None:
        self.path, self.entries = path, []
        for line in path.read_text().splitlines() if path.is_file() else []:
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # the line being written when the run was killed
            if entry["step"] <= start:
                self.entries.append(entry)
        checkpoint.replace(path, "".join(json.dumps(e) + "\n" for e in self.entries).encode())

    def write(self, entry: dict) -> None:
        self.entries.append(entry)
        with self.path.open("a") as stream:
            stream.write(json.dumps(entry) + "\n")
            stream.flush()
            os.fsync(stream.fileno())


class StopRequest:
    """Turns Ctrl-C and SIGTERM into a stop at the next step, so that a checkpoint is whole."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> StopRequest:
        self._before = {s: signal.signal(s, self._ask) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *exception) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, *_) -> None:
        self.asked = True
