"""From a logit to a probability to a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from cifake_core.metrics import negative_log_likelihood


class Verdict(StrEnum):
    """What a person reads first."""

    REAL = "real"
    FAKE = "fake"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Temperature (Guo et al. 2017, arXiv:1706.04599) and the two thresholds on ``p_fake``.

    At ``fake_from`` and above the verdict is fake, at ``real_to`` and below it is real, and in
    between uncertain.
    """

    temperature: float
    real_to: float
    fake_from: float

    def __post_init__(self) -> None:
        if not (self.temperature > 0 and 0 <= self.real_to <= 0.5 <= self.fake_from <= 1):
            raise ValueError(f"not a calibration: {self}")

    def p_fake(self, logits: np.ndarray) -> np.ndarray:
        """Probability of FAKE, float64 of the same shape, for logits that grow with *real*."""
        scaled = np.asarray(logits, np.float64) / self.temperature
        return np.exp(-np.logaddexp(0, scaled))

    def verdict(self, p_fake: float) -> Verdict:
        if p_fake >= self.fake_from:
            return Verdict.FAKE
        if p_fake <= self.real_to:
            return Verdict.REAL
        return Verdict.UNCERTAIN


def fit_temperature(logits: np.ndarray, is_real: np.ndarray) -> float:
    """The temperature that minimises the mean cross-entropy of (N,) logits.

    The loss is convex in 1/T, so a golden-section search over [0.05, 20] finds its minimum.
    """
    golden = (5**0.5 - 1) / 2
    low, high = 0.05, 20.0

    def loss(inverse: float) -> float:
        return negative_log_likelihood(logits * inverse, is_real)

    while high - low > 1e-5:
        left, right = high - golden * (high - low), low + golden * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return 2 / (low + high)


def choose_thresholds(p_fake: np.ndarray, share: float) -> tuple[float, float]:
    """(real_to, fake_from), even about 0.5, that leave at most ``share`` of (N,) uncertain."""
    confidence = np.sort(np.maximum(p_fake, 1 - p_fake))
    # Everything strictly below this confidence is uncertain; those equal to it are not.
    edge = float(confidence[int(np.floor(share * len(confidence)))])
    # Rounding down keeps the share; four decimals are what a card and a person can read.
    edge = max(0.5, np.floor(edge * 1e4) / 1e4)
    return round(1 - edge, 4), round(edge, 4)
