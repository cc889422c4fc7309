"""From a run to the files that ship: the graph, half precision, the order of the choices."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from scipy.optimize import brentq
from shipping import accept_hash_of, labelled, shipping_to

from cifake_core import artifacts, dataset, kernels, models
from cifake_core.errors import ArtifactError, ConfigError
from cifake_core.labels import REAL
from cifake_core.predict import Engine
from train import convert, export, runs
from train.config import from_mapping
from train.train import run

RNG = np.random.default_rng(5)
IMAGES = RNG.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory, data, finished):
    """The folder with what became of that run; tests only read it."""
    root = tmp_path_factory.mktemp("shipped")
    with shipping_to(root):
        export.export("tiny", finished, data)
    return root


@pytest.fixture
def tiny(shipped, places):
    """A copy of it where models are looked for."""
    shutil.copytree(shipped / "models", places / "models")
    return places / "models" / "tiny"


def keras_logits(model, images=IMAGES):
    return np.asarray(model(images, training=False))[:, 0]


def lively(**arguments):
    """A lens whose batch normalisation does something, as after training."""
    import keras

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    model = models.build("lens", widths=(8, 16, 16), **arguments)
    model.set_weights(
        [w if w.ndim > 1 else rng.uniform(0.2, 2, w.shape) for w in model.get_weights()]
    )
    return model


def dense_only():
    """A net without maps to weigh: what it was shown goes straight into dense units."""
    import keras

    image = keras.Input((32, 32, 3), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 255, name="features")(image)
    x = keras.layers.Dense(16, activation="relu", name="dense")(keras.layers.Flatten()(x))
    return keras.Model(image, keras.layers.Dense(1, name="logit")(x))


def test_a_run_ships_with_its_export_arguments(tiny):
    card = artifacts.read_card("tiny")
    assert card.builder_arguments == {"widths": [8, 16, 16], "mirror": True}
    assert card.raw["training"]["config"]["export_args"] == {"mirror": True}
    assert card.target_layer == "features"
    model, engine = artifacts.load_keras(card), artifacts.load_engine(card)
    assert model.count_params() == card.raw["parameters"]
    assert np.abs(engine.logits(IMAGES) - keras_logits(model)).max() <= 1e-3
    flipped = engine.logits(IMAGES[:, :, ::-1])
    np.testing.assert_allclose(flipped, engine.logits(IMAGES), atol=1e-3)


def test_a_card_names_no_folder_of_this_machine():
    assert export.without_folders({"initial_weights": "/home/me/a.weights.h5", "seed": 1}) == {
        "initial_weights": "a.weights.h5",
        "seed": 1,
    }
    assert export.without_folders({"initial_weights": ""}) == {"initial_weights": ""}
    assert export.without_folders({"model": "lens"}) == {"model": "lens"}


def test_half_precision_is_on_disk_and_changed_no_verdict(tiny, data):
    card = artifacts.read_card("tiny")
    storage = card.raw["storage"]
    assert storage["dtype"] == "float16"
    assert storage["verdicts_changed"] == 0
    assert storage["judged_at"] == [card.calibration.real_to, card.calibration.fake_from]
    assert storage["of"] == len(dataset.validation_indices(data.train))
    assert storage["largest_change"] < 0.01
    files = card.raw["files"]
    assert storage["bytes_float16"] == sum(
        files[name]["bytes"] for name in (artifacts.WEIGHTS, artifacts.GRAPH)
    )
    assert storage["bytes_float16"] < storage["bytes_float32"]
    found = []
    with h5py.File(tiny / artifacts.WEIGHTS) as file:
        file.visititems(lambda _, item: found.append(item) if hasattr(item, "dtype") else None)
        for item in found:
            large = item.ndim > 1 and item.size >= kernels.HALF_FROM
            assert item.dtype == (np.float16 if large else np.float32)
        assert any(item.dtype == np.float16 for item in found)
    assert {w.dtype for w in artifacts.load_keras(card).weights} == {"float32"}


def test_half_weights_are_checked_like_any(tiny):
    with h5py.File(tiny / artifacts.WEIGHTS, "r+") as file:
        file["layers/conv2d_1/vars/0"][...] += np.float16(0.25)
    with pytest.raises(ArtifactError, match="damaged"):
        artifacts.load_keras(artifacts.read_card("tiny"))
    accept_hash_of(tiny, artifacts.WEIGHTS)
    with pytest.raises(ArtifactError, match="golden"):
        artifacts.load_keras(artifacts.read_card("tiny"))


def test_half_graph_is_checked_like_any(tiny):
    graph = onnx.load(tiny / artifacts.GRAPH)
    kernel = next(c for c in graph.graph.initializer if c.name.endswith("_half"))
    other = numpy_helper.to_array(kernel) + np.float16(0.25)
    kernel.CopyFrom(numpy_helper.from_array(other, kernel.name))
    (tiny / artifacts.GRAPH).write_bytes(graph.SerializeToString())
    with pytest.raises(ArtifactError, match="damaged"):
        artifacts.load_engine(artifacts.read_card("tiny"))
    accept_hash_of(tiny, artifacts.GRAPH)
    with pytest.raises(ArtifactError, match="golden"):
        artifacts.load_engine(artifacts.read_card("tiny"))


def test_calibration_is_that_of_the_logits_that_ship(tiny, data):
    card, rows = artifacts.read_card("tiny"), dataset.validation_indices(data.train)
    logits = export.predict(artifacts.load_engine(card), data.train.images, rows)
    fitted = export.fit(logits, data.train.labels[rows] == REAL)
    assert card.calibration.temperature == pytest.approx(fitted.temperature, rel=1e-3)
    moved = card.raw["storage"]["thresholds_moved"]
    assert card.calibration.fake_from == pytest.approx(fitted.fake_from + moved, abs=2e-4)


@pytest.mark.parametrize("mirror", [False, True])
def test_half_graph_computes_what_the_rounded_keras_model_does(mirror):
    model = lively(mirror=mirror)
    exact = keras_logits(model)
    model.set_weights([convert.halved(w).astype(np.float32) for w in model.get_weights()])
    full = convert.to_onnx(model)
    half = convert.half_graph(full, model.get_weights())
    assert len(half) < 0.7 * len(full)
    large = [
        numpy_helper.to_array(c)
        for c in onnx.load_from_string(half).graph.initializer
        if np.prod(c.dims) >= kernels.HALF_FROM
    ]
    assert len(large) == 6  # one of each kernel of its size, also where layers are used twice
    assert {c.dtype for c in large} == {np.dtype(np.float16)}
    scale = np.abs(exact).max()
    for graph in (full, half):
        assert np.abs(Engine(graph).logits(IMAGES) - keras_logits(model)).max() <= 1e-4 * scale
    assert np.abs(keras_logits(model) - exact).max() > 1e-3 * scale


def test_a_constant_that_is_no_kernel_stays_as_it_is():
    model = lively()
    graph = convert.to_onnx(model)
    strange = [np.ones_like(w) for w in model.get_weights()]
    kept = convert.half_graph(graph, strange)
    np.testing.assert_array_equal(Engine(kept).logits(IMAGES), Engine(graph).logits(IMAGES))


def test_weights_file_keeps_groups_and_attributes(tmp_path):
    with h5py.File(tmp_path / "full.h5", "w") as file:
        file.attrs["of"] = "a test"
        group = file.create_group("layers/one/vars")
        group.attrs["name"] = "first"
        group["0"], group["1"] = np.full((40, 40), 1 / 3, np.float32), np.ones(2000, np.float32)
        group["1"].attrs["unit"] = "px"
        file.create_group("layers/empty")
    made = tmp_path / "half.h5"
    made.write_bytes(convert.half_weights((tmp_path / "full.h5").read_bytes()))
    with h5py.File(made) as file:
        assert file.attrs["of"] == "a test"
        assert file["layers/one/vars"].attrs["name"] == "first"
        assert file["layers/one/vars/1"].attrs["unit"] == "px"
        assert file["layers/one/vars/0"].dtype == np.float16
        assert file["layers/one/vars/1"].dtype == np.float32
        assert list(file["layers"]) == ["empty", "one"]
        assert file["layers/one/vars/0"][0, 0] == np.float16(1 / 3)


def test_cam_is_exported_where_maps_are_averaged_into_one_unit():
    model = lively(dropout=0.5)
    engine = Engine(convert.to_onnx(model))
    bias = model.get_layer("logit").get_weights()[1][0]
    means = engine.cam(IMAGES).mean((1, 2)) + bias
    np.testing.assert_allclose(means, engine.logits(IMAGES), rtol=1e-4)


@pytest.mark.parametrize("name", ["paper_cnn", "aireal_cnn"])
def test_nets_that_flatten_have_no_cam(name):
    assert convert.pooled_maps(models.build(name)) is None


def test_a_layer_between_pool_and_unit_rules_cam_out():
    import keras

    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    maps = keras.layers.Conv2D(4, 3, name="features")(keras.layers.Rescaling(1 / 255)(image))
    x = keras.layers.GlobalAveragePooling2D()(maps)
    logit = keras.layers.Dense(1, name="logit")
    assert convert.pooled_maps(keras.Model(image, logit(x))) is maps
    hidden = keras.layers.Dense(4, activation="relu")(x)
    other = keras.layers.Dense(1, name="logit")(hidden)
    assert convert.pooled_maps(keras.Model(image, other)) is None


def test_a_model_without_cam_ships(places, data, monkeypatch):
    monkeypatch.setitem(models.BUILDERS, "dense_only", f"{__name__}:dense_only")
    folder = places / "run"
    recipe = {"model": "dense_only", "epochs": 12, "batch_size": 16, "ema": 0.0}
    assert run(from_mapping(recipe | {"learning_rate": 1e-3}), data, folder) == 0
    export.export("flat", folder, data)
    card = artifacts.read_card("flat")
    engine = artifacts.load_engine(card)
    assert not engine.has_cam
    assert np.abs(engine.logits(IMAGES) - keras_logits(artifacts.load_keras(card))).max() <= 1e-3


def test_export_arguments_that_do_not_fit_are_refused(places, data, finished):
    record = runs.read_run(finished, data)
    for other, said in (({"widths": [8, 16, 24]}, "other weights"), ({"nets": 0}, "do not fit")):
        arguments = record["config"]["model_args"] | other
        with pytest.raises(ConfigError, match=said):
            runs.load_run(finished, record["config"], arguments)


def test_an_unfinished_run_is_not_shipped(places, data):
    (places / "run").mkdir()
    with pytest.raises(ConfigError, match="not a finished run"):
        export.export("tiny", places / "run", data)
    assert not (places / "models").exists()


def test_the_split_of_another_data_set_is_kept_beside(places, data):
    export.keep_split(data)
    export.keep_split(data)
    (path,) = (places / "evidence").iterdir()
    before = path.read_bytes()
    assert json.loads(before)["data_sha256"] == data.sha256
    other = replace(data, sha256="0123456789abcdef")
    export.keep_split(other)
    assert path.read_bytes() == before
    beside = json.loads((path.parent / "validation_split_01234567.json").read_text())
    assert beside["data_sha256"] == other.sha256
    assert len(list(path.parent.iterdir())) == 2


def test_on_another_backend_exporting_is_refused_in_a_sentence(finished, data, tmp_path):
    command = [sys.executable, "-m", "train.ablation", "--what", "x", "--run", str(finished)]
    env = {"KERAS_BACKEND": "jax", "CIFAKE_EVIDENCE": str(tmp_path), "CIFAKE_NO_PROGRESS": "1"}
    done = subprocess.run(
        [*command, "--data", str(data.root)], env=os.environ | env, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Keras runs on jax: unset KERAS_BACKEND" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_package_it_says_what_to_install(monkeypatch):
    import keras

    def export_without(*_, **__):
        raise ImportError("This requires the tf2onnx module.")

    monkeypatch.setattr(keras.Model, "export", export_without)
    with pytest.raises(ConfigError, match=r"tf2onnx.*pip install -r requirements-train\.txt"):
        convert.to_onnx(lively())


def candidate(dtype, logits):
    return export.Candidate(dtype, b"", b"", logits)


def test_float16_is_chosen_where_no_verdict_changes():
    logits, is_real = labelled()
    half = logits * (1 + 1e-9)
    pair = candidate("float32", logits), candidate("float16", half)
    chosen, calibration, storage = export.choose_precision(*pair, is_real)
    assert chosen is pair[1]
    assert storage["dtype"] == "float16"
    assert storage["verdicts_changed"] == 0
    assert 0 < storage["largest_change"] < 1e-8
    assert calibration.temperature == export.fit(half, is_real).temperature


def test_thresholds_move_off_an_image_that_rounding_moves_across():
    logits, is_real = labelled()
    fitted = export.fit(logits, is_real)
    p_fake = fitted.p_fake(logits)
    nearest = np.argmin(np.where(p_fake >= fitted.fake_from, p_fake, 2))
    half = logits.copy()
    half[nearest] = brentq(lambda x: fitted.p_fake(x) - fitted.fake_from - 1e-6, -20, 20)
    full = half.copy()
    full[nearest] += 1e-4  # as float32 it would have been uncertain
    pair = candidate("float32", full), candidate("float16", half)
    chosen, calibration, storage = export.choose_precision(*pair, is_real)
    assert chosen is pair[1]
    assert storage["verdicts_changed_as_fitted"] == 1
    assert storage["verdicts_changed"] == 0
    assert 0 < storage["thresholds_moved"] <= export.MOVES * 1e-4
    assert calibration.fake_from > fitted.fake_from
    assert calibration.real_to == fitted.real_to  # no image crosses that one
    np.testing.assert_array_equal(*(export.verdicts(calibration, c.logits) for c in pair))


def test_float32_ships_with_its_own_calibration_where_verdicts_change():
    logits, is_real = labelled()
    half = logits * 1.1 + np.random.default_rng(0).normal(0, 0.2, len(logits))
    pair = candidate("float32", logits), candidate("float16", half)
    chosen, calibration, storage = export.choose_precision(*pair, is_real)
    assert chosen is pair[0]
    assert storage["dtype"] == "float32"
    assert storage["verdicts_changed"] == storage["verdicts_changed_as_fitted"] > 0
    low, high = storage["judged_at"]
    sides = [
        (p <= low) * -1 + (p >= high) * 1
        for p in (export.fit(half, is_real).p_fake(c.logits) for c in pair)
    ]
    assert storage["verdicts_changed"] == (sides[0] != sides[1]).sum()
    assert calibration == export.fit(logits, is_real)


def test_verdicts_are_those_of_the_calibration():
    calibration = export.fit(*labelled())
    logits = np.linspace(-4, 4, 50)
    words = {"fake": 1, "uncertain": 0, "real": -1}
    expected = [words[calibration.verdict(p)] for p in calibration.p_fake(logits)]
    assert export.verdicts(calibration, logits).tolist() == expected


def test_every_registered_model_has_a_title():
    assert export.TITLES.keys() >= models.BUILDERS.keys() - {"dense_only"}
