"""The statistics that batch normalisation keeps, for weights that were averaged over steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from train.batches import Batches

if TYPE_CHECKING:
    import keras


def estimate(model: keras.Model, batches: Batches, most: int = 64) -> int:
    """Set moving means and variances to their plain mean over the last batches, of whole images.

    The ones kept while training belong to the weights as they went along, not to their average
    (Izmailov et al. 2018, arXiv:1803.05407, section 3.2). Nothing else of ``model`` changes. Of a
    layer that is called twice, as with ``mirror``, one call counts.

    Returns:
        The number of batches, at most ``most`` and an epoch; 0 without batch normalisation.
    """
    import keras

    layers = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]
    if not layers:
        return 0
    steps = range(max(0, batches.steps - min(most, batches.steps_per_epoch)), batches.steps)
    kept, sums = [layer.momentum for layer in layers], [0.0] * 2 * len(layers)
    try:
        for step in steps:
            for layer in layers:
                layer.momentum = 0.0  # what is kept is then what this batch has
            model(batches.batch(step, whole=True)[0], training=True)
            sums = [a + b for a, b in zip(sums, _read(layers), strict=True)]
    finally:
        for layer, momentum in zip(layers, kept, strict=True):
            layer.momentum = momentum
    for layer, mean, variance in zip(layers, sums[::2], sums[1::2], strict=True):
        layer.moving_mean.assign(mean / len(steps))
        layer.moving_variance.assign(variance / len(steps))
    return len(steps)


def _read(layers: list[keras.layers.BatchNormalization]) -> list[np.ndarray]:
    import keras

    variables = [v for layer in layers for v in (layer.moving_mean, layer.moving_variance)]
    return [keras.ops.convert_to_numpy(v.value).astype(np.float64) for v in variables]
