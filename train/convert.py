"""What ships of a Keras model: an ONNX graph and a weights file, also with float16 kernels.

float16 is only how kernels are stored. They become float32 when a file is loaded, so that the
arithmetic, and the speed, stay those of float32.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cifake_core import kernels as shared
from cifake_core.errors import ConfigError

if TYPE_CHECKING:
    import keras


def to_onnx(model: keras.Model) -> bytes:
    """The model as ONNX: ``logit`` (N, 1), ``features`` (N, K) and, if there is one, ``cam``.

    ``features`` are what the last dense unit sees. ``cam`` (N, h, w) is that unit applied at every
    position, without its bias; its mean over positions plus the bias is the logit.

    Raises:
        ConfigError: Keras runs on another backend than TensorFlow, or a package is missing.
    """
    import keras
    import onnx

    if (backend := keras.backend.backend()) != "tensorflow":
        raise ConfigError(
            f"A model is exported on TensorFlow, and Keras runs on {backend}: unset KERAS_BACKEND, "
            "or set it to tensorflow, and do the same again. A run that was trained on another "
            "backend need not be trained again."
        )
    outputs = {"logit": model.output}
    if (features := pooled_maps(model)) is not None:
        at_each = keras.layers.Conv2D(1, 1, use_bias=False, name="at_each_position")
        outputs["cam"] = keras.layers.Reshape(features.shape[1:3], name="cam")(at_each(features))
        kernel = model.output._keras_history.operation.get_weights()[0]
        at_each.set_weights([kernel[None, None]])
    both = keras.Model(model.input, outputs)
    both(np.zeros((1, *model.input_shape[1:]), np.uint8))  # Keras exports what was called once
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        try:
            both.export(path, format="onnx", verbose=False)
        except ImportError as error:
            raise ConfigError(
                f"Exporting a model needs a package that is not installed ({error}): run "
                "`pip install -r requirements-train.txt` and do the same again."
            ) from None
        graph = onnx.load(path)
    _merge_equal(graph)
    add_features(graph)
    onnx.checker.check_model(graph)
    return graph.SerializeToString()


def add_features(model) -> bool:
    """Give an ONNX model the output ``features``: what the product before ``logit`` takes.

    Returns:
        False if it had that output already.

    Raises:
        ConfigError: ``logit`` does not come from one dense unit.
    """
    from onnx import TensorProto, helper

    outputs = {output.name for output in model.graph.output}
    if "features" in outputs:
        return False
    makers = {name: node for node in model.graph.node for name in node.output}
    node = makers.get("logit")
    while node is not None and node.op_type not in ("MatMul", "Gemm"):
        node = makers.get(node.input[0])
    if node is None:
        raise ConfigError("The last step before the logit is not a dense unit.")
    model.graph.node.append(helper.make_node("Identity", [node.input[0]], ["features"]))
    shape = helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, None])
    model.graph.output.append(shape)
    return True


def pooled_maps(model: keras.Model):
    """The maps whose global average feeds the one dense unit, (B, h, w, C); None if none do."""
    from keras import layers

    dense = model.output._keras_history.operation
    if not isinstance(dense, layers.Dense) or dense.units != 1:
        return None
    before = dense.input._keras_history.operation
    while isinstance(before, layers.Dropout):  # does nothing at inference
        before = before.input._keras_history.operation
    return before.input if isinstance(before, layers.GlobalAveragePooling2D) else None


def half_graph(graph: bytes, weights: list[np.ndarray]) -> bytes:
    """The graph with its large kernels stored as float16 and cast to float32 as it loads.

    Exporting multiplies batch normalisation into a kernel, channel by channel, and the product is
    no float16 number. So the kernel of the Keras model is stored, and its factors beside it: ONNX
    Runtime does the casts and products once, when it loads, and computes as before. A constant
    that is no such product stays as it is.

    Args:
        weights: of the Keras model, float32, large ones already rounded to float16.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_from_string(graph)
    kernels = [w for w in weights if _is_large(w)]
    kept, nodes, stored = [], [], set()
    for constant in model.graph.initializer:
        array = numpy_helper.to_array(constant)
        found = _factors(array, kernels) if _is_large(array) else None
        if found is None:
            kept.append(constant)
            continue
        number, kernel, factors = found
        name, half = f"kernel{number}", shared.name(number)
        if name not in stored:
            stored.add(name)
            kept.append(numpy_helper.from_array(kernel.astype(np.float16), half))
            nodes.append(helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
        kept.append(numpy_helper.from_array(factors, f"{constant.name}_factors"))
        nodes.append(helper.make_node("Mul", [name, kept[-1].name], [constant.name]))
    nodes += model.graph.node
    for field, content in ((model.graph.initializer, kept), (model.graph.node, nodes)):
        copies = [type(c).FromString(c.SerializeToString()) for c in content]
        del field[:]
        field.extend(copies)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def half_weights(file: bytes) -> bytes:
    """A Keras weights file with its large kernels as float16; groups and attributes as before."""
    import h5py

    target = io.BytesIO()
    with h5py.File(io.BytesIO(file)) as source, h5py.File(target, "w") as copy:

        def keep(name: str, item) -> None:
            if isinstance(item, h5py.Dataset):
                made = copy.create_dataset(name, data=halved(item[()]))
            else:
                made = copy.require_group(name)
            made.attrs.update(item.attrs)

        copy.attrs.update(source.attrs)
        source.visititems(keep)
    return target.getvalue()


def halved(array: np.ndarray) -> np.ndarray:
    """A large kernel as float16; anything else as it is."""
    return array.astype(np.float16) if _is_large(array) else array


def _is_large(array: np.ndarray) -> bool:
    return array.dtype == np.float32 and shared.is_large(array.shape)


def _factors(array, kernels) -> tuple[int, np.ndarray, np.ndarray] | None:
    """(number, kernel in the layout of ``array``, factors) with kernel * factors = array."""
    for number, kernel in enumerate(kernels):
        # Keras has (h, w, in, out) and depthwise (h, w, in, 1); ONNX has (out, in, h, w).
        layouts = [(3, 2, 0, 1), (2, 3, 0, 1)] if kernel.ndim == 4 else [(0, 1)]
        for layout in layouts:
            turned = kernel.transpose(layout)
            if turned.shape != array.shape:
                continue
            axes = tuple(range(1, 4)) if kernel.ndim == 4 else (0,)  # all but the outputs
            square = (turned.astype(np.float64) ** 2).sum(axes, keepdims=True)
            product = (turned.astype(np.float64) * array).sum(axes, keepdims=True)
            factors = (product / np.where(square > 0, square, 1)).astype(np.float32)
            largest = np.abs(array).max(axes, keepdims=True)
            if (np.abs(turned * factors - array) <= 1e-6 * largest).all():
                return number, turned, factors
    return None


def _merge_equal(model) -> None:
    """One constant for each value: layers used twice are written twice by the exporter."""
    first, names, kept = {}, {}, []
    for constant in model.graph.initializer:
        key = (constant.data_type, tuple(constant.dims), constant.raw_data)
        if constant.raw_data and key in first:
            names[constant.name] = first[key]
        else:
            first[key] = constant.name
            kept.append(type(constant).FromString(constant.SerializeToString()))
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = names.get(name, name)
