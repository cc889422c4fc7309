"""Curves over thresholds and confidences, from the test logits that the evidence keeps.

As in :mod:`cifake_core.metrics`, ``p_fake`` is (N,) float in [0, 1], ``is_fake`` is (N,) bool, and
FAKE counts as positive.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from cifake_core import metrics

MIDDLE = (0.2, 0.8)  # of p_fake: where a model is far from sure
WANTED = 0.995  # the accuracy of answers that tables ask the price of


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model said of every test image, and what is true of it."""

    logits: np.ndarray  # (N,) float32, raw, growing with *real*
    is_fake: np.ndarray  # (N,) bool
    leaked: np.ndarray  # (N,) bool, also among the training images
    away: np.ndarray  # (N,) bool, turned away by the model's gate


@dataclass(frozen=True, slots=True)
class OperatingPoints:
    """What comes of a falling threshold; four (K,) float64, from nothing called fake to all."""

    threshold: np.ndarray  # fake from here on; the first is infinite
    recall: np.ndarray  # share of the fakes that are found
    false_alarms: np.ndarray  # share of the real ones that are called fake
    precision: np.ndarray  # share of those called fake that are; 1 where none is


@dataclass(frozen=True, slots=True)
class Bin:
    """Images of like ``p_fake``."""

    low: float
    high: float
    count: int
    p_fake: float  # mean
    fake_share: float  # how many truly are
    spread: float  # standard deviation of that share if each image's ``p_fake`` were right

    @property
    def lean(self) -> int:
        """1 if ``p_fake`` is too high here, -1 if too low, 0 if chance alone could explain it.

        Chance: 1.96 times ``spread``.
        """
        gap = self.p_fake - self.fake_share
        return 0 if abs(gap) <= 1.96 * self.spread else int(math.copysign(1, gap))


def decode(evidence: dict[str, Any]) -> Scores | None:
    """The scores of an evidence file, or None where it lacks them or they do not fit together."""
    try:
        logits = np.frombuffer(base64.b64decode(evidence["logits"], validate=True), "<f4")
        bits = [_bits(evidence[key], len(logits)) for key in ("is_fake", "leaked", "turned_away")]
    except (KeyError, TypeError, ValueError):
        return None
    usable = len(logits) and np.isfinite(logits).all()
    return Scores(logits, *bits) if usable else None


def operating_points(p_fake: np.ndarray, is_fake: np.ndarray, points: int = 300) -> OperatingPoints:
    """The ROC and precision-recall curves, thinned to ``points`` at most.

    Equal probabilities are one step. Only corners of the ROC curve are kept, which are also the
    extremes of the other; of too many corners an even selection.
    """
    order = np.argsort(-p_fake, kind="stable")
    p_fake, found = p_fake[order], np.cumsum(is_fake[order])
    ends = np.flatnonzero(np.append(np.diff(p_fake) != 0, True))
    threshold = np.concatenate([[np.inf], p_fake[ends]])
    hits = np.concatenate([[0], found[ends]])
    alarms = np.concatenate([[0], ends + 1 - found[ends]])
    right, up = np.diff(alarms), np.diff(hits)
    turns = right[:-1] * up[1:] != right[1:] * up[:-1]
    kept = np.flatnonzero(np.concatenate([[True], turns, [True]]))
    if len(kept) > points:
        kept = kept[np.linspace(0, len(kept) - 1, points).round().astype(int)]
    hits, alarms = hits[kept], alarms[kept]
    return OperatingPoints(
        threshold[kept],
        hits / max(1, int(is_fake.sum())),
        alarms / max(1, int((~is_fake).sum())),
        np.where(hits + alarms > 0, hits / np.maximum(1, hits + alarms), 1.0),
    )


