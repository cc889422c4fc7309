"""Is a heatmap true? Numbers that ask so, in NumPy and OpenCV; the model enters as a function.

A map is (h, w) float, non-negative; a box is (top, left, side) in pixels of an (S, S, 3) image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

STEPS = (
    16  # of a deletion or insertion curve: 64 pixels each at 32x32, four positions of an 8x8 map
)
BLUR = 3.0  # pixels; of what takes a pixel's place
Box = tuple[int, int, int]


def fit(values: np.ndarray, size: int) -> np.ndarray:
    """(size, size) float32: a map brought to its image's size by lines, as it is drawn."""
    return cv2.resize(values.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)


def hit(values: np.ndarray, box: Box, tolerance: int = 0) -> float:
    """Whether a map's maximum lies in the box, 0 or 1: the pointing game.

    (Zhang et al. 2016, arXiv:1608.00507.) Where several pixels share the maximum it is their share
    in the box, so that an empty map scores what chance would.

    Args:
        values: of the image's size, see :func:`fit`.
        tolerance: pixels by which the box is widened on each side.
    """
    at = values == values.max()
    return float(_inside(at, box, tolerance).sum() / at.sum())


def mass_share(values: np.ndarray, box: Box) -> float:
    """Share of a map's sum that lies in the box; the box's share of the area if it is empty."""
    total = float(values.sum())
    return float(_inside(values, box).sum()) / total if total > 0 else area_share(box, len(values))


def area_share(box: Box, size: int, tolerance: int = 0) -> float:
    """What a map would score by chance."""
    return _inside(np.ones((size, size)), box, tolerance).size / size**2


def centre_blob(size: int) -> np.ndarray:
    """(size, size) float32: a Gaussian bump in the middle, which knows nothing of the image."""
    line = cv2.getGaussianKernel(size, size / 6, cv2.CV_32F)
    return line @ line.T


def random_blobs(count: int, size: int, seed: int = 0) -> np.ndarray:
    """(count, size, size) float32: noise about as smooth as an 8x8 map, which knows nothing."""
    noise = np.random.default_rng(seed).standard_normal((count, size, size), np.float32)
    return np.stack([cv2.GaussianBlur(n, (0, 0), size / 16) for n in noise])


def edges(pixels: np.ndarray) -> np.ndarray:
    """(S, S) float32: strength of the brightness's gradient (Sobel), which knows no model."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return cv2.magnitude(*(cv2.Sobel(grey, cv2.CV_32F, dx, 1 - dx) for dx in (1, 0)))


def order(values: np.ndarray, seed: int = 0) -> np.ndarray:
    """(S*S,) pixel numbers, the strongest first; equal ones are shuffled."""
    shuffled = np.random.default_rng(seed).permutation(values.size)
    return shuffled[np.argsort(-values.ravel()[shuffled], kind="stable")]


def blurred(pixels: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8 without its detail, edges mirrored."""
    return cv2.GaussianBlur(pixels, (0, 0), BLUR, borderType=cv2.BORDER_REFLECT_101)


def deletion_insertion(
    score_of: Callable[[np.ndarray], np.ndarray],
    pixels: np.ndarray,
    orders: Sequence[np.ndarray],
    steps: int = STEPS,
    replacement: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """What becomes of a score when pixels go, and when they come back (RISE, arXiv:1806.07421).

    Args:
        score_of: (N, S, S, 3) uint8 to (N,) scores, all asked at once.
        pixels: (S, S, 3) uint8.
        orders: of each map, as from :func:`order`.
        steps: each takes about as many pixels as the others.
        replacement: what takes a deleted pixel's place and is there before the first comes back;
            the image blurred if None, because a flat colour would draw new edges.

    Returns:
        Deletion and insertion, each (len(orders), steps + 1): first the untouched start, last the
        end, at which all pixels were taken or brought.
    """
    size, ends = pixels.shape[0], [pixels, blurred(pixels) if replacement is None else replacement]
    batch = [*ends]
    for ranking in orders:
        for step in range(1, steps):
            gone = np.zeros(size * size, bool)
            gone[ranking[: round(step * size * size / steps)]] = True
            gone = gone.reshape(size, size, 1)
            batch += [np.where(gone, ends[1], ends[0]), np.where(gone, ends[0], ends[1])]
    scores = score_of(np.stack(batch))
    inner = scores[2:].reshape(len(orders), steps - 1, 2)
    full, none = (np.full((len(orders), 1), score) for score in scores[:2])
    return (
        np.hstack([full, inner[:, :, 0], none]),
        np.hstack([none, inner[:, :, 1], full]),
    )


def area(curve: np.ndarray) -> np.ndarray:
    """Area under curves along the last axis, whose steps together are 1 wide (trapezoids)."""
    return np.trapezoid(curve, dx=1 / (curve.shape[-1] - 1), axis=-1)


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """Rank correlation of two maps of one size, equal values sharing their mean rank.

    A map that is the same everywhere has no order: 0, or 1 if both are.
    """
    ranks = [_ranks(values.ravel()) for values in (one, other)]
    flat = [float(np.ptp(r)) == 0 for r in ranks]
    if any(flat):
        return float(all(flat))
    return float(np.corrcoef(*ranks)[0, 1])


def ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Structural similarity of two (S, S) maps, each scaled to [0, 1] by its maximum.

    Wang et al. 2004, doi:10.1109/TIP.2003.819861, with its constants and its Gaussian window of
    11x11 pixels; mean over the windows that lie inside, so S must be 11 or more.
    """
    x, y = (v.astype(np.float64) / (v.max() if v.max() > 0 else 1) for v in (one, other))
    c1, c2 = 0.01**2, 0.03**2

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (11, 11), 1.5)[5:-5, 5:-5]

    mx, my = mean(x), mean(y)
    vx, vy, together = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    top = (2 * mx * my + c1) * (2 * together + c2)
    return float((top / ((mx * mx + my * my + c1) * (vx + vy + c2))).mean())


def _inside(values: np.ndarray, box: Box, by: int = 0) -> np.ndarray:
    top, left, side = box
    return values[max(0, top - by) : top + side + by, max(0, left - by) : left + side + by]


def _ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]
