"""`aireal_cnn`: a public CIFAKE classifier that narrows as it deepens, with L2 on every layer.

Its authors' recipe: three 3x3 convolutions (64, 32, 16), each with 2x2 max-pooling and dropout 0.3;
dense 512, 256 and 128, each with dropout 0.4; L2 of 0.001 on all layers; images scaled to [0, 1];
Adam 1e-4, batch 64, 30 epochs, an 80/20 split of the training images.
"""

from __future__ import annotations

import keras
from keras import layers


def build_aireal_cnn(
    filters: tuple[int, ...] = (64, 32, 16),
    dense: tuple[int, ...] = (512, 256, 128),
    l2: float = 0.001,
) -> keras.Model:
    """Build `aireal_cnn`: (B, 32, 32, 3) uint8 to one raw logit.

    Maps: 32x32x64, 16x16x32, 8x8x16 (layer ``features``), pooled to 4x4x16 and flattened (256).
    0.32 M parameters.

    Args:
        l2: factor of each layer's squared weights in the loss.
    """
    image = keras.Input((32, 32, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 255, dtype="float32", name="normalise")(image)
    penalty = {"kernel_regularizer": keras.regularizers.L2(l2)}
    for number, width in enumerate(filters, start=1):
        x = layers.Conv2D(
            width, 3, padding="same", activation="relu", name=f"conv{number}", **penalty
        )(x)
        if number == len(filters):
            x = layers.Activation("linear", name="features")(x)
        x = layers.MaxPooling2D(name=f"pool{number}")(x)
        x = layers.Dropout(0.3, name=f"pool{number}_dropout")(x)
    x = layers.Flatten(name="flatten")(x)
    for number, width in enumerate(dense, start=1):
        x = layers.Dense(width, activation="relu", name=f"dense{number}", **penalty)(x)
        x = layers.Dropout(0.4, name=f"dense{number}_dropout")(x)
    logit = layers.Dense(1, dtype="float32", name="logit", **penalty)(x)
    return keras.Model(image, logit, name="aireal_cnn")
