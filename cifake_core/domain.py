"""Is an image anything like what a model was trained on? Six signals that are judged together.

The size alone is judged elsewhere; here are pixels of the right size, which may still come from
anywhere: a shrunk web picture, a drawing, a scan, noise. Traces of compression are looked for by
rules; two distances are fitted on training images of the data set, three scores on these and on
drawn examples. What each signal has over the usual adds up, and the limit is that under which 99%
of the validation images stay (``python -m train.calibrate``).
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from cifake_core.domain_statistics import dot, measure

SIGNALS = ("compression", "statistics", "features", "graphics", "textures", "shapes")
POWER = 3  # by which excesses add up: signals count together, but a large one alone will do
NEIGHBOUR = 5
# Where a score that grows with squares would run away, in standard deviations.
LIMIT = 6.0
_EVEN = "has more areas of one even tone"
_TOGETHER = (
    "Several things about it are a little unusual. Each would pass, but together they are rare "
    "among the images of the data set."
)
_LIKE = {
    "graphics": "a drawing, a screenshot or print",
    "textures": "noise, brush strokes or a photographed page",
    "shapes": "a page, coloured triangles or spots of light",
}
# What a person can check with the eye, each by the statistics that show it: (too low, too high).
_WORDS = (
    (range(6, 15), "is smoother", "has more fine detail"),
    ([23], "has fewer even areas", _EVEN),
    (range(18, 21), "has less contrast", "has more contrast"),
    ([21, 22], "is paler", "has stronger colours"),
    (range(15, 18), "is darker", "is brighter"),
)


class _Whitening:
    """Keeps beside the fields what is the same for every image, so its kinds have no slots."""

    whitening: np.ndarray

    def _whitened(self, x: np.ndarray) -> np.ndarray:
        return dot(x, self._transposed)

    @cached_property
    def _transposed(self) -> np.ndarray:
        return np.ascontiguousarray(self.whitening.T)


@dataclass(frozen=True)
class Gaussian(_Whitening):
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
        x = self._whitened(x)
        return np.linalg.norm(x[:, None] - self._whitened_means, axis=2).min(axis=1)

    @cached_property
    def _whitened_means(self) -> np.ndarray:
        return self._whitened(self.means)


@dataclass(frozen=True)
class Neighbours(_Whitening):
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
        x = self._whitened(x)
        squares = _squares(x)[:, None] + self._lengths - 2 * dot(x, self.known)
        return np.sqrt(
            np.maximum(0, np.partition(squares, NEIGHBOUR - 1, axis=1)[:, NEIGHBOUR - 1])
        )

    @cached_property
    def _lengths(self) -> np.ndarray:
        return _squares(self.known)


@dataclass(frozen=True, slots=True)
class Quadratic:
    """A logistic regression on (K,) values and their products: are they those of examples?

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
        usual, rare: (6,) float32, in the order of ``SIGNALS``: what the middle one of the model's
            own images has, and what one in 500 exceeds. The excess of a signal is 0 at the first
            and 1 at the second.
        limit: of the root of the sum of the excesses' powers; an image above it is strange.
    """

    statistics: Neighbours
    features: Gaussian
    graphics: Quadratic
    textures: Quadratic
    shapes: Quadratic
    usual: np.ndarray
    rare: np.ndarray
    limit: float

    def distances(self, pixels: np.ndarray, features: np.ndarray) -> np.ndarray:
        """(N, 6) float32, in the order of ``SIGNALS``.

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
            self.textures.score(z),
            self.shapes.score(z),
        )
        return np.stack(columns, axis=1).astype(np.float32), z

    def far(self, pixels: np.ndarray, features: np.ndarray) -> np.ndarray:
        """(N, 6) bool: which signals make an image strange; see :meth:`too_far`."""
        return self.too_far(self.distances(pixels, features))

    def too_far(self, distances: np.ndarray) -> np.ndarray:
        """The same of what :meth:`distances` gave.

        Of a strange image those that are rare by themselves, or else the most unusual one; none of
        any other image.
        """
        excess = self.excess(distances)
        counts = excess >= np.minimum(1, excess.max(axis=1, keepdims=True))
        return counts & (together(excess) > self.limit)[:, None]

    def excess(self, distances: np.ndarray) -> np.ndarray:
        """(N, 6) float64, at least 0: how far each signal is over the usual."""
        over = (distances.astype(np.float64) - self.usual) / (self.rare - self.usual)
        return np.where(np.isnan(over), np.inf, np.maximum(over, 0))

    def judge(self, pixels: np.ndarray, features: np.ndarray) -> list[tuple[str, ...]]:
        """For each image a sentence on every signal that makes it strange; none if it is at home.

        The most unusual comes first, but one even tone before all. Of what it is like only the
        likest is told, and nothing of a single signal where none is rare by itself.
        """
        distances, deviations = self._measured(pixels, features)
        excess, far = self.excess(distances), self.too_far(distances)
        said = []
        for row, over, own in zip(far, excess, deviations, strict=True):
            if row.any() and (over < 1).all():
                said.append((_TOGETHER,))
                continue
            names = [SIGNALS[i] for i in np.argsort(-over, kind="stable") if row[i]]
            others = [name for name in names if name in _LIKE][1:]
            if "statistics" in names and _word(own) == _EVEN:
                names.sort(key=lambda name: name != "statistics")
            said.append(tuple(self._sentence(n, own) for n in names if n not in others))
        return said

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
        if signal in _LIKE:
            return f"It is more like {_LIKE[signal]} than like a photograph of things."
        return f"It {_word(z)} than the images of the data set."

    def to_bytes(self) -> bytes:
        """As an .npz file, which :meth:`from_bytes` reads."""
        file = io.BytesIO()
        np.savez(
            file,
            **{f"statistics_{f}": getattr(self.statistics, f) for f in _fields(Neighbours)},
            **{f"features_{f}": getattr(self.features, f) for f in _fields(Gaussian)},
            **{
                f"{name}_{f}": getattr(getattr(self, name), f)
                for name in _LIKE
                for f in _fields(Quadratic)
            },
            usual=self.usual,
            rare=self.rare,
            limit=np.float32(self.limit),
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Gate:
        """Raises ValueError or KeyError if that is no such file; nothing is unpickled."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as found:
                gate = cls(
                    Neighbours(*(found[f"statistics_{f}"] for f in _fields(Neighbours))),
                    Gaussian(*(found[f"features_{f}"] for f in _fields(Gaussian))),
                    *(Quadratic(*(found[f"{n}_{f}"] for f in _fields(Quadratic))) for n in _LIKE),
                    found["usual"],
                    found["rare"],
                    float(found["limit"]),
                )
        except (EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(str(error)) from error
        # With such numbers no image would be strange.
        if not gate.usual.shape == gate.rare.shape == (len(SIGNALS),):
            raise ValueError("usual and rare must have a number for each signal")
        if not (np.isfinite([*gate.usual, *gate.rare, gate.limit]).all()):
            raise ValueError("usual, rare and limit must be numbers")
        if not (gate.rare > gate.usual).all():
            raise ValueError("rare must be above usual")
        return gate


def _word(z: np.ndarray) -> str:
    """What is most unlike the data set about (K,) statistics in standard deviations."""
    shifts = [(float(z[list(columns)].mean()), low, high) for columns, low, high in _WORDS]
    shift, low, high = max(shifts, key=lambda s: abs(s[0]))
    return high if shift > 0 else low


def together(excess: np.ndarray) -> np.ndarray:
    """(N,) of (N, K): one number for how unusual an image is, all signals considered."""
    return (excess**POWER).sum(axis=1) ** (1 / POWER)


def _squares(x: np.ndarray) -> np.ndarray:
    return np.einsum("nk,nk->n", x, x)


def _fields(kind: type) -> list[str]:
    return [f.name for f in fields(kind)]
