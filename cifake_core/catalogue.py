"""Which models there are and what was measured of them: cards and evidence, nothing loaded."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from cifake_core import artifacts
from cifake_core.artifacts import Card
from cifake_core.errors import ArtifactError


def cards(domain: str | None = None) -> dict[str, Card | ArtifactError]:
    """Every model by its name, one whose card cannot be used as its error.

    Args:
        domain: leaves out the models for other kinds of images.
    """
    found: dict[str, Card | ArtifactError] = {}
    for name in artifacts.available():
        try:
            card = artifacts.read_card(name)
        except ArtifactError as error:
            found[name] = error
        else:
            if domain in (None, card.domain):
                found[name] = card
    return found


def measured(card: Card) -> dict[str, Any]:
    """``assets/evidence/<name>.json`` (or in ``CIFAKE_EVIDENCE``) of exactly these weights.

    Without it, what the card itself says of the test split; it may lack any key.
    """
    folder = Path(os.environ.get("CIFAKE_EVIDENCE") or artifacts.ASSETS / "evidence")
    try:
        evidence = json.loads((folder / f"{card.name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        evidence = {}
    if card.weights_sha256 and dig(evidence, "weights_sha256") == card.weights_sha256:
        return evidence
    return {"test": card.raw.get("results") or {}}


def dig(tree: Any, *path: str) -> Any:
    """The value at a path of keys, or None where there is none."""
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree
