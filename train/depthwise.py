"""Depthwise convolutions for JAX on processors, where XLA's take far longer than they need to."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops


class Shifted(keras.layers.DepthwiseConv2D):
    """The same layer as a sum over its taps: the image, shifted, times what the kernel has there.

    XLA computes grouped convolutions channel by channel on a processor. Channels last, no dilation;
    everything else as in Keras.
    """

    def call(self, inputs):
        taps, sizes, borders = [], [], []
        for n, k, s in zip(inputs.shape[1:3], self.kernel_size, self.strides, strict=True):
            size = -(-n // s) if self.padding == "same" else (n - k) // s + 1
            short = max((size - 1) * s + k - n, 0)
            taps.append([slice(i, i + (size - 1) * s + 1, s) for i in range(k)])
            borders.append((short // 2, short - short // 2))
            sizes.append(size)
        if np.any(borders):
            inputs = ops.pad(inputs, [(0, 0), *borders, (0, 0)])
        maps = sum(
            inputs[:, rows, columns, :, None] * self.kernel[i, j]
            for i, rows in enumerate(taps[0])
            for j, columns in enumerate(taps[1])
        )
        maps = ops.reshape(maps, (-1, *sizes, int(np.prod(self.kernel.shape[2:]))))
        return self.activation(maps + self.bias if self.use_bias else maps)


def quicken(model: keras.Model) -> int:
    """Let every depthwise convolution of a model run as :class:`Shifted`, on JAX without a GPU.

    Weights and names stay: a layer changes its class, as building it anew would draw its weights
    again. Elsewhere nothing is changed.

    Returns:
        The number of layers.
    """
    if keras.backend.backend() != "jax":
        return 0
    import jax

    if jax.default_backend() != "cpu":
        return 0
    found = [
        layer
        for layer in model.layers
        if type(layer) is keras.layers.DepthwiseConv2D
        and layer.data_format == "channels_last"
        and set(layer.dilation_rate) == {1}
        and None not in layer.input.shape[1:3]
    ]
    for layer in found:
        layer.__class__ = Shifted
    return len(found)
