"""Real training processes for the tests: start them, watch them, read what they leave."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).parents[2]
SMALL = Path(__file__).with_name("small.toml")
# Starting Python with Keras takes longer than these runs. So one process for each environment
# starts once, runs nothing, and forks: a run is still a process of its own, which signals reach.
FORKING = """
import json, os, sys, traceback
import keras, cifake_core.models.lens, train.schedule
from train.train import main
print("ready", flush=True)
for line in sys.stdin:
    runs, log = json.loads(line)
    if (child := os.fork()) == 0:
        code = 1
        try:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(file, 1)
            os.dup2(file, 2)
            code = max(main(words) for words in runs)
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
KEPT = 2  # forking processes, of some 600 MB each
SECONDS = 300  # after which a run hangs
_forking: dict[frozenset, subprocess.Popen] = {}


def _forking_process(env: dict[str, str]) -> subprocess.Popen:
    key = frozenset(env.items())
    if key not in _forking:
        if len(_forking) == KEPT:
            _end(_forking.pop(next(iter(_forking))))
        # Unbuffered, so that select sees every line.
        _forking[key] = _started(["-c", FORKING], env, bufsize=0)
        assert _forking[key].stdout.readline() == b"ready\n"
    return _forking[key]


def _started(command: list[str], env: dict[str, str], **how) -> subprocess.Popen:
    pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
    return subprocess.Popen([sys.executable, *command], cwd=ROOT, env=env, **pipes, **how)


def _end(process: subprocess.Popen) -> None:
    process.stdin.close()
    process.wait()


@atexit.register
def _end_all() -> None:
    for process in _forking.values():
        _end(process)


class Forked:
    """As much of ``Popen`` as a run needs; one at a time for each environment."""

    def __init__(self, runs: list[list[str]], log: Path, env: dict[str, str]):
        self._parent, self._log, self.returncode = _forking_process(env), log, None
        self._parent.stdin.write(json.dumps([runs, str(log)]).encode() + b"\n")
        self.pid = int(self._parent.stdout.readline())

    def poll(self, seconds: float = 0) -> int | None:
        if self.returncode is None and select.select([self._parent.stdout], [], [], seconds)[0]:
            self.returncode = int(self._parent.stdout.readline())
        return self.returncode

    def communicate(self, timeout: float = SECONDS) -> tuple[str, str]:
        if self.poll(timeout) is None:
            self.kill()
            raise AssertionError(f"it hangs: {self._log.read_text()}")
        return self._log.read_text(), ""

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Run:
    """One ``python -m train.train`` on a folder: forked, or ``fresh``, just as a user starts it."""

    def __init__(self, data: Path, folder: Path, *options: str, fresh: bool = False, **env: str):
        self.folder, words = folder, arguments(data, folder, *options)
        if fresh:
            command, how = ["-m", "train.train", *words], {"stderr": subprocess.PIPE, "text": True}
            self.process = _started(command, environment(env), **how)
        else:
            self.process = Forked([words], log_beside(folder), environment(env))

    def wait(self) -> tuple[int, str]:
        """(exit code, what it printed) at its own end."""
        out, err = self.process.communicate(timeout=SECONDS)
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
        until = time.monotonic() + SECONDS
        while not happened():
            if self.process.poll() is not None:
                raise AssertionError(f"ended too early: {self.wait()}")
            assert time.monotonic() < until, "it hangs"
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
        self.folder, *_ = runs
        words = [arguments(data, folder, *options) for folder, options in runs.items()]
        self.process = Forked(words, log_beside(self.folder), environment(env))


def environment(more: dict[str, str]) -> dict[str, str]:
    """Of a run; one thread for each operation: sums then add up in the same order everywhere."""
    quiet = {"CIFAKE_NO_PROGRESS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1"}
    # The runs are alike: what JAX compiled for one serves the next.
    kept = {
        "JAX_COMPILATION_CACHE_DIR": compiled_by_jax(),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    }
    there = {k: v for k, v in os.environ.items() if "PYTEST" not in k}
    return there | quiet | threads | kept | more


@cache
def compiled_by_jax() -> str:
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return folder.name


def log_beside(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.log")


def arguments(data: Path, folder: Path, *options: str) -> list[str]:
    return ["--recipe", str(SMALL), "--data", str(data), "--run", str(folder), *options]


def finished(data: Path, folder: Path, *options: str, fresh: bool = False, **env: str) -> Path:
    """Train to the end; returns the run folder."""
    with Run(data, folder, *options, fresh=fresh, **env) as run:
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
