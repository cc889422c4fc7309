"""`mobilenet_v2`: ImageNet's MobileNetV2 at 160x160, its last layers trained.

Sandler et al. 2018, arXiv:1801.04381, by keras.applications. The recipe of a public CIFAKE
classifier: all but the last 30 layers frozen, global average pooling, dense 128 ReLU, dropout 0.3,
sigmoid; Adam; flips, zoom of up to 0.2 and rotation of up to 15 degrees; early stopping with
patience 3. Its authors report an accuracy of 0.93 and an F1 of 0.93 for both classes.
"""

from __future__ import annotations

import keras
from keras import layers

SIDE = 160


def build_mobilenet_v2(trainable_layers: int = 30, dropout: float = 0.3) -> keras.Model:
    """Build `mobilenet_v2`: (B, 32, 32, 3) uint8 to one raw logit, fresh weights.

    The image is enlarged fivefold, bilinearly, inside the model. The maps shrink from 80x80 to
    5x5x1280; ``block_12_add`` (10x10x96) is the last with 8x8 positions or more. 2.42 M parameters.

    Args:
        trainable_layers: layers of the backbone that are trained, counted from its end; batch
            normalisation in the others keeps its statistics.
        dropout: rate before the logit.
    """
    image = keras.Input((32, 32, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="normalise")(image)
    x = layers.UpSampling2D(SIDE // 32, interpolation="bilinear", name="enlarge")(x)
    body = backbone(weights=None, input_tensor=x)
    for layer in body.layers[: len(body.layers) - trainable_layers]:
        layer.trainable = False
    x = layers.GlobalAveragePooling2D(dtype="float32", name="pool")(body.output)
    x = layers.Dense(128, activation="relu", name="dense")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(
        image, layers.Dense(1, dtype="float32", name="logit")(x), name="mobilenet_v2"
    )


def backbone(**arguments) -> keras.Model:
    """The convolutional part with its published layer names, as weights files have them."""
    if "input_tensor" not in arguments:
        arguments["input_shape"] = (SIDE, SIDE, 3)
    return keras.applications.MobileNetV2(include_top=False, **arguments)
