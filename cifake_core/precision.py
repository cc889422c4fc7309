"""Logits of a Keras model to compare with others, whatever a GPU would round away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras


def logits(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """(N,) float32 raw logits of (N, S, S, 3) uint8 images, on every backend, at full precision."""
    import keras

    with full_precision():
        # Not np.asarray, which PyTorch refuses for what it could still differentiate.
        return keras.ops.convert_to_numpy(model(images, training=False))[:, 0]


@contextmanager
def full_precision() -> Iterator[None]:
    """Products and convolutions of float32 in float32; what was set before is set again after.

    NVIDIA's GPUs from Ampere on can round their factors to TF32, which keeps 10 bits of a mantissa
    instead of 23. TensorFlow and JAX do so unless told otherwise, PyTorch in convolutions:
    https://www.tensorflow.org/api_docs/python/tf/config/experimental/enable_tensor_float_32_execution
    https://docs.jax.dev/en/latest/_autosummary/jax.default_matmul_precision.html
    https://docs.pytorch.org/docs/stable/notes/cuda.html#tf32-on-ampere
    That is fine for training and heatmaps, but moves logits by more than a check allows. On a CPU
    nothing changes.
    """
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        with jax.default_matmul_precision("float32"):
            yield
    elif backend == "tensorflow":
        from tensorflow.config import experimental as tf

        before = tf.tensor_float_32_execution_enabled()
        tf.enable_tensor_float_32_execution(False)
        try:
            yield
        finally:
            tf.enable_tensor_float_32_execution(before)
    elif backend == "torch":
        from torch import backends

        switches = (backends.cudnn, backends.cuda.matmul)
        before = [switch.allow_tf32 for switch in switches]
        try:
            for switch in switches:
                switch.allow_tf32 = False
            yield
        finally:
            for switch, was in zip(switches, before, strict=True):
                switch.allow_tf32 = was
    else:
        yield
