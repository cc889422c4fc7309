"""Shared by the benchmarks: medians, child processes, and one form of result."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def median_seconds(work: Callable[[], object], repeats: int, warm_up: int = 2) -> float:
    """Median wall time of one call, in seconds."""
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def child(arguments: list[str]) -> tuple[float, float]:
    """(wall seconds, peak memory in MB) of a Python child process that must succeed."""
    code = (
        "import resource, subprocess, sys;"
        "r = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode;"
        "kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss;"
        "print(kb / 1024 if sys.platform == 'darwin' else kb); sys.exit(r)"
    )
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - start, float(done.stdout) / 1024


LINES: list[dict[str, str]] = []


def save(file: str, machine: str) -> None:
    """Keep this run's lines as evidence."""
    from train.export import evidence_dir, write_json  # what is timed may not find Keras loaded

    write_json(evidence_dir() / file, {"machine": machine, "lines": LINES})


def report(what: str, figure: str, goal: str, met: bool) -> None:
    answer = "met" if met else "missed"
    LINES.append({"what": what.strip(), "figure": figure, "goal": goal, "met": answer})
    print(f"{what:62} {figure:34} goal: {goal:24} {answer}", flush=True)
