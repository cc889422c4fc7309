"""Measured results that pages show, read from ``assets/evidence/`` or ``CIFAKE_EVIDENCE``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from cifake_core import curves
from cifake_core.artifacts import Card, evidence_dir
from cifake_core.catalogue import dig, fits, is_of, sound

# What a page relies on in the rows of a block; a block with another row counts as missing.
_ROWS = {
    "abstention": {"answered_share": float, "accuracy": float},
    "stress": {
        "transform": str,
        "setting": float,
        "label": str,
        "accuracy": float,
        "fake_recall": float,
    },
    "metrics": {"epoch": float, "loss": float},
    "rows": {"what": str, "command": str, "validation_accuracy": float, "stress_accuracy": dict},
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One model and what was measured of exactly its card; any key may be missing."""

    card: Card
    evidence: dict[str, Any]
    scores: curves.Scores | None
    training: dict[str, Any]
    problem: str | None  # why the figures are only those that the card itself has

    @property
    def name(self) -> str:
        return self.card.name

    def p_fake(self) -> np.ndarray:
        """(N,) calibrated, of the test images."""
        return self.card.calibration.p_fake(self.scores.logits)


def read(name: str) -> dict | None:
    """One evidence file, or None where it is missing or broken; read anew when it changes."""
    path = evidence_dir() / f"{name}.json"
    return _parsed(str(path), path.stat().st_mtime_ns) if path.is_file() else None


def state(name: str) -> str:
    """What is wrong with a file that cannot be shown, in a word."""
    return "damaged" if (evidence_dir() / f"{name}.json").exists() else "missing"


def rows(found: dict | None, key: str) -> list[dict]:
    """The rows of a block of evidence; none where it is missing or does not fit."""
    block = dig(found, key)
    return block if fits(block, [_ROWS[key]]) else []


def measured(card: Card) -> Measured:
    """Like :func:`cifake_core.catalogue.measured`, kept between runs and with its problem said."""
    found, problem = read(card.name), None
    if found is None:
        problem = f"{card.name}.json is {state(card.name)}"
    elif not sound(found):
        problem = f"{card.name}.json is damaged: some of its figures are no numbers"
    elif not is_of(card, found):
        problem = f"{card.name}.json was measured on other weights, thresholds or another gate"
    if problem:
        results = card.raw.get("results")
        found = {"test": results if sound(results) else {}}
    path = evidence_dir() / f"{card.name}.json"
    return Measured(
        card,
        found,
        None if problem else _scores(str(path), path.stat().st_mtime_ns),
        read(f"{card.name}_training") or {},
        problem,
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def _parsed(path: str, mtime_ns: int) -> dict | None:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


@st.cache_resource(max_entries=32, show_spinner=False)
def _scores(path: str, mtime_ns: int) -> curves.Scores | None:
    return curves.decode(_parsed(path, mtime_ns) or {})
