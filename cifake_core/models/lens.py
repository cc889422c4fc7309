"""`lens`: a small residual net that keeps full resolution in its first stage.

What gives a generated 32x32 image away is mostly fine texture, so nothing is thrown away before
two convolutions have seen every pixel, and no image is enlarged on the way in.
"""

from __future__ import annotations

import keras
from keras import layers


def build_lens(
    image_size: int = 32,
    widths: tuple[int, int, int] = (32, 64, 128),
    blocks: tuple[int, int] = (1, 1),
    dropout: float = 0.0,
) -> keras.Model:
    """Build `lens`.

    Input (B, S, S, 3) uint8, output (B, 1) float32: one raw logit that grows with *real*.
    Feature maps: S x S x widths[0], S/2 x S/2 x widths[1], S/4 x S/4 x widths[2]; the last one,
    layer ``features`` (8x8x128 at 32 pixels), feeds global average pooling and one dense unit, so
    Grad-CAM on it equals CAM (Zhou et al. 2016, arXiv:1512.04150). 0.47 M parameters by default.

    Args:
        image_size: S, a multiple of 4, in pixels.
        widths: channels of the three stages.
        blocks: residual blocks in the second and third stage.
        dropout: rate before the dense unit; 0 leaves the layer out.
    """
    image = keras.Input((image_size, image_size, 3), dtype="uint8", name="image")
    # float32 here whatever the policy: bfloat16 cannot hold 256 grey levels on [-1, 1].
    x = layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="normalise")(image)
    x = _conv_bn_relu(x, widths[0], "stem1", dtype="float32")
    x = _conv_bn_relu(x, widths[0], "stem2")
    for stage, (width, depth) in enumerate(zip(widths[1:], blocks, strict=True), start=2):
        x = layers.MaxPooling2D(name=f"stage{stage}_pool")(x)
        x = _conv_bn_relu(x, width, f"stage{stage}_in")
        for block in range(1, depth + 1):
            x = _residual(x, width, f"stage{stage}_block{block}")
    x = layers.Activation("linear", name="features")(x)
    x = layers.GlobalAveragePooling2D(dtype="float32", name="pool")(x)
    if dropout:
        x = layers.Dropout(dropout, dtype="float32", name="dropout")(x)
    logit = layers.Dense(1, dtype="float32", name="logit")(x)
    return keras.Model(image, logit, name="lens")


def _conv_bn_relu(x, width: int, name: str, dtype: str | None = None):
    x = layers.Conv2D(width, 3, padding="same", use_bias=False, dtype=dtype, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(dtype=dtype, name=f"{name}_bn")(x)
    return layers.ReLU(dtype=dtype, name=f"{name}_relu")(x)


def _residual(x, width: int, name: str):
    """x + f(x); f is two convolutions, so the sum is non-negative where x is (He et al. 2016)."""
    y = _conv_bn_relu(x, width, f"{name}_a")
    y = _conv_bn_relu(y, width, f"{name}_b")
    return layers.Add(name=f"{name}_add")([x, y])
