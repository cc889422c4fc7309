"""Measured results that pages show, read from ``assets/evidence/`` or ``CIFAKE_EVIDENCE``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from cifake_core import curves
from cifake_core.artifacts import Card, evidence_dir, is_a
from cifake_core.catalogue import dig, is_of

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
# Where pages expect a number, not below zero, two numbers or a list, if anything: keys that mean
# the same wherever they stand in what was measured of a model.
_NUMBERS = {
    *("n", "parameters", "weights_bytes", "ms_per_image", "REAL", "FAKE"),
    *("accuracy", "auroc", "average_precision", "precision", "recall", "f1", "fake_recall"),
    *("ece", "ece_p_fake", "brier", "nll", "share", "answered_share", "accuracy_answered"),
    *("sure_share", "right_of_sure"),
}
_PAIRS = {"accuracy_interval_95", "auroc_interval_95", "interval_95"}


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


def fits(found: Any, shape: Any) -> bool:
    """Whether JSON has a shape: a kind for ``is_a``, {key: shape} at least, [shape of each],
    [shape, shape] for two of it, or (shape,) where it may be null or missing.
    """
    if isinstance(shape, tuple):
        return found is None or fits(found, shape[0])
    if isinstance(shape, dict):
        return isinstance(found, dict) and all(fits(found.get(k), s) for k, s in shape.items())
    if isinstance(shape, list):
        return (
            isinstance(found, list)
            and len(shape) in (1, len(found))
            and all(fits(each, shape[0]) for each in found)
        )
    return is_a(found, shape)


def sound(found: Any) -> bool:
    """Whether all that pages take for figures of a model are such, or null."""
    waiting = [found]  # no recursion: a file may be nested as deeply as it likes
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if not all(_figure(*item) for item in part.items() if item[1] is not None):
                return False
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return True


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


def _figure(key: str, value: Any) -> bool:
    if key in _NUMBERS:
        return is_a(value, float) and value >= 0
    if key in _PAIRS:
        return fits(value, [float, float])
    return key != "seeds" or isinstance(value, list)
