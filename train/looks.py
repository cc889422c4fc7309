"""Which weights the official test split has judged: ``assets/evidence/test_looks.json``.

Whoever looks at test figures and then changes something has begun to choose by them, so every set
of weights that ``train.evaluate`` scores is kept, also of models that were replaced. ``python -m
train.looks`` adds those that the git history of the evidence shows and the file lacks.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cifake_core.artifacts import ASSETS
from cifake_core.errors import CifakeLensError, ConfigError
from train.export import evidence_dir, write_json

FILE = "test_looks.json"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m train.looks", description=__doc__)
    parser.parse_args(argv)
    try:
        for date, evidence in history(ASSETS.parent):
            keep(evidence, date)
    except CifakeLensError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for look in read():
        print(f"{look['date']} {look['model']} {look['weights_sha256'][:8]} {look['accuracy']:.4f}")
    return 0


def read() -> list[dict[str, Any]]:
    """Every set of weights once, the oldest first; none where nothing was kept."""
    path = evidence_dir() / FILE
    return json.loads(path.read_text(encoding="utf-8"))["looks"] if path.is_file() else []


def keep(evidence: dict[str, Any], date: str = "") -> None:
    """Add what ``train.evaluate`` found, unless these weights were scored before.

    ``date`` is that of the look, as 2026-01-31 (default: today).
    """
    looks, weights = read(), evidence["weights_sha256"]
    if any(look["weights_sha256"] == weights for look in looks):
        return
    official = evidence["test"]["official"]
    looks.append(
        {
            "date": date or datetime.now(UTC).date().isoformat(),
            "model": evidence["name"],
            "weights_sha256": weights,
            "n": official["n"],
            "accuracy": official["accuracy"],
        }
    )
    looks.sort(key=lambda look: look["date"])
    write_json(evidence_dir() / FILE, {"command": "python -m train.evaluate", "looks": looks})


def of_model(name: str) -> list[dict[str, Any]]:
    """The looks of one model's weights, the oldest first."""
    return [look for look in read() if look["model"] == name]


def history(repository: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(date, evidence) of each version of each model's evidence that was committed.

    Raises:
        ConfigError: no git, or no history.
    """
    log = _git(repository, "log", "--reverse", "--format=%x00%H %cs", "--name-only",
               "--diff-filter=AM", "--", "assets/evidence/*.json")  # fmt: skip
    for entry in filter(None, log.split("\0")):
        head, *files = entry.split("\n")
        commit, date = head.split()
        for file in filter(None, files):
            try:
                found = json.loads(_git(repository, "show", f"{commit}:{file}"))
            except json.JSONDecodeError:
                continue
            if isinstance(found, dict) and {"name", "weights_sha256", "test"} <= found.keys():
                yield date, found


def _git(repository: Path, *words: str) -> str:
    try:
        return subprocess.run(
            ["git", *words], cwd=repository, check=True, capture_output=True, encoding="utf-8"
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise ConfigError("The history can only be read in a git repository.") from error


if __name__ == "__main__":
    sys.exit(main())
