"""Is an image anything like what a model was trained on? Three distances, each with a threshold.

The size alone is judged elsewhere; here are pixels of the right size, which may still come from
anywhere: a shrunk web picture, a drawing, a scan, noise. Fitted on training images of the real
data set, with thresholds under which 99 % of its validation images stay
(``python -m train.calibrate``).
"""

from __future__ import annotations

import io
from dataclasses import dataclass, fields

import numpy as np

# The luminance table that libjpeg uses at quality 75, rows of rising vertical frequency
# (ITU-T T.81, table K.1, halved). Every file of CIFAKE was saved with it.
QUALITY_75 = np.array(
    [
        *([8, 6, 5, 8, 12, 20, 26, 31], [6, 6, 7, 10, 13, 29, 30, 28]),
        *([7, 7, 8, 12, 20, 29, 35, 28], [7, 9, 11, 15, 26, 44, 40, 31]),
        *([9, 11, 19, 28, 34, 55, 52, 39], [12, 18, 28, 32, 41, 52, 57, 46]),
        *([25, 32, 39, 44, 52, 61, 60, 51], [36, 46, 48, 49, 56, 50, 52, 50]),
    ],
    np.float32,
)
# Smaller steps drown in what rounding to whole RGB values does to a coefficient.
_COARSE = QUALITY_75 >= 20
_K = np.arange(8)
_DCT = np.sqrt(np.where(_K, 2, 1) / 8)[:, None] * np.cos(np.outer(_K, 2 * _K + 1) * np.pi / 16)
_DCT = _DCT.astype(np.float32)
# Means along the 15 diagonals, (64, 15).
_BANDS = (np.add.outer(_K, _K).reshape(64, 1) == np.arange(15)).astype(np.float32)
_BANDS /= _BANDS.sum(axis=0)
_EVEN = 1.5 / 255
SIGNALS = ("compression", "statistics", "features")
STATISTICS = (
    *(f"band {i}" for i in range(15)),
    *("mean red", "mean green", "mean blue", "spread red", "spread green", "spread blue"),
    *("saturation", "saturation spread", "flat", "edge across", "edge down"),
    *("red-green detail", "green-blue detail", "gradient"),
    *("colours", "main colour", "darkest", "dark", "middle", "light", "lightest"),
)
_RANKS = (0.02, 0.25, 0.5, 0.75, 0.98)
NEIGHBOUR = 5
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
        x, means = (_dot(v, self.whitening.T) for v in (x, self.means))
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
        x = _dot(x, self.whitening.T)
        lengths = [np.einsum("nk,nk->n", v, v) for v in (x, self.known)]
        squares = lengths[0][:, None] + lengths[1] - 2 * _dot(x, self.known)
        return np.sqrt(
            np.maximum(0, np.partition(squares, NEIGHBOUR - 1, axis=1)[:, NEIGHBOUR - 1])
        )


