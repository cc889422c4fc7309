"""Is an image anything like what a model was trained on? Four signals, each with a threshold.

The size alone is judged elsewhere; here are pixels of the right size, which may still come from
anywhere: a shrunk web picture, a drawing, a scan, noise. Three distances are fitted on training
images of the data set, a score on these and on drawn graphics; thresholds are those under which
99% of its validation images stay (``python -m train.calibrate``).
"""

from __future__ import annotations

import io
from dataclasses import dataclass, fields

import numpy as np

from cifake_core.domain_statistics import dot, measure

SIGNALS = ("compression", "statistics", "features", "graphics")
# In this order they are told: what a person can see first, faint traces last.
_BY_EYE = ("graphics", "statistics", "features", "compression")
NEIGHBOUR = 5
# Where a score that grows with squares would run away, in standard deviations.
LIMIT = 6.0
# What a person can check with the eye, each by the statistics that show it: (too low, too high).
_WORDS = (
    (range(6, 15), "is smoother", "has more fine detail"),
    ([23], "has fewer even areas", "has more areas of one even tone"),
    (range(18, 21), "has less contrast", "has more contrast"),
    ([21, 22], "is paler", "has stronger colours"),
    (range(15, 18), "is darker", "is brighter"),
)


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Classes of (K,) vectors with means of their own and one covariance.

    Attributes:
        means: (C, K) float32.
        whitening: (K, K) float32 W; W Wᵀ is the inverse covariance.
    """

    means: np.ndarray
    whitening: np.ndarray

    def distance(self, x: np.ndarray) -> np.ndarray:
        """(N,) Mahalanobis distance of (N, K) vectors to the nearest class mean.

        Lee et al. 2018, arXiv:1807.03888.
        """
        x, means = (dot(v, self.whitening.T) for v in (x, self.means))
        return np.linalg.norm(x[:, None] - means[None], axis=2).min(axis=1)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """(K,) vectors that are known, to ask how far a new one is from its nearest ones.

    Attributes:
        known: (R, K) float32, whitened.
        whitening: (K, K) float32, as in :class:`Gaussian`.
        centre, spread: (K,) float32 mean and standard deviation, not whitened.
    """

    known: np.ndarray
    whitening: np.ndarray
    centre: np.ndarray
    spread: np.ndarray

    def distance(self, x: np.ndarray) -> np.ndarray:
        """(N,) distance of (N, K) vectors to the fifth nearest known one.

        Sun et al. 2022, arXiv:2204.06507.
        """
        x = dot(x, self.whitening.T)
        lengths = [np.einsum("nk,nk->n", v, v) for v in (x, self.known)]
        squares = lengths[0][:, None] + lengths[1] - 2 * dot(x, self.known)
        return np.sqrt(
            np.maximum(0, np.partition(squares, NEIGHBOUR - 1, axis=1)[:, NEIGHBOUR - 1])
        )


@dataclass(frozen=True, slots=True)
class Quadratic:
    """A logistic regression on (K,) values and their products: are they those of graphics?

    Fitted to training images against drawn examples, as in Hendrycks et al. 2019,
    arXiv:1812.04606.

    Attributes:
        linear: (K,) float32.
        products: (K, K) float32.
    """

    linear: np.ndarray
    products: np.ndarray

    def score(self, z: np.ndarray) -> np.ndarray:
        """(N,) log odds but for a constant, of (N, K) values in standard deviations."""
        z = np.clip(z, -LIMIT, LIMIT)
        return np.einsum("nk,nk->n", dot(z, self.products) + self.linear, z)


@dataclass(frozen=True, slots=True)
class Gate:
    """Fitted signals; ``judge`` says of each image which of them are too large.

    Attributes:
        thresholds: one for each of ``SIGNALS``; what is above it is too large.
    """

    statistics: Neighbours
    features: Gaussian
    graphics: Quadratic
    thresholds: tuple[float, float, float, float]

    def distances(self, pixels: np.ndarray, features: np.ndarray) -> np.ndarray:
        """(N, 4) float32, in the order of ``SIGNALS``.

        Args:
            pixels: (N, S, S, 3) uint8, S a multiple of 8.
            features: (N, K) float32, the model's penultimate ones.
        """
        return self._measured(pixels, features)[0]

    def _measured(self, pixels: np.ndarray, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The signals and the (N, K) statistics in standard deviations."""
        compression, found = measure(pixels)
        z = (found - self.statistics.centre) / self.statistics.spread
        columns = (
            compression,
            self.statistics.distance(found),
            self.features.distance(features),
            self.graphics.score(z),
        )
        return np.stack(columns, axis=1).astype(np.float32), z

    def far(self, pixels: np.ndarray, features: np.ndarray) -> np.ndarray:
        """(N, 4) bool: which signals are too large; see :meth:`distances`."""
        return self.too_far(self.distances(pixels, features))

    def too_far(self, distances: np.ndarray) -> np.ndarray:
        """The same of what :meth:`distances` gave."""
        return ~(distances <= np.array(self.thresholds, np.float32))  # so that NaN is far

    def judge(self, pixels: np.ndarray, features: np.ndarray) -> list[tuple[str, ...]]:
        """For each image a sentence on every signal that is too large; none if it is at home."""
        distances, deviations = self._measured(pixels, features)
        far = self.too_far(distances)
        return [
            tuple(self._sentence(name, own) for name in _BY_EYE if row[SIGNALS.index(name)])
            for row, own in zip(far, deviations, strict=True)
        ]

    @staticmethod
    def _sentence(signal: str, z: np.ndarray) -> str:
        """Why an image with these (K,) statistics, in standard deviations, is strange."""
        if signal == "compression":
            return (
                "All images of the data set were saved as JPEG in one way, which leaves faint "
                "traces. They are not found here: probably it was saved in another way, or shrunk "
                "from a larger picture."
            )
        if signal == "features":
            return "What the model sees in it lies far from all that it saw in training."
        if signal == "graphics":
            return (
                "Its areas and edges are like those of a drawing, a screenshot or print, not like "
                "those of a photograph."
            )
        shifts = [(float(z[list(columns)].mean()), low, high) for columns, low, high in _WORDS]
        shift, low, high = max(shifts, key=lambda s: abs(s[0]))
        return f"It {high if shift > 0 else low} than the images of the data set."

    def to_bytes(self) -> bytes:
        """As an .npz file, which :meth:`from_bytes` reads."""
        file = io.BytesIO()
        np.savez(
            file,
            **{f"statistics_{f}": getattr(self.statistics, f) for f in _fields(Neighbours)},
            **{f"features_{f}": getattr(self.features, f) for f in _fields(Gaussian)},
            **{f"graphics_{f}": getattr(self.graphics, f) for f in _fields(Quadratic)},
            thresholds=np.array(self.thresholds, np.float32),
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Gate:
        """Raises ValueError or KeyError if that is no such file; nothing is unpickled."""
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            return cls(
                Neighbours(*(found[f"statistics_{f}"] for f in _fields(Neighbours))),
                Gaussian(*(found[f"features_{f}"] for f in _fields(Gaussian))),
                Quadratic(*(found[f"graphics_{f}"] for f in _fields(Quadratic))),
                tuple(found["thresholds"].tolist()),
            )


def _fields(kind: type) -> list[str]:
    return [f.name for f in fields(kind)]
