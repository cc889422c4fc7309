"""Heatmaps of one image beside each other: their difference, and lines instead of colours."""

from __future__ import annotations

import cv2
import numpy as np

from cifake_core.render import enlarge

LEVELS = (0.25, 0.5, 0.75)
# CIELAB (L, a, b): from purple over near-white to green, which differ for the colour-blind, too.
# Both ends are as dark, as colourful and as far from the middle, and the way there is straight.
ENDS = ((45.0, 40.0, -40.0), (45.0, -40.0, 40.0))
MIDDLE = (95.0, 0.0, 0.0)


def diverging(values: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 of (H, W) in [-1, 1]: green above 0, purple below, near-white at 0."""
    share = np.clip(values, -1, 1).astype(np.float32)[..., None]
    lower, upper, middle = (np.array(c, np.float32) for c in (*ENDS, MIDDLE))
    lab = middle + np.abs(share) * (np.where(share > 0, upper, lower) - middle)
    rgb = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_Lab2RGB)
    return np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def difference(one: np.ndarray, other: np.ndarray, side: int = 384) -> np.ndarray:
    """(side, side, 3) uint8: green where ``one`` is higher, purple where ``other`` is.

    Both are (h, w) in [0, 1], of whatever size, and brought to one size smoothly.
    """
    return diverging(_fit(one, side) - _fit(other, side))


def difference_bar(width: int = 384, height: int = 12) -> np.ndarray:
    """(height, width, 3) uint8: the colours from -1 (left) to 1 (right)."""
    return diverging(np.tile(np.linspace(-1, 1, width, dtype=np.float32), (height, 1)))


def contours(pixels: np.ndarray, values: np.ndarray, side: int = 384) -> np.ndarray:
    """(S*k, S*k, 3) uint8: the image enlarged, with lines where a heatmap crosses ``LEVELS``.

    Args:
        pixels: (S, S, 3) uint8.
        values: (h, w) in [0, 1]. The higher the level, the thicker its line.
    """
    picture = np.ascontiguousarray(enlarge(pixels, side))
    fitted = _fit(values, len(picture))
    for thickness, level in enumerate(LEVELS, 1):
        inside = (fitted >= level).astype(np.uint8)
        found, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        # White on black is seen on every picture.
        cv2.drawContours(picture, found, -1, (0, 0, 0), 2 * thickness + 3)
        cv2.drawContours(picture, found, -1, (255, 255, 255), 2 * thickness)
    return picture


def _fit(values: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(values.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)
