"""The gate is fitted to training images and what is usual, with the limit, to validation images."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from cifake_core import artifacts, dataset
from cifake_core.domain import SIGNALS
from cifake_core.domain_statistics import statistics
from cifake_core.labels import REAL
from cifake_core.predict import Engine
from train import calibrate, export, gate, outsiders
from train.convert import add_features


@pytest.mark.parametrize(("count", "away"), [(1000, 10), (99, 0), (10_000, 100)])
def test_the_limit_turns_away_the_share_and_no_more(count, away):
    found = np.random.default_rng(0).exponential(size=count)
    limit = gate.choose_limit(found, 0.01)
    assert (found > limit).sum() == away
    assert limit == np.float32(limit)  # as the file keeps it


@pytest.mark.parametrize("count", [300, 3900, 5500, 20_000])
def test_known_images_are_of_both_labels_alike(count):
    """Rows are sorted by label: cutting off their end would forget photographs."""
    labels = np.arange(count) * 2 // count
    x = np.random.default_rng(0).normal(size=(count, 2))
    x[:, 0] += 1000 * labels
    found = gate.neighbours(x, labels)
    assert len(found.known) == min(gate.KNOWN, count)
    far = found.known @ np.linalg.inv(found.whitening)
    assert np.mean(far[:, 0] > 500) == pytest.approx(0.5, abs=0.01)


def test_whitened_vectors_are_of_one_spread_within_their_class():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 4000)
    mixed = rng.normal(size=(4000, 3)) @ np.array([[2.0, 0, 0], [1, 0.5, 0], [0, 0, 1e-3]])
    x = mixed + np.where(labels[:, None] == 1, 50.0, 0.0)
    found = gate.gaussian(x, labels)
    for label in (0, 1):
        white = (x[labels == label] - found.means[label]) @ found.whitening
        np.testing.assert_allclose(np.cov(white.T), np.eye(3), atol=0.1)
    assert found.distance(found.means.astype(np.float32)).max() < 1e-3


def test_a_feature_that_is_always_the_same_does_no_harm():
    x = np.random.default_rng(2).normal(size=(500, 3))
    x[:, 1] = 7
    found = gate.gaussian(x, np.arange(500) % 2)
    assert np.isfinite(found.distance(x.astype(np.float32))).all()


def test_the_score_tells_kinds_apart_that_no_single_value_does():
    rng = np.random.default_rng(3)
    own = rng.normal(size=(2000, 3))
    others = rng.normal(size=(500, 3))
    others[:, 1] = 0.9 * others[:, 0] + 0.1 * others[:, 1]  # only their product is unlike
    score = gate.quadratic(own, others).score
    assert np.mean(score(others)) > np.mean(score(own)) + 1
    mirrored = others * [1, -1, 1]
    assert np.mean(score(mirrored)) < np.mean(score(own))


@pytest.mark.parametrize("kinds", [examples.KINDS for examples in gate.EXAMPLES])
def test_examples_are_the_same_each_time_and_of_many_kinds(kinds):
    first = gate.drawn(kinds, 32)
    gate.drawn.cache_clear()
    np.testing.assert_array_equal(first, gate.drawn(kinds, 32))
    assert first.shape == (20 * len(kinds), 32, 32, 3)
    assert len(np.unique(first.reshape(len(first), -1), axis=0)) > 0.95 * len(first)
    assert not set(kinds) & set(outsiders.KINDS.values()), "tried on what it saw"


def test_the_gate_alone_leaves_thresholds_where_they_are(shipped, tiny_cifake):
    said = artifacts.read_card("paper_cnn").raw["calibration"]
    argv = ["--model", "paper_cnn", "--gate", "--data", str(tiny_cifake)]
    assert calibrate.main(argv) == 0
    now = artifacts.read_card("paper_cnn").raw
    assert [now["calibration"][k] for k in ("real_to", "fake_from")] == [0.3, 0.7]
    assert now["calibration"]["temperature"] == said["temperature"]
    assert set(now["gate"]["rare"]) == set(SIGNALS)


def test_validation_images_are_kept_out_of_the_fit(data):
    """They are white here and the others as they were, so that a single one would show."""
    train, held_out = data.train, dataset.validation_indices(data.train)
    images = train.images.copy()
    images[held_out] = 255

    class MeanColour:
        def logits_and_features(self, batch):
            return np.zeros(len(batch)), batch.mean((1, 2)).astype(np.float32)

    white = replace(data, train=replace(train, images=images))
    found, said = gate.fit_gate(MeanColour(), white)
    own = np.setdiff1d(np.arange(len(train)), held_out)
    np.testing.assert_allclose(
        found.statistics.centre, statistics(train.images[own]).mean(axis=0), rtol=1e-5
    )
    colours, labels = train.images[own].mean((1, 2)), train.labels[own]
    for label, mean in enumerate(found.features.means):
        np.testing.assert_allclose(mean, colours[labels == label].mean(axis=0), rtol=1e-5)
    assert said["fitted_on"].startswith(f"{len(own)} training images")
    assert said["of"] == len(held_out)


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A copy of paper_cnn as an older version shipped it: symmetric thresholds, no gate."""
    import onnx

    folder = shutil.copytree(artifacts.ASSETS / "models" / "paper_cnn", tmp_path / "paper_cnn")
    (folder / artifacts.GATE).unlink()
    graph = onnx.load(folder / artifacts.GRAPH)
    kept = [o for o in graph.graph.output if o.name != "features"]
    nodes = [n for n in graph.graph.node if n.output[0] != "features"]
    del graph.graph.output[:], graph.graph.node[:]
    graph.graph.output.extend(kept)
    graph.graph.node.extend(nodes)
    (folder / artifacts.GRAPH).write_bytes(graph.SerializeToString())
    card = json.loads((folder / "card.json").read_text())
    card["calibration"] |= {"real_to": 0.3, "fake_from": 0.7}
    card["files"].pop(artifacts.GATE)
    card["files"][artifacts.GRAPH] = artifacts.file_record(folder / artifacts.GRAPH)
    (folder / "card.json").write_text(json.dumps(card))
    monkeypatch.setenv("CIFAKE_MODELS", str(tmp_path))
    return folder


