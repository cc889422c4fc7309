"""`lens`: a small residual net that keeps full resolution in its first stage.

What gives a generated 32x32 image away is mostly fine texture, so nothing is thrown away before
two convolutions have seen every pixel, and no image is enlarged on the way in.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops

# The three filters that steganalysis uses most of its "spatial rich model" (Fridrich & Kodovsky
# 2012, doi:10.1109/TIFS.2012.2190402): what a pixel has that its neighbours do not foretell.
SRM = np.zeros((5, 5, 3), np.float32)
SRM[1:4, 1:4, 0] = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]) / 4
SRM[..., 1] = np.array(
    [[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2],
     [-1, 2, -2, 2, -1]]
) / 12  # fmt: skip
SRM[2, 1:4, 2] = np.array([1, -2, 1]) / 2
BINOMIAL = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32)[..., None] / 16


def build_lens(
    image_size: int = 32,
    widths: tuple[int, int, int] = (32, 64, 128),
    blocks: tuple[int, int] = (1, 1),
    dropout: float = 0.0,
    mirror: bool = False,
    nets: int = 1,
    high_pass: bool = False,
    anti_alias: bool = False,
    squeeze_excite: bool = False,
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
        mirror: run the same layers over the image and over its mirror image, and average the
            maps, the second ones mirrored back. Pooling and the dense unit are linear, so the
            logit is the mean of both images' logits; twice the work, no more weights, and (of one
            net) an answer that does not change when the image is mirrored.
        nets: so many nets of this shape, trained apart (see :mod:`train.join`), side by side. Their
            maps lie behind each other in ``features``, and the logit is the mean of theirs. With
            ``mirror`` the first sees the image, the second its mirror image, and so on in turns.
        high_pass: the nine maps of three fixed filters on each colour beside the colours.
        anti_alias: blur before every second position is left out (Zhang 2019, arXiv:1904.11486).
        squeeze_excite: weigh channels by their means in each residual block (Hu et al. 2018,
            arXiv:1709.01507).

    Raises:
        ValueError: fewer than one net, or a stage without a width.
    """
    ideas = {"high_pass": high_pass, "anti_alias": anti_alias, "squeeze_excite": squeeze_excite}
    return residual_net("lens", image_size, widths, blocks, dropout, mirror, nets, **ideas)


def residual_net(
    name: str, image_size: int, widths, blocks, dropout: float, mirror: bool, nets: int, **ideas
) -> keras.Model:
    """What :func:`build_lens` builds, under another name if need be."""
    if nets < 1:
        raise ValueError("nets must be at least 1")
    if len(widths) != len(blocks) + 1:
        raise ValueError("there must be one width more than blocks")
    image = keras.Input((image_size, image_size, 3), dtype="uint8", name="image")
    # float32 here whatever the policy: bfloat16 cannot hold 256 grey levels on [-1, 1].
    x = layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="normalise")(image)
    across = Mirror(name="mirror")(x) if mirror else None
    maps = []
    for number in range(1, nets + 1):
        prefix = f"net{number}_" if number > 1 else ""
        trunk = _trunk(widths, blocks, prefix, **ideas)
        if nets == 1 or not mirror or number % 2:
            maps.append(trunk(x))
        if mirror and (nets == 1 or number % 2 == 0):
            maps.append(Mirror(name=f"{prefix}mirror_back")(trunk(across)))
    if len(maps) == 1:
        y = layers.Activation("linear", name="features")(maps[0])
    else:
        y = (layers.Average if nets == 1 else layers.Concatenate)(name="features")(maps)
    y = layers.GlobalAveragePooling2D(dtype="float32", name="pool")(y)
    if dropout:
        y = layers.Dropout(dropout, dtype="float32", name="dropout")(y)
    logit = layers.Dense(1, dtype="float32", name="logit")(y)
    return keras.Model(image, logit, name=name)


@keras.saving.register_keras_serializable("cifake_lens")
class Mirror(layers.Layer):
    """(B, H, W, C) with left and right swapped."""

    def call(self, x):
        return ops.flip(x, axis=2)


