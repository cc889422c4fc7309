"""One process at a time in a run's folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from runs import ROOT, Run, finished

from cifake_core.errors import ConfigError
from train.lock import FILE, Lock, alone_with

pytest.importorskip("fcntl", reason="nothing is locked on Windows")

HOLDS = """
import sys, time
from pathlib import Path
from train.lock import Lock
with Lock(Path(sys.argv[1])):
    print("holds", flush=True)
    time.sleep(60)
"""
FORKS = """
import os, sys, time
from pathlib import Path
from train.lock import Lock
heard, told = os.pipe()
with Lock(Path(sys.argv[1])):
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        os.write(told, b"!")
        time.sleep(60)
        os._exit(0)
    os.read(heard, 1)  # the child has let go by now, and the lock still holds
    try:
        Lock(Path(sys.argv[1])).take()
    except Exception as error:
        print(error, flush=True)
os._exit(0)
"""


def started(code: str, folder) -> subprocess.Popen:
    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_second_process_gets_one_sentence_and_changes_nothing(tiny_cifake, tmp_path):
    folder = finished(tiny_cifake, tmp_path / "run", "--set", "epochs=1")
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert before[FILE] == b""
    more = ("--set", "epochs=1", "--set", "then=[{epochs = 1}]")
    with Lock(folder), Run(tiny_cifake, folder, *more) as run:
        code, text = run.wait()
    assert code == 1
    assert f"error: Another process is training in {folder}; wait for its end, or" in text
    assert "Traceback" not in text
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    finished(tiny_cifake, folder, *more)


def test_it_is_released_at_the_end_and_after_an_error(tmp_path):
    with pytest.raises(InterruptedError), Lock(tmp_path):
        raise InterruptedError
    with Lock(tmp_path) as lock:
        lock.take()  # it has
        for _ in range(2):
            with pytest.raises(ConfigError, match="Another process"), Lock(tmp_path):
                pass
    with Lock(tmp_path):
        pass


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    with Lock(tmp_path / "run") as lock:
        assert not (tmp_path / "run").exists()
        (tmp_path / "run").mkdir()
        lock.take()
        with pytest.raises(ConfigError), Lock(tmp_path / "run"):
            pass


def test_a_killed_process_leaves_no_lock(tmp_path):
    with started(HOLDS, tmp_path) as process:
        assert process.stdout.readline() == "holds\n"
        with pytest.raises(ConfigError), Lock(tmp_path):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        with Lock(tmp_path):
            pass


def test_a_child_that_outlives_the_run_does_not_keep_it(tmp_path):
    process = started(FORKS, tmp_path)
    child, said = (process.stdout.readline() for _ in range(2))
    try:
        assert process.wait() == 0
        assert "Another process" in said
        with Lock(tmp_path):
            pass
    finally:
        os.kill(int(child), signal.SIGKILL)  # it was there all the time
        process.stdout.close()


def test_a_file_system_without_locks_is_no_obstacle(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("train.lock.fcntl.flock", refuse)
    with Lock(tmp_path), Lock(tmp_path):
        pass


COUNTS = """
import sys
from pathlib import Path
from train.checkpoint import replace
from train.lock import alone_with
path = Path(sys.argv[1])
for _ in range(100):
    with alone_with(path):
        replace(path, b"%d" % (int(path.read_bytes()) + 1))
"""


def test_of_two_that_change_a_file_none_loses_what_the_other_wrote(tmp_path):
    path = tmp_path / "count"
    path.write_bytes(b"0")
    both = [started(COUNTS, path) for _ in range(2)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert path.read_bytes() == b"200"


def test_a_file_where_nothing_can_be_locked_is_changed_all_the_same(tmp_path):
    done = []
    with alone_with(tmp_path / "no folder" / "file"):
        done.append(True)
    assert done
