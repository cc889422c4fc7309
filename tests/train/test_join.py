"""Nets side by side: what the pair answers, what is written of it, and what is refused."""

import json
import shutil

import numpy as np
import pytest
from conftest import SMALL
from shipping import shipping_to

from cifake_core import artifacts, catalogue
from cifake_core.errors import ArtifactError, ConfigError
from train import export, join, runs
from train.config import from_mapping
from train.train import run

IMAGES = np.random.default_rng(3).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def other(tmp_path_factory, data):
    """A second finished run of the small net, trained differently."""
    folder = tmp_path_factory.mktemp("runs") / "other"
    config = from_mapping(SMALL | {"seed": 7, "noise": 0.5})
    assert run(config, data, folder, recipe="small_hard") == 0
    return folder


@pytest.fixture(scope="module")
def pair(finished, other, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("runs") / "pair"
    options = ["--part", str(finished), "--part", str(other), "--data", str(data.root)]
    assert join.main([*options, "--run", str(folder), "--mirror"]) == 0
    return folder


def plain(folder):
    config = json.loads((folder / "config.json").read_text())["config"]
    return runs.load_run(folder, config, config["model_args"])


def logits(model, images):
    return np.asarray(model(images, training=False))[:, 0]


def test_the_joint_logit_is_the_mean_with_the_second_net_before_the_mirror(pair, finished, other):
    of_first, of_second = logits(plain(finished), IMAGES), logits(plain(other), IMAGES[:, :, ::-1])
    assert np.abs(of_first - of_second).max() > 1e-3
    mean = (of_first + of_second) / 2
    np.testing.assert_allclose(logits(plain(pair), IMAGES), mean, atol=1e-5)


def test_without_the_mirror_both_see_the_image(finished, other, tmp_path, data):
    join.join([str(finished), str(other)], tmp_path / "pair", data)
    mean = (logits(plain(finished), IMAGES) + logits(plain(other), IMAGES)) / 2
    np.testing.assert_allclose(logits(plain(tmp_path / "pair"), IMAGES), mean, atol=1e-5)


def test_a_pair_ships_like_any_run_and_says_what_it_is_made_of(pair, finished, data, tmp_path):
    with shipping_to(tmp_path):
        export.export("pair", pair, data)
        card = artifacts.read_card("pair")
        engine, model = artifacts.load_engine(card), artifacts.load_keras(card)
        curve = json.loads((export.evidence_dir() / "pair_training.json").read_text())
    assert card.builder_arguments == {"widths": [8, 16, 16], "nets": 2, "mirror": True}
    assert card.title == "pair; 2 of them, averaged"
    assert card.raw["parameters"] == 2 * plain(finished).count_params() - 1  # one bias for two
    assert np.abs(engine.logits(IMAGES) - logits(model, IMAGES)).max() <= 1e-3
    training = card.raw["training"]
    assert training["recipe"] == "small + small_hard"
    assert [p["config"]["noise"] for p in training["parts"]] == [0.0, 0.5]
    assert runs.seeds_of(training) == [1, 7]
    assert catalogue.runs([runs.seeds_of(training)]) == "1 (seeds 1 and 7, joined)"
    assert {row["net"] for row in curve["metrics"]} == {1, 2}
    assert curve["weights_sha256"] == card.weights_sha256
    assert "2 nets" in curve["remark"]


def test_a_model_that_ships_may_be_a_part(finished, other, data, tmp_path):
    with shipping_to(tmp_path):
        export.export("first", finished, data)
        join.join(["first", str(other)], tmp_path / "pair", data)
        rounded = artifacts.load_keras(artifacts.read_card("first"))
        path = export.evidence_dir() / "first_training.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"weights_sha256": "other"}))
        join.join(["first", str(other)], tmp_path / "again", data)
    for folder, nets in (("pair", {1, 2}), ("again", {2})):  # no curve of other weights
        curve = (tmp_path / folder / "metrics.jsonl").read_text().splitlines()
        assert {json.loads(line)["net"] for line in curve} == nets
    mirrored = (logits(rounded, IMAGES) + logits(rounded, IMAGES[:, :, ::-1])) / 2
    first = plain(finished)
    first.set_weights(rounded.get_weights())
    mean = (logits(first, IMAGES) + logits(plain(other), IMAGES)) / 2
    np.testing.assert_allclose(logits(plain(tmp_path / "pair"), IMAGES), mean, atol=1e-5)
    assert np.abs(mirrored - logits(first, IMAGES)).max() > 1e-4  # it shipped with both sides


def test_one_net_of_a_joined_model_that_ships_may_be_a_part(pair, finished, other, data, tmp_path):
    with shipping_to(tmp_path):
        export.export("pair", pair, data)
        both = artifacts.load_keras(artifacts.read_card("pair"))
        join.join(["pair:1", "pair:2"], tmp_path / "again", data, mirror=True)
        join.join([str(finished), "pair:2"], tmp_path / "new", data)
        for part, said in (
            ("pair:0", "has the nets pair:1, pair:2"),
            ("pair:3", "has the nets pair:1, pair:2"),
            ("pair:one", "has the nets pair:1, pair:2"),
            ("pair", "one net can be: lens:1"),
        ):
            with pytest.raises(ConfigError, match=said):
                join.join([part, str(other)], tmp_path / "none", data)
        export.export("first", finished, data)
        with pytest.raises(ConfigError, match="first is one net"):
            join.join(["first:1", str(other)], tmp_path / "none", data)
    np.testing.assert_allclose(
        logits(plain(tmp_path / "again"), IMAGES), logits(both, IMAGES), atol=1e-5
    )
    # Its weights are those that ship, rounded, so what is left over is the bias, the same for all.
    mean = (logits(plain(finished), IMAGES) + logits(plain(other), IMAGES)) / 2
    assert np.ptp(logits(plain(tmp_path / "new"), IMAGES) - mean) < 0.02
    record = json.loads((tmp_path / "new" / "config.json").read_text())
    _, second = record["parts"]
    assert second["config"] == json.loads((other / "config.json").read_text())["config"]
    assert second["note"] == "Taken as net 2 out of pair as it ships."
    assert (record["recipe"], record["data_sha256"]) == ("small + small_hard", data.sha256)
    curve = [json.loads(x) for x in (tmp_path / "new" / "metrics.jsonl").read_text().splitlines()]
    kept = [json.loads(x) for x in (other / "metrics.jsonl").read_text().splitlines()]
    assert [row for row in curve if row["net"] == 2] == [row | {"net": 2} for row in kept]


def test_what_cannot_be_joined_is_refused_in_a_sentence(pair, finished, other, data, tmp_path):
    with pytest.raises(ConfigError, match="two parts"):
        join.join([str(finished)], tmp_path / "new", data)
    with pytest.raises(ConfigError, match="holds a run"):
        join.join([str(finished), str(other)], other, data)
    with pytest.raises(ConfigError, match="joined already"):
        join.join([str(pair), str(pair)], tmp_path / "new", data)
    with pytest.raises(ArtifactError, match="no model of that name"):
        join.join([str(finished), "nothing_here"], tmp_path / "new", data)
    elsewhere = shutil.copytree(other, tmp_path / "elsewhere")
    record = json.loads((elsewhere / "config.json").read_text())
    (elsewhere / "config.json").write_text(json.dumps(record | {"data_sha256": "0"}))
    with pytest.raises(ConfigError, match="other data"):
        join.join([str(finished), str(elsewhere)], tmp_path / "new", data)
    short = {"epochs": 1, "validate_every": 1, "export_args": {}}
    for name, changes, sentence in (
        ("wider", {"model_args": {"widths": [8, 16, 32]}}, "one architecture"),
        ("paper_cnn", {"model": "paper_cnn", "model_args": {"dense": 8}}, "takes no nets"),
    ):
        assert run(from_mapping(SMALL | short | changes), data, tmp_path / name) == 0
        both = [finished if name == "wider" else tmp_path / name, tmp_path / name]
        with pytest.raises(ConfigError, match=sentence):
            join.join([str(part) for part in both], tmp_path / "new", data)
    assert not (tmp_path / "new").exists()
