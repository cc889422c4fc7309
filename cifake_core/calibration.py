"""From a logit to a probability to a verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np


class Verdict(StrEnum):
    """What a person reads first."""

    REAL = "real"
    FAKE = "fake"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Temperature and bias on the logit (Platt 1999; Guo et al. 2017, arXiv:1706.04599), and the
    two thresholds on ``p_fake``.

    The bias is there because the point at which a model is undecided moves with blur and noise;
    which images both were fitted to, the model's card says. At ``fake_from`` and above the verdict
    is fake, at ``real_to`` and below it is real, and in between uncertain.
    """

    temperature: float
    bias: float
    real_to: float
    fake_from: float

    def __post_init__(self) -> None:
        finite = 0 < self.temperature < math.inf and math.isfinite(self.bias)
        if not (finite and 0 <= self.real_to <= 0.5 <= self.fake_from <= 1):
            raise ValueError(f"not a calibration: {self}")

    def p_fake(self, logits: np.ndarray) -> np.ndarray:
        """Probability of FAKE, float64 of the same shape, for logits that grow with *real*."""
        return np.exp(-np.logaddexp(0, self.scaled(logits)))

    def scaled(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated logits that grow with *real*, float64 of the same shape."""
        return np.asarray(logits, np.float64) / self.temperature + self.bias

    def raw(self, p_fake: np.ndarray) -> np.ndarray:
        """The logits behind :meth:`p_fake` with their sign turned, so that they grow with it too.

        Float64 of the same shape and always finite.
        """
        p = np.clip(np.asarray(p_fake, np.float64), 1e-300, 1 - 2**-53)
        return (np.log(p) - np.log1p(-p) + self.bias) * self.temperature

    def verdict(self, p_fake: float) -> Verdict:
        if p_fake >= self.fake_from:
            return Verdict.FAKE
        if p_fake <= self.real_to:
            return Verdict.REAL
        return Verdict.UNCERTAIN

    def is_sure(self, p_fake: np.ndarray) -> np.ndarray:
        """(N,) bool: which of (N,) ``p_fake`` are no "can't tell"."""
        return (p_fake <= self.real_to) | (p_fake >= self.fake_from)

    def too_thin(self, p_fake: float) -> str:
        """Why there is no verdict, a sentence for a person, of a p_fake between the thresholds."""
        side, sure, needed = "real", 1 - p_fake, 1 - self.real_to
        if p_fake >= 0.5:
            side, sure, needed = "AI-generated", p_fake, self.fake_from
        # With so many digits that the two differ.
        said = [(f"{100 * sure:.{d}f}%", f"{100 * needed:.{d}f}%") for d in range(1, 15)]
        sure, needed = next((pair for pair in said if pair[0] != pair[1]), said[0])
        return f"{sure} for {side} is not enough for an answer: this model needs {needed}."


UNCALIBRATED = Calibration(1.0, 0.0, 0.5, 0.5)  # what the raw logits say


def fit_platt(logits: np.ndarray, is_real: np.ndarray) -> tuple[float, float]:
    """(temperature, bias) that minimise the mean cross-entropy of (N,) logits.

    Newton's method with halved steps; the loss is convex in 1 / temperature and bias. A slight
    pull towards 1 and 0 keeps both finite where the labels can be told apart without error.

    Raises:
        ValueError: the logits do not grow with *real* at all, or are no numbers.
    """
    if not np.isfinite(logits).all():
        raise ValueError("the logits are not all finite numbers")
    features = np.stack([logits, np.ones_like(logits)], axis=1).astype(np.float64)
    neutral, pull = np.array([1.0, 0.0]), 1e-6 * len(logits)

    def loss(weights: np.ndarray) -> float:
        signed = np.where(is_real, -1, 1) * (features @ weights)
        return np.logaddexp(0, signed).sum() + pull / 2 * ((weights - neutral) ** 2).sum()

    weights = neutral
    for _ in range(100):
        p_real = np.exp(-np.logaddexp(0, -features @ weights))
        gradient = features.T @ (p_real - is_real) + pull * (weights - neutral)
        hessian = (features * (p_real * (1 - p_real))[:, None]).T @ features + pull * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        while np.abs(step).max() > 1e-10 and loss(weights - step) > loss(weights):
            step = step / 2
        weights = weights - step
        if np.abs(step).max() <= 1e-10:
            break
    if weights[0] <= 0:
        raise ValueError("the logits do not grow with the label")
    return float(1 / weights[0]), float(weights[1])


def promisable(is_fake: np.ndarray, error: float) -> float:
    """``error``, or the smallest that (N,) held-out images allow: 1 / (n + 1) of a class of n."""
    return max(error, 1 / (min(int(is_fake.sum()), int((~is_fake).sum())) + 1))


def conformal_thresholds(
    p_fake: np.ndarray, is_fake: np.ndarray, error: float
) -> tuple[float, float]:
    """(real_to, fake_from) with which each class is mistaken for the other at most so often.

    Class-conditional split conformal prediction (Vovk 2012, arXiv:1209.2673): of ``n`` held-out
    images of a class, the ``k``-th smallest probability of the other one is exceeded by a new image
    of that class with a chance of ``error`` at most, where ``k = ceil((n + 1) (1 - error))``. It
    holds on average over such held-out sets, for new images drawn as these were, and for nothing
    else. A verdict is given where the prediction set has one class; none is given below 0.5.

    Args:
        p_fake: (N,), with any monotone calibration: only its order counts.
        is_fake: (N,) bool.
        error: share of each class, at most; raised to what is :func:`promisable`.

    Raises:
        ValueError: no threshold can hold that, as too many probabilities are 1 and wrong, or a
            class has no image.
    """
    if is_fake.all() or not is_fake.any():
        raise ValueError("thresholds need images of both classes")
    error, edges = promisable(is_fake, error), []
    for other in (p_fake[~is_fake], 1 - p_fake[is_fake]):
        k = math.ceil((len(other) + 1) * (1 - error) - 1e-9)
        # Just above it: four decimals are what a card and a person can read.
        kth = float(np.sort(other)[k - 1])
        if kth >= 1:
            raise ValueError("the logits are boundlessly sure of what is wrong")
        steps = math.floor(kth * 1e4)
        edges.append(next(s / 1e4 for s in (steps, steps + 1, steps + 2) if s / 1e4 > kth))
    fake_from, from_below = (min(1.0, max(0.5, edge)) for edge in edges)
    return round(1 - from_below, 4), round(fake_from, 4)
