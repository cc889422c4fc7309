"""The statistics that batch normalisation keeps, for weights that were averaged over steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from train.batches import Batches

if TYPE_CHECKING:
    import keras


def estimate(model: keras.Model, batches: Batches, most: int = 64) -> None:
    """Set the moving means and variances to their plain mean over the run's last batches.

    The ones kept while training belong to the weights as they went along, not to their average
    (Izmailov et al. 2018, arXiv:1803.05407, section 3.2). Nothing else of ``model`` changes;
    without batch normalisation nothing does. ``most`` bounds the number of batches.
    """
    import keras

    kept = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            kept[layer] = layer.momentum
    if not kept:
        return
    last = batches.steps
    first = max(0, last - min(most, batches.steps_per_epoch))
    try:
        for count, step in enumerate(range(first, last)):
            for layer in kept:
                layer.momentum = count / (count + 1)  # so that a moving mean is a plain one
            model(batches.batch(step)[0], training=True)
    finally:
        for layer, momentum in kept.items():
            layer.momentum = momentum
