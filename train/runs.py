"""A run's folder, its log, and stopping it without harm."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
import signal
import subprocess
import threading
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cifake_core import artifacts, dataset
from cifake_core.device import device
from cifake_core.errors import ArtifactError, ConfigError
from cifake_core.models import build
from train import checkpoint
from train.config import Config, from_mapping

if TYPE_CHECKING:
    import keras

# Those that decide what a step computes.
PACKAGES = (
    "keras", "tensorflow", "tensorflow-cpu", "jax", "jaxlib", "torch", "numpy",
    "opencv-python-headless", "opencv-python", "pillow",
)  # fmt: skip

# Settings that name weights, which lie elsewhere on another machine -> what records their SHA-256.
NAMED = {"initial_weights": "initial_weights_sha256", "teacher": "teacher_weights_sha256"}
NO_FILE = ("", "imagenet")
# Settings of the machine: they say how a run is computed and kept, not which run it is.
OF_MACHINE = ("devices", "jit", "checkpoint_every")

REMARK = (
    "Validation while training is of the averaged weights with the running statistics that batch "
    "normalisation has of the raw ones, so it reads too low until the learning rate has fallen."
)
ON_CROPS = (
    "It is of whole images, and reads too low as well while the training is on crops of them."
)


def open_run(folder: Path, config: Config, recipe: str, data_sha256: str, step: int = 0) -> None:
    """Create the run folder, or make sure that it holds this very run or the first cycles of it.

    What ``NAMED`` names may lie elsewhere than at first, and settings ``OF_MACHINE`` may be others.
    Where the run goes on after ``step`` steps with such settings, at another commit, with other
    libraries or on another device, the record's ``sittings`` say so.

    Raises:
        ConfigError: the folder holds a run with other settings or on other data.
    """
    import keras

    settings = json.loads(json.dumps(config.as_dict()))
    here = {
        "backend": keras.backend.backend(),
        "versions": {"python": platform.python_version(), **versions(PACKAGES)},
        "git_commit": _git_commit(),
        "device": device(),
    }
    machine = {key: settings[key] for key in OF_MACHINE}
    named = {of: sha256_of(key, settings[key]) for key, of in NAMED.items()}
    path = folder / "config.json"
    if path.is_file():
        before = json.loads(path.read_text())
        # A setting that is newer than the run has its default, which is how the run went.
        before["config"] = settings_of(before["config"])
        for key, of in NAMED.items():
            was, now = before["config"][key], settings[key]
            if not is_same(was, now, before.get(of, ""), named[of]):
                raise ConfigError(
                    f"{folder} holds a run with other settings: its {key}, {was or 'none'}, is not "
                    f"the same as {now or 'none'} here; choose another --run."
                )
            settings[key] = was
        at_first = {key: before["config"][key] for key in OF_MACHINE}
        settings |= at_first
        cycles = before["config"].get("then", [])
        first = settings | {"then": settings["then"][: len(cycles)]}
        if before["config"] != first or before["data_sha256"] != data_sha256:
            raise ConfigError(f"{folder} holds a run with other settings; choose another --run.")
        if before["config"] != settings:
            (folder / "result.json").unlink(missing_ok=True)  # no longer finished
            extended = {"cycles_before": 1 + len(cycles), "git_commit": here["git_commit"]}
            before |= {"config": settings, "extended": [*before.get("extended", []), extended]}
        sittings, finished = before.get("sittings", []), (folder / "result.json").is_file()
        last = {"settings": at_first} | before | (sittings[-1] if sittings else {})
        here["settings"] = machine
        if not finished and here != {key: last.get(key) for key in here}:
            before["sittings"] = [*sittings, {"after_step": step} | here]
        checkpoint.replace(path, json.dumps(before, indent=1).encode())
        return
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "recipe": recipe,
        "config": settings,
        "data_sha256": data_sha256,
        **named,
        "validation_seed": dataset.VALIDATION_SEED,
        **here,
    }
    checkpoint.replace(path, json.dumps(record, indent=1).encode())


def sha256_of(key: str, source: str) -> str:
    """Of the weights that a setting of ``NAMED`` names; "" if they are not here."""
    if source in NO_FILE:
        return ""
    path = Path(source)
    if key == "teacher":
        if not path.is_dir():
            with suppress(ArtifactError):
                return artifacts.read_card(source).weights_sha256 or ""
        path /= artifacts.WEIGHTS
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def is_same(was: str, now: str, kept: str, found: str) -> bool:
    """Whether two settings name the same weights, wherever they lie: by the SHA-256 that was kept
    and the one found here, where one of those is "" by the last part of the path.
    """
    if kept and found:
        return kept == found
    if was in NO_FILE or now in NO_FILE:
        return was == now
    return Path(was).name == Path(now).name


def read_run(run: Path, data: dataset.Dataset) -> dict[str, Any]:
    """The record (``config.json``) of a finished run on this data.

    Raises:
        ConfigError: the run is not finished, or was trained on other data.
    """
    if not (run / "result.json").is_file():
        raise ConfigError(f"{run} is not a finished run.")
    record = json.loads((run / "config.json").read_text())
    if record["data_sha256"] != data.sha256:
        raise ConfigError(f"{run} was trained on other data than the set found here.")
    return record


def load_run(run: Path, config: dict, arguments: dict) -> keras.Model:
    """A run's weights in a float32 model built with ``arguments``, which must add no weights."""
    import keras

    keras.config.set_dtype_policy("float32")
    trained = build(config["model"], **config["model_args"])
    artifacts.load_all_weights(trained, run / artifacts.WEIGHTS)
    if arguments == config["model_args"]:
        return trained
    try:
        model = build(config["model"], **arguments)
    except (TypeError, ValueError):
        raise ConfigError(f"export_args of {run} do not fit {config['model']}.") from None
    lists = [[(w.path, tuple(w.shape)) for w in m.weights] for m in (trained, model)]
    if lists[0] != lists[1]:
        raise ConfigError(f"export_args of {run} would need other weights than were trained.")
    model.set_weights(trained.get_weights())
    return model


def settings_of(config: dict[str, Any]) -> dict[str, Any]:
    """A recorded configuration with the defaults of the settings it does not know yet."""
    known = {f.name: f.default for f in dataclasses.fields(Config)}
    new = {k: v for k, v in known.items() if k not in config and v is not dataclasses.MISSING}
    return config | json.loads(json.dumps(new))


def damage(record: dict[str, Any]) -> Config | None:
    """What a run's last cycle does to images besides moving them about; None if nothing.

    Of nets that were joined, that of the first.
    """
    settings = settings_of((record.get("parts") or [record])[0]["config"])
    known = {field.name for field in dataclasses.fields(Config)}
    last = from_mapping({k: v for k, v in settings.items() if k in known}).phases()[-1]
    if not (last.light or last.blur or last.noise or last.jpeg):
        return None
    still = {"flip": False, "flip_vertical": False, "shift": 0, "zoom": 0.0, "rotation": 0.0}
    return dataclasses.replace(last, **still, crop=0)


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
    configs = [r["config"] for r in parts or [record]]
    words = [REMARK] if any(c.get("ema") for c in configs) else []
    if any(cycle.get("crop") for c in configs for cycle in (c, *c.get("then", ()))):
        words.append(ON_CROPS)
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
    """Turns Ctrl-C and SIGTERM into a stop at the next step, so that a checkpoint is whole.

    Only the main thread may listen for signals; in any other nothing is changed.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is not threading.main_thread():
            return self
        self._before = {s: signal.signal(s, self._ask) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *exception) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, *_) -> None:
        self.asked = True
