"""Logits that are compared are computed at full precision, on each backend that is installed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cifake_core import precision

ROOT = Path(__file__).parents[1]

# What each backend says of itself: False where it would round the factors of a product.
ASKED = {
    "jax": "jax.config.jax_default_matmul_precision in ('float32', 'highest')",
    "tensorflow": "not tensorflow.config.experimental.tensor_float_32_execution_enabled()",
    "torch": "not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32",
}
CODE = """
import keras, {backend}
from cifake_core.precision import full_precision, logits
is_full = lambda: {asked}
if {backend!r} == "torch":
    torch.backends.cuda.matmul.allow_tf32 = True
assert not is_full()
with full_precision():
    assert is_full()
assert not is_full()
try:
    with full_precision():
        raise InterruptedError
except InterruptedError:
    assert not is_full()

class Model:
    def __call__(self, images, training):
        assert is_full() and training is False
        return keras.Variable([[1.0], [2.0]]) * 1

assert logits(Model(), None).tolist() == [1, 2]
if {backend!r} == "torch":
    assert torch.backends.cudnn.allow_tf32 and torch.backends.cuda.matmul.allow_tf32
"""


@pytest.mark.parametrize("backend", ASKED)
def test_full_precision_holds_inside_and_what_was_set_before_after(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"the {backend} backend is not installed")
    code = CODE.format(backend=backend, asked=ASKED[backend])
    env = os.environ | {"KERAS_BACKEND": backend}
    how = {"cwd": ROOT, "env": env, "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "-c", code], **how)
    assert done.returncode == 0, done.stderr[-2000:]


def test_logits_are_what_the_model_answers():
    import keras

    inputs = keras.Input((2, 2, 3), dtype="uint8")
    means = keras.ops.mean(keras.ops.cast(inputs, "float32"), (1, 2, 3))
    model = keras.Model(inputs, means[:, None])
    images = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    np.testing.assert_allclose(precision.logits(model, images), [5.5, 17.5])