def test_an_older_model_gets_thresholds_features_and_a_gate(shipped, tiny_cifake):
    before = artifacts.load_engine(artifacts.read_card("paper_cnn"))
    assert not before.has_features
    assert calibrate.main(["--model", "paper_cnn", "--data", str(tiny_cifake)]) == 0
    card = artifacts.read_card("paper_cnn")
    engine = artifacts.load_engine(card)
    found = artifacts.load_gate(card, engine)
    assert found.limit == card.raw["gate"]["limit"]
    assert found.rare.tolist() == list(card.raw["gate"]["rare"].values())
    data = dataset.load(tiny_cifake)
    rows = dataset.validation_indices(data.train)
    images, is_real = data.train.images[rows], data.train.labels[rows] == REAL
    np.testing.assert_array_equal(engine.logits(images), before.logits(images))
    p_fake = card.calibration.p_fake(engine.logits(images))
    error = card.raw["calibration"]["promised_error"]
    assert error == pytest.approx(1 / (min(is_real.sum(), (~is_real).sum()) + 1))
    assert (p_fake[is_real] >= card.calibration.fake_from).mean() <= error
    assert (p_fake[~is_real] <= card.calibration.real_to).mean() <= error
    assert card.raw["gate"]["false_alarms_on_validation"] <= gate.FALSE_ALARMS


def test_features_are_added_once():
    import onnx

    path = artifacts.models_dir() / "lens" / artifacts.GRAPH
    model = onnx.load(path)
    assert not add_features(model)
    assert Engine(model.SerializeToString()).has_features


def test_the_shipped_gates_were_fitted_to_these_files(real_cifake):
    for name in artifacts.available():
        card = artifacts.read_card(name)
        found = artifacts.load_gate(card, artifacts.load_engine(card))
        said = card.raw["gate"]
        assert found.rare.tolist() == list(said["rare"].values())
        assert found.limit == said["limit"]
        assert said["of"] == len(dataset.validation_indices(real_cifake.train))
        assert card.raw["calibration"]["promised_error"] == export.ERROR
