"""Numbers about predictions, in NumPy. FAKE is the class one looks for: it counts as positive.

Everywhere ``p_fake`` is (N,) float in [0, 1] and ``is_fake`` is (N,) bool.
"""

from __future__ import annotations

import math

import numpy as np


def rate(hits: np.ndarray) -> dict:
    """The share of (N,) bool that is true, and its 95% interval."""
    count = int(hits.sum())
    return {
        "share": count / max(1, len(hits)),
        "interval_95": list(wilson_interval(count, len(hits))),
    }


def wilson_interval(hits: int, count: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson score interval for a share, 95% by default (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    share = hits / count
    middle = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def promised_range(
    calibrated: int, error: float, tested: int, share: float = 0.95
) -> tuple[float, float]:
    """Where the share of mistakes among ``tested`` images lies, if a conformal promise holds.

    A threshold that ``calibrated`` images of a class set for an ``error`` is itself a matter of
    chance, so that the number of mistakes is beta-binomial (Vovk 2012, arXiv:1209.2673): this is
    wider than :func:`wilson_interval`. ``share`` of such test sets lie inside, as many below as
    above.
    """
    if not tested:
        return 0.0, 1.0
    over = calibrated + 1 - math.ceil((calibrated + 1) * (1 - error) - 1e-9)
    under = calibrated + 1 - over
    j = np.arange(tested)
    steps = np.log((tested - j) * (over + j)) - np.log((j + 1) * (under + tested - j - 1))
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    reached = np.cumsum(chances := np.exp(logs - logs.max())) / chances.sum()
    low, high = (int(np.searchsorted(reached, edge)) for edge in ((1 - share) / 2, (1 + share) / 2))
    return low / tested, min(high, tested) / tested


def auroc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Chance that a positive scores above a negative; ties count half (Mann-Whitney U)."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[inverse]
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return math.nan
    u = ranks[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(u / (n_positive * n_negative))


def average_precision(scores: np.ndarray, positive: np.ndarray) -> float:
    """Mean precision over recall steps; equal scores are one step."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(positive[order])
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    precision = hits[ends] / (ends + 1)
    recall_steps = np.diff(hits[ends], prepend=0) / max(1, int(positive.sum()))
    return float((precision * recall_steps).sum())


def confusion(p_fake: np.ndarray, is_fake: np.ndarray, threshold: float = 0.5) -> dict[str, int]:
    """Counts named true_<label>: ``fake_as_fake``, ``fake_as_real``, ``real_as_...``."""
    says_fake = p_fake >= threshold
    return {
        "fake_as_fake": int((is_fake & says_fake).sum()),
        "fake_as_real": int((is_fake & ~says_fake).sum()),
        "real_as_fake": int((~is_fake & says_fake).sum()),
        "real_as_real": int((~is_fake & ~says_fake).sum()),
    }


def precision_recall_f1(hits: int, false_alarms: int, misses: int) -> dict[str, float]:
    """Of one class, from counts; 0 where a share has nothing to be a share of."""
    precision = hits / (hits + false_alarms) if hits + false_alarms else 0.0
    recall = hits / (hits + misses) if hits + misses else 0.0
    f1 = 2 * hits / (2 * hits + false_alarms + misses) if hits else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


def expected_calibration_error(p_fake: np.ndarray, is_fake: np.ndarray, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equal-width bins (Guo et al. 2017).

    Confidence is that of the predicted class, so of the bins, which share [0, 1], those below 0.5
    are empty. One bin holds images of either side, whose gaps can cancel out: see
    :func:`calibration_error_of_p_fake`.
    """
    confidence = np.maximum(p_fake, 1 - p_fake)
    correct = (p_fake >= 0.5) == is_fake
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(index, weights=correct.astype(float) - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(p_fake))


def calibration_error_of_p_fake(p_fake: np.ndarray, is_fake: np.ndarray, bins: int = 15) -> float:
    """Mean gap between ``p_fake`` and the share that is FAKE over equal-width bins of [0, 1].

    What a reader of ``p_fake`` may be off by. A model that leans to one side shows it here.
    """
    index = np.minimum((p_fake * bins).astype(int), bins - 1)
    gaps = np.bincount(index, weights=is_fake.astype(float) - p_fake, minlength=bins)
    return float(np.abs(gaps).sum() / len(p_fake))


def brier(p_fake: np.ndarray, is_fake: np.ndarray) -> float:
    """Mean squared error of the probability (Brier 1950)."""
    return float(np.mean((p_fake - is_fake) ** 2))


def negative_log_likelihood(logits: np.ndarray, is_real: np.ndarray) -> float:
    """Mean binary cross-entropy in nats of logits that grow with *real*."""
    return float(np.mean(np.logaddexp(0, np.where(is_real, -logits, logits))))


def abstention_curve(p_fake: np.ndarray, is_fake: np.ndarray, points: int = 60) -> list[dict]:
    """Accuracy when only the surest are answered, from all of them downwards.

    A point answers whoever is at least ``min_confidence`` sure; equally sure ones stay together,
    so there are fewer than ``points`` where many are.
    """
    confidence = np.maximum(p_fake, 1 - p_fake)
    order = np.argsort(-confidence, kind="stable")
    confidence, hits = confidence[order], np.cumsum(((p_fake >= 0.5) == is_fake)[order])
    ends = np.flatnonzero(np.append(np.diff(confidence) != 0, True))
    wanted = np.ceil(len(confidence) * np.arange(1, points + 1) / points) - 1
    chosen = np.unique(ends[np.searchsorted(ends, wanted)])[::-1]
    return [
        {
            "answered_share": (int(end) + 1) / len(confidence),
            "accuracy": float(hits[end] / (end + 1)),
            "min_confidence": float(confidence[end]),
        }
        for end in chosen
    ]


def summary(p_fake: np.ndarray, is_fake: np.ndarray) -> dict:
    """Every figure of one set of predictions at threshold 0.5, ready for JSON."""
    table = confusion(p_fake, is_fake)
    area = auroc(p_fake, is_fake)
    correct = table["fake_as_fake"] + table["real_as_real"]
    count = len(p_fake)
    return {
        "n": count,
        "accuracy": correct / count,
        "accuracy_interval_95": list(wilson_interval(correct, count)),
        "auroc": None if math.isnan(area) else area,  # JSON knows no NaN
        "average_precision": average_precision(p_fake, is_fake),
        "fake": precision_recall_f1(
            table["fake_as_fake"], table["real_as_fake"], table["fake_as_real"]
        ),
        "real": precision_recall_f1(
            table["real_as_real"], table["fake_as_real"], table["real_as_fake"]
        ),
        "confusion": table,
        "ece": expected_calibration_error(p_fake, is_fake),
        "ece_p_fake": calibration_error_of_p_fake(p_fake, is_fake),
        "brier": brier(p_fake, is_fake),
    }
