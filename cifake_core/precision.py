"""Logits of a Keras model to compare with others, whatever a GPU would round away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras


def logits(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """(N,) float32 raw logits of (N, S, S, 3) uint8 images, on every backend."""
    import keras

    # Not np.asarray, which PyTorch refuses for what it could still differentiate.
    return keras.ops.convert_to_numpy(model(images, training=False))[:, 0]