@dataclass(frozen=True, slots=True)
class Gate:
    """Fitted distances; ``judge`` says of each image which of them are too large.

    Attributes:
        thresholds: one for each of ``SIGNALS``; a distance above it is too large.
    """

    statistics: Neighbours
    features: Gaussian
    thresholds: tuple[float, float, float]

    def distances(self, pixels: np.ndarray, features: np.ndarray) -> np.ndarray:
        """(N, 3) float32, in the order of ``SIGNALS``.

        Args:
            pixels: (N, S, S, 3) uint8, S a multiple of 8.
            features: (N, K) float32, the model's penultimate ones.
        """
        return self._measured(pixels, features)[0]

    def _measured(self, pixels: np.ndarray, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The distances and the (N, K) statistics."""
        coefficients = _coefficients(pixels)
        found = _statistics(pixels, coefficients)
        columns = (
            _compression(coefficients),
            self.statistics.distance(found),
            self.features.distance(features),
        )
        return np.stack(columns, axis=1).astype(np.float32), found

    def judge(self, pixels: np.ndarray, features: np.ndarray) -> list[tuple[str, ...]]:
        """For each image a sentence on every distance that is too large; none if it is at home."""
        distances, found = self._measured(pixels, features)
        # Written so that NaN is far.
        far = ~(distances <= np.array(self.thresholds, np.float32))
        return [
            tuple(self._sentence(name, own) for name in np.array(SIGNALS)[row])
            for row, own in zip(far, found, strict=True)
        ]

    def _sentence(self, signal: str, found: np.ndarray) -> str:
        """Why an image with these (K,) statistics is strange."""
        if signal == "compression":
            return (
                "All images of the data set were saved as JPEG in one way, which leaves faint "
                "traces. They are not found here: probably it was saved in another way, or shrunk "
                "from a larger picture."
            )
        if signal == "features":
            return "What the model sees in it lies far from all that it saw in training."
        z = (found - self.statistics.centre) / self.statistics.spread
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
                tuple(found["thresholds"].tolist()),
            )


def _dot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x @ y.T without BLAS, whose threads go on spinning while others have work for the cores."""
    return np.einsum("nk,rk->nr", x, np.ascontiguousarray(y))


def _fields(kind: type) -> list[str]:
    return [f.name for f in fields(kind)]


def statistics(pixels: np.ndarray) -> np.ndarray:
    """(N, 36) float32 of (N, S, S, 3) uint8, named by ``STATISTICS``.

    Log energy of the 8x8 DCT of the luminance along its diagonals, of rising frequency; mean and
    standard deviation of the channels; saturation (largest minus smallest channel); share of
    neighbours of equal grey; log kurtosis of grey differences; detail of the colour differences;
    entropy of the colours in 4 bits a channel and log share of the most frequent one; quantiles of
    the grey.
    """
    return _statistics(pixels, _coefficients(pixels))


def compression(pixels: np.ndarray) -> np.ndarray:
    """(N,) mean distance of DCT coefficients from the multiples that JPEG quality 75 leaves.

    In units of grey levels; near 0 for an image that was saved in that way and not changed since.
    """
    return _compression(_coefficients(pixels))


def _compression(coefficients: np.ndarray) -> np.ndarray:
    found, step = coefficients[..., _COARSE], QUALITY_75[_COARSE]
    return np.abs(found - np.rint(found / step) * step).mean(axis=(1, 2))


def _coefficients(pixels: np.ndarray) -> np.ndarray:
    """(N, blocks, 8, 8) float32 DCT of the luminance, as JPEG computes it."""
    red, green, blue = np.moveaxis(pixels, -1, 0).astype(np.float32)
    luminance = 0.299 * red + 0.587 * green + 0.114 * blue - 128
    n, side = luminance.shape[0], luminance.shape[1] // 8
    blocks = luminance.reshape(n, side, 8, side, 8).swapaxes(2, 3).reshape(n, -1, 8, 8)
    return _DCT @ blocks @ _DCT.T


def _statistics(pixels: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    n, side = pixels.shape[:2]
    planes = pixels.transpose(0, 3, 1, 2).reshape(n, 3, -1).astype(np.float32) / 255
    blocks = coefficients.reshape(n, -1, 64)
    energy = np.log1p(np.einsum("nbk,nbk->nk", blocks, blocks) / blocks.shape[1])
    red, green, blue = planes[:, 0], planes[:, 1], planes[:, 2]
    saturation = np.maximum(np.maximum(red, green), blue)
    saturation = saturation - np.minimum(np.minimum(red, green), blue)
    grey = ((red + green + blue) / 3).reshape(n, side, side)
    across = (grey[:, :, 1:] - grey[:, :, :-1]).reshape(n, -1)
    down = (grey[:, 1:] - grey[:, :-1]).reshape(n, -1)
    colour = (planes[:, :2] - planes[:, 1:]).reshape(n, 2, side, side)
    colour = (colour[..., 1:] - colour[..., :-1]).reshape(n, 2, -1)
    size = np.abs(across)
    columns = [
        _dot(energy, _BANDS.T),
        planes.mean(axis=2),
        _spread(planes),
        saturation.mean(axis=1),
        _spread(saturation),
        ((size < _EVEN).mean(axis=1) + (np.abs(down) < _EVEN).mean(axis=1)) / 2,
        _log_kurtosis(across),
        _log_kurtosis(down),
        np.log1p(100 * _spread(colour)),
        np.log1p(100 * size.mean(axis=1)),
        *_palette(pixels),
        np.sort(grey.reshape(n, -1))[:, [int(r * (side * side - 1)) for r in _RANKS]],
    ]
    return np.column_stack(columns).astype(np.float32)


def _palette(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n, count = len(pixels), pixels.shape[1] * pixels.shape[2]
    high = (pixels >> 4).reshape(n, count, 3).astype(np.int64) @ np.array([256, 16, 1])
    counts = np.bincount((high + 4096 * np.arange(n)[:, None]).ravel(), minlength=4096 * n)
    counts = counts.reshape(n, 4096)
    logs = np.arange(count + 1) * np.log(np.maximum(1, np.arange(count + 1)))
    entropy = np.log(count) - logs[counts].sum(axis=1) / count
    return entropy, np.log(counts.max(axis=1) / count)


def _spread(x: np.ndarray) -> np.ndarray:
    """Standard deviation along the last axis; several times as fast as ``x.std``."""
    x = x - x.mean(axis=-1, keepdims=True)
    return np.sqrt(np.einsum("...k,...k->...", x, x) / x.shape[-1])


def _log_kurtosis(differences: np.ndarray) -> np.ndarray:
    squares = differences * differences
    fourth = np.einsum("nk,nk->n", squares, squares) / squares.shape[1]
    return np.log1p(fourth / (squares.mean(axis=1) + 1e-6) ** 2)