@keras.saving.register_keras_serializable("cifake_lens")
class Fixed(keras.initializers.Initializer):
    """(h, w, m) kernels, the same for every channel of a depthwise convolution."""

    def __init__(self, kernels: list) -> None:
        self.kernels = kernels

    def __call__(self, shape, dtype=None):
        kernels = np.asarray(self.kernels, np.float32)[:, :, None]
        return ops.cast(ops.broadcast_to(kernels, shape), dtype or "float32")

    def get_config(self) -> dict:
        return {"kernels": self.kernels}


Block = Callable  # a tensor to a tensor; the layers inside are made once and may be used twice


def _trunk(
    widths: tuple[int, int, int],
    blocks: tuple[int, int],
    prefix: str,
    high_pass: bool = False,
    anti_alias: bool = False,
    squeeze_excite: bool = False,
) -> Block:
    filters = _fixed(SRM, f"{prefix}high_pass", dtype="float32") if high_pass else None
    steps = [_beside(filters)] if filters else []
    steps += [
        _conv_bn_relu(widths[0], f"{prefix}stem1", dtype="float32"),
        _conv_bn_relu(widths[0], f"{prefix}stem2"),
    ]
    for stage, (width, depth) in enumerate(zip(widths[1:], blocks, strict=True), start=2):
        name = f"{prefix}stage{stage}"
        if anti_alias:
            steps.append(layers.MaxPooling2D(2, strides=1, padding="same", name=f"{name}_pool"))
            steps.append(_fixed(BINOMIAL, f"{name}_blur", strides=2))
        else:
            steps.append(layers.MaxPooling2D(name=f"{name}_pool"))
        steps.append(_conv_bn_relu(width, f"{name}_in"))
        steps += [_residual(width, f"{name}_block{b}", squeeze_excite) for b in range(1, depth + 1)]
    return _chain(*steps)


def _conv_bn_relu(width: int, name: str, dtype: str | None = None) -> Block:
    return _chain(
        layers.Conv2D(width, 3, padding="same", use_bias=False, dtype=dtype, name=f"{name}_conv"),
        layers.BatchNormalization(dtype=dtype, name=f"{name}_bn"),
        layers.ReLU(dtype=dtype, name=f"{name}_relu"),
    )


def _residual(width: int, name: str, squeeze_excite: bool = False) -> Block:
    """x + f(x); f is two convolutions, so the sum is non-negative where x is (He et al. 2016)."""
    inner = _chain(_conv_bn_relu(width, f"{name}_a"), _conv_bn_relu(width, f"{name}_b"))
    if squeeze_excite:
        inner = _chain(inner, _squeeze_excite(width, name))
    add = layers.Add(name=f"{name}_add")
    return lambda x: add([x, inner(x)])


def _squeeze_excite(width: int, name: str) -> Block:
    weigh = _chain(
        layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze"),
        layers.Dense(max(1, width // 8), "relu", name=f"{name}_excite1"),
        layers.Dense(width, "sigmoid", name=f"{name}_excite2"),
    )
    times = layers.Multiply(name=f"{name}_weigh")
    return lambda x: times([x, weigh(x)])


def _fixed(
    kernels: np.ndarray, name: str, strides: int = 1, dtype: str | None = None
) -> layers.Layer:
    """(h, w, m) kernels over every channel, m maps of each; nothing in them is trained."""

    height, width, maps = kernels.shape
    return layers.DepthwiseConv2D(
        (height, width), strides, "same", maps, use_bias=False,
        depthwise_initializer=Fixed(kernels.tolist()), trainable=False, dtype=dtype, name=name,
    )  # fmt: skip


def _beside(layer: layers.Layer) -> Block:
    join = layers.Concatenate(dtype="float32", name=f"{layer.name}_beside")
    return lambda x: join([x, layer(x)])


def _chain(*steps: Block) -> Block:
    def run(x):
        for step in steps:
            x = step(x)
        return x

    return run
