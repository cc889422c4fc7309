"""Real training processes for the tests: start them, watch them, read what they leave."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).parents[2]
SMALL = Path(__file__).with_name("small.toml")
# Imports Keras, says so, and waits for a line: the slow start is over before it is needed.
WARM = (
    "import sys, keras; print('ready', flush=True); sys.stdin.readline();"
    "from train.train import main; sys.exit(main(sys.argv[1:]))"
)


# Several runs in one process, which pays for the slow start once.
SEVERAL = (
    "import json, sys; from train.train import main;"
    "sys.exit(max(main(arguments) for arguments in json.loads(sys.argv[1])))"
)


class Run:
    """One ``python -m train.train`` on a folder; ``warm`` ones wait for :meth:`go`."""

    def __init__(self, data: Path, folder: Path, *options: str, warm: bool = False, **env: str):
        self.folder = folder
        start = ["-c", WARM] if warm else ["-m", "train.train"]
        self._start([*start, *arguments(data, folder, *options)], env)

    def _start(self, command: list[str], env: dict[str, str]) -> None:
        # One thread for each operation: sums are then added in the same order in every process.
        quiet = {"CIFAKE_NO_PROGRESS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}
        threads = {"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=os.environ | quiet | threads | env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def go(self) -> Run:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self

    def wait(self) -> tuple[int, str]:
        """(exit code, what it printed) at its own end."""
        out, err = self.process.communicate(timeout=300)
        return self.process.returncode, out + err

    def end(self, number: int) -> tuple[int, str]:
        """The same, after sending a signal."""
        self.process.send_signal(number)
        return self.wait()

    def until_step(self, step: int) -> None:
        """Return when a checkpoint of at least ``step`` is there."""
        self.until(lambda: checkpointed(self.folder) >= step)

    def until_writing(self) -> None:
        """Return while a file is being written."""
        self.until(lambda: any(self.folder.glob(".*.part")))

    def until(self, happened) -> None:
        while not happened():
            if self.process.poll() is not None:
                raise AssertionError(f"ended too early: {self.wait()}")
            time.sleep(0.0005)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *exception) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


class Several(Run):
    """Runs one after the other, folder -> options, in one process."""

    def __init__(self, data: Path, runs: dict[Path, list[str]], **env: str):
        words = [arguments(data, folder, *options) for folder, options in runs.items()]
        self._start(["-c", SEVERAL, json.dumps(words)], env)


def arguments(data: Path, folder: Path, *options: str) -> list[str]:
    return ["--recipe", str(SMALL), "--data", str(data), "--run", str(folder), *options]


def finished(data: Path, folder: Path, *options: str, **env: str) -> Path:
    """Train to the end; returns the run folder."""
    with Run(data, folder, *options, **env) as run:
        code, text = run.wait()
        assert code == 0, text
    return folder


def checkpointed(folder: Path) -> int:
    pointer = folder / "checkpoint.json"
    return json.loads(pointer.read_text())[0]["step"] if pointer.is_file() else 0


def weights(folder: Path) -> dict[str, np.ndarray]:
    found = {}

    def keep(name: str, item) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(folder / "model.weights.h5") as file:
        file.visititems(keep)
    return found


def log(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def assert_same_result(one: Path, other: Path) -> None:
    """Bit-equal weights and the same result, apart from the speed."""
    a, b = weights(one), weights(other)
    assert a.keys() == b.keys()
    assert [k for k in a if not np.array_equal(a[k], b[k])] == []
    results = [json.loads((f / "result.json").read_text()) for f in (one, other)]
    for result in results:
        del result["images_per_s"]
    assert results[0] == results[1]
