"""Keras weights of a large model, whose kernels lie in its ONNX graph and nowhere else.

Written twice, as Keras weights and in the graph, they would double what ships. A graph that
``train.convert.half_graph`` made holds every large kernel of the Keras model as it is, in float16
and in ONNX's layout, next to the factors that batch normalisation brings in.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence

import numpy as np

# Kernels from this size on are stored as float16. Biases, batch normalisation and small kernels
# are a thousandth of the bytes, and variances span more orders of magnitude than float16 holds.
HALF_FROM = 1024
_HASH = "sha256_of_the_others"


def is_large(shape: Sequence[int]) -> bool:
    return len(shape) > 1 and int(np.prod(shape)) >= HALF_FROM


def name(number: int) -> str:
    """Of the constant that holds the ``number``-th large kernel of ``model.get_weights()``."""
    return f"kernel{number}_half"


def rest(weights: Sequence[np.ndarray], graph: bytes) -> bytes:
    """What of ``model.get_weights()`` a graph does not hold, as the bytes of an .npz file.

    The file has a hash of the others, too, so that it stands for all of the weights.
    """
    found = _from_graph([w.shape for w in weights], graph)
    found = {i: kernel for i, kernel in found.items() if np.array_equal(kernel, weights[i])}
    kept = {str(i): weight for i, weight in enumerate(weights) if i not in found}
    kept[_HASH] = _digest(found)
    target = io.BytesIO()
    np.savez(target, **kept)
    return target.getvalue()


def restored(
    shapes: Sequence[tuple[int, ...]], graph: bytes, others: bytes
) -> list[np.ndarray | None]:
    """``model.get_weights()`` of a graph and what :func:`rest` made; None where both lack it.

    Args:
        shapes: of the model's weights, in order.

    Raises:
        KeyError, ValueError: not such files, or of another model.
        ImportError: onnx is not installed.
    """
    with np.load(io.BytesIO(others)) as arrays:
        kept = {key: arrays[key] for key in arrays.files}
    digest = kept.pop(_HASH)
    own = {int(key): array for key, array in kept.items()}
    found = {i: k for i, k in _from_graph(shapes, graph).items() if i not in own}
    if not np.array_equal(_digest(found), digest):
        raise ValueError("the kernels in the graph are not those it was made with")
    found |= own
    weights = [found.get(i) for i in range(len(shapes))]
    for i, (weight, shape) in enumerate(zip(weights, shapes, strict=True)):
        if weight is not None and weight.shape != tuple(shape):
            raise ValueError(f"weight {i} is {weight.shape} instead of {tuple(shape)}")
    return weights


def _digest(found: dict[int, np.ndarray]) -> np.ndarray:
    """(32,) uint8: SHA-256 of the kernels in order."""
    digest = hashlib.sha256()
    for _, kernel in sorted(found.items()):
        digest.update(np.ascontiguousarray(kernel, "<f2").tobytes())
    return np.frombuffer(digest.digest(), np.uint8)


def _from_graph(shapes: Sequence[tuple[int, ...]], graph: bytes) -> dict[int, np.ndarray]:
    """Number of a weight to its float32 kernel in Keras' layout."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        constants = onnx.load_from_string(graph).graph.initializer
    except DecodeError:
        raise ValueError("the graph cannot be read") from None
    stored = {c.name: c for c in constants}
    large = [i for i, shape in enumerate(shapes) if is_large(shape)]
    found = {}
    for number, i in enumerate(large):
        if name(number) in stored:
            kernel = onnx.numpy_helper.to_array(stored[name(number)]).astype(np.float32)
            if kernel.ndim == 4:
                # ONNX has (out, in, h, w), Keras (h, w, in, out), or (h, w, in, 1) if depthwise.
                depthwise = shapes[i][-1] == 1 and kernel.shape[1] == 1
                kernel = kernel.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
            found[i] = kernel
    return found
