"""`paper_cnn`: the convolutional network of the data set's paper.

Bird & Lotfi 2024, "CIFAKE: Image Classification and Explainable Identification of AI-Generated
Synthetic Images", IEEE Access 12, doi:10.1109/ACCESS.2024.3356122. Certain: 36 topologies were
searched, and the best reached 92.98%. Less certain, and chosen here as the common reading of the
paper: two 3x3 convolutions of 32 filters with ReLU, 2x2 max-pooling after each, one dense layer of
64 units, images scaled to [0, 1], Adam at 1e-3.
"""

from __future__ import annotations

import keras
from keras import layers


def build_paper_cnn(filters: tuple[int, ...] = (32, 32), dense: int = 64) -> keras.Model:
    """Build `paper_cnn`: (B, 32, 32, 3) uint8 to one raw logit.

    Maps: 32x32x32, pooled, 16x16x32 (layer ``features``), pooled, flattened (2,048), dense 64.
    0.14 M parameters. No batch normalisation and no dropout.
    """
    image = keras.Input((32, 32, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 255, dtype="float32", name="normalise")(image)
    for number, width in enumerate(filters, start=1):
        x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        if number == len(filters):
            x = layers.Activation("linear", name="features")(x)
        x = layers.MaxPooling2D(name=f"pool{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(dense, activation="relu", name="dense")(x)
    return keras.Model(image, layers.Dense(1, dtype="float32", name="logit")(x), name="paper_cnn")
