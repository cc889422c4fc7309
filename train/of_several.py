"""Evidence that holds several models in one file: what it has of each as it ships now."""

from __future__ import annotations

import json

from cifake_core import artifacts
from cifake_core.catalogue import is_of

COMMANDS = {
    "outside.json": "python -m train.outside --pictures PICTURES.tar",
    "explanations.json": "python -m train.explanations --model {models}",
}


def of_each(file: str) -> dict[str, dict]:
    """The records of those models, by their names, that were measured with what ships now."""
    path = artifacts.evidence_dir() / file
    found = json.loads(path.read_text(encoding="utf-8"))["models"] if path.is_file() else {}
    gate = file == "outside.json"  # which has no say in a heatmap
    if not gate:
        # Before a run with all methods a record has no command, and perhaps no planted patches.
        found = {r["name"]: r for r in found if {"planted", "command"} <= r.keys()}
    return {
        name: found[name]
        for name in artifacts.available()
        if is_of(artifacts.read_card(name), found.get(name), gate)
    }


def left_out() -> list[str]:
    """A line for each of the files that lacks models, with the command that measures them."""
    lines = []
    for file, command in COMMANDS.items():
        measured = of_each(file)
        if lack := [name for name in artifacts.available() if name not in measured]:
            again = command.format(models=" ".join(lack))
            lines.append(
                f"left out of RESULTS.md: {', '.join(lack)}, of which {file} has nothing, or "
                f"nothing of what ships now; `{again}` measures it"
            )
    return lines
