"""Numbers of an image's decoded pixels that tell what it is like, whatever a model thinks of it."""

from __future__ import annotations

from functools import cache

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
# Where a step is this large, being off by a grey level shows.
_COARSE, _COARSER = QUALITY_75 >= 8, QUALITY_75 >= 12
# Set by hand near what 1 in 400 of 20,000 training images exceeds (0.416, 0.500, 2.180), of each of
# the three measures of `_compression`; the gate fits what is rare on top.
_USUAL = (0.42, 0.52, 2.1)
_FEWEST = 8  # coefficients that a mean is taken over
_K = np.arange(8)
_DCT = np.sqrt(np.where(_K, 2, 1) / 8)[:, None] * np.cos(np.outer(_K, 2 * _K + 1) * np.pi / 16)
_DCT = _DCT.astype(np.float32)
# Means along the 15 diagonals, (15, 64).
_BANDS = (np.add.outer(_K, _K).reshape(1, 64) == np.arange(15)[:, None]).astype(np.float32)
_BANDS /= _BANDS.sum(axis=1, keepdims=True)
_EVEN = 1.5 / 255
STATISTICS = (
    *(f"band {i}" for i in range(15)),
    *("mean red", "mean green", "mean blue", "spread red", "spread green", "spread blue"),
    *("saturation", "saturation spread", "flat", "edge across", "edge down"),
    *("red-green detail", "green-blue detail", "gradient"),
    *("colours", "main colour", "darkest", "dark", "middle", "light", "lightest"),
)
_RANKS = (0.02, 0.25, 0.5, 0.75, 0.98)


def statistics(pixels: np.ndarray) -> np.ndarray:
    """(N, 36) float32 of (N, S, S, 3) uint8, named by ``STATISTICS``.

    Log energy of the 8x8 DCT of the luminance along its diagonals, of rising frequency; mean and
    standard deviation of the channels; saturation (largest minus smallest channel); share of
    neighbours of equal grey; log kurtosis of grey differences; detail of the colour differences;
    entropy of the colours in 4 bits a channel and log share of the most frequent one; quantiles of
    the grey.
    """
    return measure(pixels)[1]


def compression(pixels: np.ndarray) -> np.ndarray:
    """(N,) how far DCT coefficients are from what JPEG quality 75 leaves; unchanged files: below 1.

    The largest of three measures, each over what is usual. Of the coefficients that are not 0, in
    blocks without pixels that were cut off at black or white: the mean distance to a multiple of
    quality 75's step (1 to 2 grey levels at a quality of 74 or 76), and the share of even
    multiples, as a quality of 50 has steps twice as large. And that distance in all blocks, for
    images without others.
    """
    return measure(pixels)[0]


def measure(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """:func:`compression` and :func:`statistics` of (N, S, S, 3) uint8, S a multiple of 8."""
    coefficients = _coefficients(pixels)
    return _compression(pixels, coefficients), _statistics(pixels, coefficients)


def _compression(pixels: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    multiples = np.rint(coefficients / QUALITY_75)
    off = np.abs(coefficients - multiples * QUALITY_75)
    cut = _blocks(((pixels == 0) | (pixels == 255)).any(axis=-1)).any(axis=(2, 3), keepdims=True)
    there = (multiples != 0) & _COARSE
    measures = (
        _mean_where(off, there & _COARSER & ~cut),
        _mean_where(multiples % 2 == 0, there & ~cut),
        _mean_where(off, there),
    )
    return np.max([m / usual for m, usual in zip(measures, _USUAL, strict=True)], axis=0)


def _mean_where(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    axes = tuple(range(1, values.ndim))
    return (values * where).sum(axis=axes) / np.maximum(where.sum(axis=axes), _FEWEST)


def _blocks(plane: np.ndarray) -> np.ndarray:
    """(N, S, S) as (N, blocks, 8, 8)."""
    n, side = plane.shape[0], plane.shape[1] // 8
    return plane.reshape(n, side, 8, side, 8).swapaxes(2, 3).reshape(n, -1, 8, 8)


def _coefficients(pixels: np.ndarray) -> np.ndarray:
    """(N, blocks, 8, 8) float32 DCT of the luminance, as JPEG computes it."""
    red, green, blue = np.moveaxis(pixels, -1, 0).astype(np.float32)
    luminance = 0.299 * red + 0.587 * green + 0.114 * blue - 128
    return _DCT @ _blocks(luminance) @ _DCT.T


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
        dot(energy, _BANDS),
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
    entropy = np.log(count) - _logs(count)[counts].sum(axis=1) / count
    return entropy, np.log(counts.max(axis=1) / count)


@cache
def _logs(count: int) -> np.ndarray:
    """k log k of every k up to ``count``."""
    return np.arange(count + 1) * np.log(np.maximum(1, np.arange(count + 1)))


def _spread(x: np.ndarray) -> np.ndarray:
    """Standard deviation along the last axis; several times as fast as ``x.std``."""
    x = x - x.mean(axis=-1, keepdims=True)
    return np.sqrt(np.einsum("...k,...k->...", x, x) / x.shape[-1])


def _log_kurtosis(differences: np.ndarray) -> np.ndarray:
    squares = differences * differences
    fourth = np.einsum("nk,nk->n", squares, squares) / squares.shape[1]
    return np.log1p(fourth / (squares.mean(axis=1) + 1e-6) ** 2)


def dot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x @ y.T without BLAS, whose threads go on spinning while others have work for the cores."""
    return np.einsum("nk,rk->nr", x, np.ascontiguousarray(y))
