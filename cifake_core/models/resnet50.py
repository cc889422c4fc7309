"""`resnet50`: ResNet50 at the native 32x32 with a dense head.

He et al. 2015, arXiv:1512.03385, by keras.applications. The recipe of public CIFAKE classifiers:
flatten, dense 256 ReLU with batch normalisation, dense 128 ReLU, dropout 0.5, sigmoid; horizontal
and vertical flips; a 70/20/10 split; early stopping with patience 3, a lower learning rate on a
plateau; 10 epochs. The best public figure of this kind is 95.67%, from ImageNet weights.
"""

from __future__ import annotations

import keras
from keras import layers


def build_resnet50(dropout: float = 0.5) -> keras.Model:
    """Build `resnet50`: (B, 32, 32, 3) uint8 to one raw logit, fresh weights.

    The maps shrink from 16x16 to 1x1x2048; ``conv2_block3_out`` (8x8x256) is the last with 8x8
    positions. 24.1 M parameters.
    """
    image = keras.Input((32, 32, 3), dtype="uint8", name="image")
    x = CaffeColours(dtype="float32", name="normalise")(image)
    x = layers.Flatten(name="flatten")(backbone(weights=None, input_tensor=x).output)
    x = layers.Dense(256, activation="relu", name="dense1")(x)
    x = layers.BatchNormalization(name="dense1_bn")(x)
    x = layers.Dense(128, activation="relu", name="dense2")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(image, layers.Dense(1, dtype="float32", name="logit")(x), name="resnet50")


@keras.saving.register_keras_serializable("cifake_lens")
class CaffeColours(layers.Layer):
    """RGB to BGR less ImageNet's mean, on [0, 255], as the published weights were trained."""

    def call(self, x):
        x = keras.ops.cast(x, "float32")
        return keras.ops.flip(x, axis=-1) - keras.ops.array([103.939, 116.779, 123.68], "float32")


def backbone(**arguments) -> keras.Model:
    """The convolutional part with its published layer names, as weights files have them."""
    if "input_tensor" not in arguments:
        arguments["input_shape"] = (32, 32, 3)
    return keras.applications.ResNet50(include_top=False, **arguments)
