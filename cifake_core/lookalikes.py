"""Test images that are nearly, but not quite, images of the training split."""

from __future__ import annotations

import numpy as np

from cifake_core.dataset import Split
from cifake_core.labels import LABELS

ALIKE = 0.95  # correlation of all pixel values from which two images count as nearly the same
BLOCKS = 8  # a side: images are first compared by the means of so many blocks
CHUNK = 1000


def lookalikes(train: Split, test: Split) -> dict[str, int]:
    """How many test images of each label are nearly a training image of theirs, under its name.

    Each is compared, as it is and mirrored, with the training image whose block means correlate
    most with its own; nearly the same is a correlation of ``ALIKE`` between all their pixel values.
    Pixel-identical images are left out. What was cut, shifted or recoloured much goes unnoticed.
    """
    identical = np.isin(test.digests, train.digests)
    found = {}
    for number, label in enumerate(LABELS):
        mine = np.flatnonzero((test.labels == number) & ~identical)
        theirs = np.flatnonzero(train.labels == number)
        found[label] = 0
        if not len(theirs):
            continue
        known = _centred(_blocks(np.asarray(train.images)[theirs]))
        for start in range(0, len(mine), CHUNK):
            images = np.asarray(test.images[mine[start : start + CHUNK]])
            best = np.zeros(len(images))
            for turned in (images, images[:, :, ::-1]):
                nearest = theirs[(_centred(_blocks(turned)) @ known.T).argmax(1)]
                pixels = _centred(turned), _centred(np.asarray(train.images)[nearest])
                best = np.maximum(best, (pixels[0] * pixels[1]).sum(1))
            found[label] += int((best >= ALIKE).sum())
    return found


def _blocks(images: np.ndarray) -> np.ndarray:
    """(N, BLOCKS, BLOCKS, 3) means of (N, S, S, 3) uint8 images, S a multiple of BLOCKS."""
    step = images.shape[1] // BLOCKS
    return images.reshape(-1, BLOCKS, step, BLOCKS, step, 3).mean((2, 4), dtype=np.float32)


def _centred(values: np.ndarray) -> np.ndarray:
    """(N, K) float32 of mean 0 and length 1, whose products are correlations; 0 of a flat image."""
    flat = values.reshape(len(values), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