def reliability(p_fake: np.ndarray, is_fake: np.ndarray, bins: int = 15) -> list[Bin]:
    """The share that is FAKE against ``p_fake``, equal-width bins of [0, 1]; empty ones left out.

    The bins of :func:`cifake_core.metrics.calibration_error_of_p_fake`, which is their mean gap.
    """
    index = np.minimum((p_fake * bins).astype(int), bins - 1)
    found = (_bin(p_fake, is_fake, index == i, i / bins, (i + 1) / bins) for i in range(bins))
    return [b for b in found if b]


def middle(p_fake: np.ndarray, is_fake: np.ndarray) -> Bin | None:
    """All images between ``MIDDLE`` as one bin, where a lean shows most; None if there are none."""
    low, high = MIDDLE
    return _bin(p_fake, is_fake, (p_fake >= low) & (p_fake < high), low, high)


def unanswered_for(confidence: np.ndarray, right: np.ndarray, accuracy: float) -> float | None:
    """The smallest share of (N,) answers to keep back so that ``accuracy`` of the rest are right.

    The least confident are kept back first, equally confident ones together; None if even the
    surest are too often wrong.
    """
    order = np.argsort(-confidence, kind="stable")
    confidence, hits = confidence[order], np.cumsum(right[order])
    ends = np.flatnonzero(np.append(np.diff(confidence) != 0, True))
    good = ends[hits[ends] / (ends + 1) >= accuracy]
    return 1 - (int(good[-1]) + 1) / len(confidence) if len(good) else None


def least_unanswered(
    p_fake: np.ndarray, is_fake: np.ndarray, away: np.ndarray, accuracy: float
) -> float | None:
    """:func:`unanswered_for` for (N,) calibrated p_fake, by how far each is from one half.

    Those ``away``, which the gate turned away, get no answer anyhow.
    """
    p_fake, is_fake = p_fake[~away], is_fake[~away]
    more = unanswered_for(abs(p_fake - 0.5), (p_fake >= 0.5) == is_fake, accuracy)
    return None if more is None else 1 - (1 - more) * float((~away).mean())


def least_unanswered_interval(
    p_fake: np.ndarray, is_fake: np.ndarray, away: np.ndarray, accuracy: float, draws: int = 200
) -> tuple[float, float] | None:
    """The 95% interval of :func:`least_unanswered` by the bootstrap; None if a draw has none.

    The images are drawn again, the same ones each time that this is called (Efron 1979).
    """
    rng, found = np.random.default_rng(0), []
    for _ in range(draws):
        rows = rng.integers(0, len(p_fake), len(p_fake))
        found.append(least_unanswered(p_fake[rows], is_fake[rows], away[rows], accuracy))
    if None in found:
        return None
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def at_threshold(p_fake: np.ndarray, is_fake: np.ndarray, threshold: float) -> dict[str, Any]:
    """The confusion counts, and ``accuracy``, its interval, precision, recall and F1 of FAKE."""
    table = metrics.confusion(p_fake, is_fake, threshold)
    right = table["fake_as_fake"] + table["real_as_real"]
    return {
        "confusion": table,
        "accuracy": right / max(1, len(p_fake)),
        "accuracy_interval_95": metrics.wilson_interval(right, len(p_fake)),
        **metrics.precision_recall_f1(
            table["fake_as_fake"], table["real_as_fake"], table["fake_as_real"]
        ),
    }


def _bin(
    p_fake: np.ndarray, is_fake: np.ndarray, inside: np.ndarray, low: float, high: float
) -> Bin | None:
    if not (count := int(inside.sum())):
        return None
    p = p_fake[inside]
    # Independent images: the variances add up. That of their mean p would be more.
    spread = math.sqrt(float((p * (1 - p)).sum())) / count
    return Bin(low, high, count, float(p.mean()), float(is_fake[inside].mean()), spread)


def _bits(packed: str, count: int) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(packed, validate=True), np.uint8)
    if len(data) != -(-count // 8):  # unpackbits would fill up with zeros
        raise ValueError("another number of rows")
    return np.unpackbits(data, count=count).astype(bool)
