"""Depthwise convolutions as sums of shifted images."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from cifake_core.models import build
from train.depthwise import Shifted, quicken

RNG = np.random.default_rng(0)


def test_a_sum_by_hand():
    layer = Shifted(2, padding="valid", use_bias=False)
    image = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1)
    layer.build(image.shape)
    layer.kernel.assign(np.array([[1, 10], [100, 1000]], np.float32).reshape(2, 2, 1, 1))
    # Rows of the image: 0 1 2, 3 4 5, 6 7 8.
    expected = [[0 + 10 + 300 + 4000, 1 + 20 + 400 + 5000], [3 + 40 + 600 + 7000, 8754]]
    np.testing.assert_array_equal(np.asarray(layer(image))[0, ..., 0], expected)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("kernel_size", [3, (2, 5)])
@pytest.mark.parametrize("side", [9, 12])
def test_it_computes_what_keras_does(padding, strides, kernel_size, side):
    how = {
        "padding": padding, "strides": strides, "depth_multiplier": 2, "activation": "relu",
        "bias_initializer": "random_normal",
    }  # fmt: skip
    theirs, ours = keras.layers.DepthwiseConv2D(kernel_size, **how), Shifted(kernel_size, **how)
    image = RNG.standard_normal((2, side, side + 1, 3)).astype(np.float32)
    expected = np.asarray(theirs(image))
    ours.build(image.shape)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(np.asarray(ours(image)), expected, atol=1e-5)


@pytest.mark.parametrize(("name", "arguments", "layers"), [
    ("mobilenet_v2", {}, 17),
    ("lens", {"widths": [4, 4, 8], "high_pass": True, "anti_alias": True}, 3),
])  # fmt: skip
def test_a_quickened_model_is_the_same_model(name, arguments, layers, monkeypatch):
    model = build(name, **arguments)
    weights = [(w.path, w.trainable) for w in model.weights]
    images = RNG.integers(0, 256, (2, 32, 32, 3), np.uint8)
    before = np.asarray(model(images, training=False))
    assert quicken(model) == 0  # TensorFlow's own is quick
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert quicken(model) == layers
    assert sum(isinstance(layer, Shifted) for layer in model.layers) == layers
    assert [(w.path, w.trainable) for w in model.weights] == weights
    monkeypatch.undo()
    np.testing.assert_allclose(np.asarray(model(images, training=False)), before, atol=1e-4)
