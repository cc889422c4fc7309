"""A large model's kernels, which ship in its graph alone."""

import io
import shutil
import sys

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from shipping import accept_hash_of, shipping_to

from cifake_core import artifacts, kernels
from cifake_core.errors import ArtifactError
from train import convert, export, runs


@pytest.fixture(scope="module")
def shipped_once(tmp_path_factory, data, finished):
    """The folder with what became of that run as if it were large; tests only read it."""
    root = tmp_path_factory.mktemp("once")
    with shipping_to(root) as patch:
        patch.setattr(export, "ONCE_FROM", 0)
        (root / "models" / "tiny").mkdir(parents=True)
        (root / "models" / "tiny" / artifacts.WEIGHTS).write_bytes(b"of an earlier export")
        export.export("tiny", finished, data, "In one go.")
    return root


@pytest.fixture
def once(shipped_once, places):
    """A copy of it where models are looked for."""
    shutil.copytree(shipped_once / "models", places / "models")
    return places / "models" / "tiny"


def test_large_kernels_ship_once(once, finished, data):
    card = artifacts.read_card("tiny")
    assert set(card.raw["files"]) == {artifacts.REST, artifacts.GRAPH, artifacts.GATE}
    assert not (once / artifacts.WEIGHTS).exists()
    assert card.raw["training"]["note"] == "In one go."
    sizes = [(once / file).stat().st_size for file in (artifacts.REST, artifacts.GRAPH)]
    assert card.raw["storage"]["bytes_float16"] == card.weights_bytes == sum(sizes)
    assert card.weights_sha256 == card.raw["files"][artifacts.REST]["sha256"]
    with np.load(once / artifacts.REST) as arrays:
        assert not any(kernels.is_large(arrays[key].shape) for key in arrays.files)
    model = artifacts.load_keras(card)
    config = runs.read_run(finished, data)["config"]
    trained = runs.load_run(finished, config, card.builder_arguments)
    for one, other in zip(model.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(one, convert.halved(other))


def changed_rest(folder, change):
    with np.load(folder / artifacts.REST) as arrays:
        held = {key: arrays[key] for key in arrays.files}
    change(held)
    np.savez(folder / artifacts.REST, **held)


def numbered(held):
    return [key for key in held if key.isdecimal()]


def test_the_file_stands_for_the_kernels_too(once):
    """Its hash is what evidence is keyed on: kernels of another run do not pass as these."""
    graph = onnx.load(once / artifacts.GRAPH)
    kernel = next(c for c in graph.graph.initializer if c.name.endswith("_half"))
    other = numpy_helper.to_array(kernel).copy()
    other.flat[0] += np.float16(1e-3)
    kernel.CopyFrom(numpy_helper.from_array(other, kernel.name))
    (once / artifacts.GRAPH).write_bytes(graph.SerializeToString())
    accept_hash_of(once, artifacts.GRAPH)
    with pytest.raises(ArtifactError, match="not those it was made with"):
        artifacts.load_keras(artifacts.read_card("tiny"))


def test_what_the_graph_lacks_is_checked_like_any(once):
    changed_rest(once, lambda held: held.update({key: held[key] * 1.5 for key in numbered(held)}))
    with pytest.raises(ArtifactError, match="damaged"):
        artifacts.load_keras(artifacts.read_card("tiny"))
    accept_hash_of(once, artifacts.REST)
    with pytest.raises(ArtifactError, match="golden"):
        artifacts.load_keras(artifacts.read_card("tiny"))
    changed_rest(once, lambda held: held.pop(min(numbered(held))))
    accept_hash_of(once, artifacts.REST)
    with pytest.raises(ArtifactError, match="lacks 1 weights, the first: "):
        artifacts.load_keras(artifacts.read_card("tiny"))
    changed_rest(once, lambda held: held.update({max(numbered(held)): np.ones(3)}))
    accept_hash_of(once, artifacts.REST)
    with pytest.raises(ArtifactError, match="does not fit the architecture"):
        artifacts.load_keras(artifacts.read_card("tiny"))
    (once / artifacts.REST).write_bytes(b"PK")
    accept_hash_of(once, artifacts.REST)
    with pytest.raises(ArtifactError, match="does not fit the architecture"):
        artifacts.load_keras(artifacts.read_card("tiny"))


def test_without_onnx_the_missing_package_is_named(once, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ArtifactError, match=r"needs the package onnx: pip install onnx$"):
        artifacts.load_keras(artifacts.read_card("tiny"))


def test_kernels_of_every_kind_come_back_from_the_graph():
    import keras

    keras.utils.set_random_seed(3)
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(128, 3, use_bias=False, name="wide")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = keras.layers.Conv2D(128, 1, name="square")(keras.layers.Activation("relu")(x))
    x = keras.layers.Dense(32, activation="relu")(keras.layers.Flatten()(x))
    model = keras.Model(image, keras.layers.Dense(1, name="logit")(x))
    model.set_weights([convert.halved(w).astype(np.float32) for w in model.get_weights()])
    weights = model.get_weights()
    graph = convert.half_graph(convert.to_onnx(model), weights)
    rest = kernels.rest(weights, graph)
    with np.load(io.BytesIO(rest)) as arrays:
        left = {int(key) for key in numbered(arrays.files)}
    large = {i for i, w in enumerate(weights) if kernels.is_large(w.shape)}
    assert len(large) == 4
    assert left == set(range(len(weights))) - large
    back = kernels.restored([w.shape for w in weights], graph, rest)
    for one, other in zip(weights, back, strict=True):
        np.testing.assert_array_equal(one, other)
