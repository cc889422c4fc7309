"""Occlusion (Zeiler & Fergus 2014, arXiv:1311.2901): cover a patch, watch the logit.

It asks the model only for logits, so it explains any model, and nothing is assumed of its layers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cifake_core.labels import REAL
from cifake_core.progress import Progress

CHUNK = 64


def occlusion(
    logits_of: Callable[[np.ndarray], np.ndarray],
    pixels: np.ndarray,
    target: int,
    window: int | None = None,
    stride: int | None = None,
    fill: np.ndarray | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """How much of the evidence for a label goes when a pixel's surroundings are covered.

    Args:
        logits_of: (N, S, S, 3) uint8 to (N,) raw logits that grow with *real*.
        pixels: (S, S, 3) uint8.
        target: the label, REAL or FAKE.
        window: side of the square patch in pixels; a quarter of the image if None.
        stride: pixels from one patch to the next, at most ``window``; a sixteenth of the image if
            None.
        fill: (3,) colour of the patch; the image's mean colour if None.
        progress: hears (done, total) in patches.

    Returns:
        (S, S) float32: mean drop of the logit towards the target over all patches that cover the
        pixel, 0 where it rises.

    Raises:
        ValueError: no such patch fits, or pixels would lie between two of them.
    """
    size = pixels.shape[0]
    window = max(1, size // 4) if window is None else window
    stride = max(1, size // 16) if stride is None else stride
    if not 1 <= window <= size:
        raise ValueError(f"no patch of {window} pixels fits into {size}")
    if not 1 <= stride <= window:  # else pixels between two patches would never be covered
        raise ValueError(f"patches of {window} pixels cannot be {stride} apart")
    if fill is None:
        fill = np.rint(pixels.mean(axis=(0, 1)))
    starts = sorted({*range(0, size - window + 1, stride), size - window})
    corners = [(top, left) for top in starts for left in starts]
    sign = 1.0 if target == REAL else -1.0
    before = float(logits_of(pixels[None])[0])
    drops, counts = np.zeros((size, size)), np.zeros((size, size))
    for start in range(0, len(corners), CHUNK):
        part = corners[start : start + CHUNK]
        covered = np.repeat(pixels[None], len(part), axis=0)
        for image, (top, left) in zip(covered, part, strict=True):
            image[top : top + window, left : left + window] = fill
        for logit, (top, left) in zip(logits_of(covered), part, strict=True):
            place = np.s_[top : top + window, left : left + window]
            drops[place] += sign * (before - float(logit))
            counts[place] += 1
        if progress:
            progress(start + len(part), len(corners))
    return np.maximum(drops / counts, 0).astype(np.float32)
