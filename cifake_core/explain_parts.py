"""A class activation map taken apart: what each feature map adds to an answer.

Where a net ends in global average pooling and one dense unit, the logit is the sum, over feature
maps, of weight times mean, plus a bias; the same weights over the maps themselves give CAM (Zhou et
al. 2016, arXiv:1512.04150), and Grad-CAM up to a constant factor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cifake_core.labels import REAL


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one answer.

    Attributes:
        maps: (K, h, w) feature maps.
        weights: (K,) of the maps; positive ones speak for the answer where their map is positive.
        bias: what the raw score for the answer has besides.
    """

    maps: np.ndarray
    weights: np.ndarray
    bias: float

    @property
    def weighted(self) -> np.ndarray:
        """(K, h, w): each map times its weight."""
        return self.weights[:, None, None] * self.maps

    @property
    def summed(self) -> np.ndarray:
        """(h, w): all maps, each times its weight. Cut at zero, it is the answer's heatmap."""
        return np.tensordot(self.weights, self.maps, 1)

    @property
    def added(self) -> np.ndarray:
        """(K,): weight times mean, what each map adds to the raw score for the answer."""
        return self.weights * self.maps.mean(axis=(1, 2))

    @property
    def score(self) -> float:
        """The raw score for the answer: all that is added, and the bias."""
        return float(self.added.sum()) + self.bias

    @property
    def shares(self) -> np.ndarray:
        """(K,): each map's share of all that speaks for the answer; 0 if it speaks against it."""
        good = np.maximum(self.added, 0)
        return good / (good.sum() or 1)

    def strongest(self, count: int) -> list[int]:
        """Numbers from 0 of the maps that add most, the first first; none that adds nothing."""
        order = np.argsort(-self.added, kind="stable")[:count]
        return [int(k) for k in order if self.added[k] > 0]


def parts(maps: np.ndarray, weights: np.ndarray, bias: float, target: int) -> Parts:
    """Take an answer apart.

    Args:
        maps: (K, h, w) feature maps, whose means the last unit sees.
        weights: (K,) of that unit, whose logit grows with *real*.
        bias: of that unit.
        target: the label, REAL or FAKE.
    """
    sign = 1 if target == REAL else -1
    return Parts(maps, sign * weights, sign * bias)
