"""Rows of the ablation table: what is measured, on what, and how rows are kept."""

import json
import shlex
from dataclasses import replace

import numpy as np
import pytest

from cifake_core import artifacts, dataset, metrics
from cifake_core.calibration import Calibration
from cifake_core.errors import ConfigError
from cifake_core.labels import FAKE
from train import ablation
from train.config import from_mapping, load_recipe
from train.train import run

SMALL = {
    "model": "paper_cnn",
    "epochs": 10,
    "batch_size": 16,
    "ema": 0.0,
    "learning_rate": 1e-3,
    "model_args": {"filters": [4, 4], "dense": 8},
    "export_args": {},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert run(from_mapping(SMALL), data, folder, recipe="lens") == 0
    return folder


@pytest.fixture
def evidence(tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAKE_EVIDENCE", str(tmp_path / "evidence"))
    return tmp_path / "evidence" / ablation.FILE


class Stub:
    """An engine for numbers worked out by hand: how much brighter an image's left half is."""

    def logits(self, batch):
        half = batch.shape[2] // 2
        means = batch.mean((1, 3))
        return (means[:, :half].mean(1) - 0.5 * means[:, half:].mean(1) - 60).astype(np.float32)


def record(seed=1, **changes):
    config = load_recipe("lens").as_dict() | {"seed": seed} | changes
    return {
        "recipe": "lens",
        "config": json.loads(json.dumps(config)),
        "git_commit": "0123456789abcdef",
        "weights_sha256": f"weights of seed {seed}",
    }


def test_a_run_becomes_a_row_and_the_same_again_replaces_it(evidence, finished, data):
    options = ["--run", str(finished), "--data", str(data.root), "--flip"]
    assert ablation.main(["--what", "small", *options]) == 0
    table = json.loads(evidence.read_text())
    of_weights = artifacts.file_record(finished / artifacts.WEIGHTS)["sha256"]
    for row in table["rows"]:
        assert row["n"] == len(dataset.validation_indices(data.train))
        assert (row["weights_sha256"], row["data_sha256"]) == ([of_weights], data.sha256)
    assert [row["what"] for row in table["rows"]] == ["small", "small, flip-averaged"]
    plain = table["rows"][0]
    assert plain["seeds"] == [1]
    assert plain["validation_accuracy"] > 0.9
    assert plain["validation_accuracy_each"] == [plain["validation_accuracy"]]
    assert set(plain["stress_accuracy"]) == {"JPEG 40", "noise 0.10", "blur 0.6"}
    result = json.loads((finished / "result.json").read_text())
    assert plain["validation_auroc"] == pytest.approx(result["validation_auroc"], abs=1e-6)
    assert ablation.main(["--what", "other", *options]) == 0
    assert ablation.main(["--what", "small", *options]) == 0
    again = json.loads(evidence.read_text())
    assert len(again["rows"]) == 4
    assert again["rows"][:2] == table["rows"]


def test_older_rows_keep_their_number_of_images_and_get_no_hash(evidence):
    old = {"what": "old", "validation_accuracy": 0.9}
    evidence.parent.mkdir()
    evidence.write_text(json.dumps({"command": "c", "n": 400, "rows": [old]}))
    ablation.keep([{"what": "new", "n": 40}])
    assert json.loads(evidence.read_text()) == {
        "command": "c",
        "n": 400,
        "rows": [old, {"what": "new", "n": 40}],
    }


def test_command_makes_the_same_settings_again(finished):
    kept = json.loads((finished / "config.json").read_text())
    words = shlex.split(ablation.command(kept))
    assert words[:5] == ["python", "-m", "train.train", "--recipe", "lens"]
    assert words[5::2] == ["--set"] * len(words[5::2])
    again = load_recipe("lens", words[6::2])
    assert json.loads(json.dumps(again.as_dict())) == kept["config"]


def test_command_of_a_recipe_as_it_is_needs_no_settings():
    assert ablation.command(record()) == "python -m train.train --recipe lens"
    assert ablation.command(record(seed=3)).endswith("--recipe lens --set seed=3")
    words = shlex.split(ablation.command(record(then=[{"epochs": 2, "noise": 0.5, "flip": False}])))
    (cycle,) = load_recipe("lens", words[6::2]).then
    assert cycle == {"epochs": 2, "noise": 0.5, "flip": False}


def test_command_of_an_older_version_names_its_commit():
    elsewhere = record() | {"recipe": "/elsewhere/my.toml"}
    assert ablation.command(elsewhere).endswith("/elsewhere/my.toml  # at commit 0123456789")
    assert ablation.command(record(no_longer=1)).endswith("--recipe lens  # at commit 0123456789")


def test_flip_averages_logits_of_both_directions():
    images = np.zeros((1, 4, 4, 3), np.uint8)
    images[:, :, :2] = 200
    plain, averaged = (ablation.logits_of(Stub(), flip)(images) for flip in (False, True))
    assert plain.tolist() == [140]  # 200 - 60
    assert averaged.tolist() == [(140 - 160) / 2]  # mirrored: -100 - 60


def test_rows_hold_means_over_seeds_on_validation_alone(data):
    class Blind:
        """Refuses the test split; of the rest it shows what there is."""

        train, root, sha256 = data.train, data.root, data.sha256

    rows = dataset.validation_indices(data.train)
    is_fake = data.train.labels[rows] == FAKE

    class Oracle:
        """Knows the labels of the unchanged images, but for the first ``wrong``."""

        def __init__(self, wrong):
            self.wrong = wrong

        def logits(self, batch):
            assert len(batch) == len(is_fake)
            logits = np.where(is_fake, -1.0, 1.0)
            logits[: self.wrong] *= -1
            return logits

    count = len(rows)
    members = [(record(seed=1), Oracle(0)), (record(seed=2), Oracle(4))]
    (row,) = ablation.measure("two", members, Blind(), flip=False)
    assert row["seeds"] == [1, 2]
    assert row["weights_sha256"] == ["weights of seed 1", "weights of seed 2"]
    assert row["validation_accuracy_each"] == [1, 1 - 4 / count]
    assert row["validation_accuracy"] == pytest.approx(1 - 2 / count)
    worse = metrics.auroc(-Oracle(4).logits(rows), is_fake)
    assert row["validation_auroc"] == pytest.approx((1 + worse) / 2)
    assert row["stress_accuracy"]["JPEG 40"] == pytest.approx(1 - 2 / count)


def test_runs_of_one_row_differ_in_the_seed_alone(data):
    members = [(record(seed=1), Stub()), (record(seed=2, noise=0.9), Stub())]
    with pytest.raises(ConfigError, match="nothing but the seed"):
        ablation.measure("mixed", members, data, flip=False)
    with pytest.raises(ConfigError, match="different seeds"):
        ablation.measure("twice", [(record(), Stub())] * 2, data, flip=False)


def test_a_run_that_learned_nothing_is_refused():
    is_fake = np.array([True, False] * 10)
    with pytest.raises(ConfigError, match="learned nothing"):
        ablation.scores(lambda _: np.where(is_fake, 1.0, -1.0), np.zeros((20, 8, 8, 3)), is_fake)


def test_stress_changes_what_the_net_sees():
    rng = np.random.default_rng(0)
    images = rng.integers(100, 150, (40, 32, 32, 3), dtype=np.uint8)
    is_fake = np.arange(40) < 20
    images[is_fake] = images[is_fake].mean((1, 2), keepdims=True).astype(np.uint8)

    def texture(batch):
        return batch.std((1, 2, 3)) - 5.0

    found = ablation.scores(texture, images, is_fake)
    assert found["accuracy"] == found["auroc"] == 1
    assert found["noise 0.10"] == 0.5  # noise gives every image texture
    # A calibration that is given stays: this one takes every image for a photograph.
    given = Calibration(temperature=1.0, bias=1e3, real_to=0.1, fake_from=0.9)
    assert ablation.scores(texture, images, is_fake, given)["accuracy"] == 0.5


@pytest.mark.parametrize("options", [[], ["--model", "lens", "--run", "runs/x"]])
def test_wants_runs_or_a_model(options):
    with pytest.raises(SystemExit):
        ablation.main(["--what", "x", *options])


def test_an_unfinished_run_has_no_row(evidence, tmp_path, data, capsys):
    options = ["--what", "x", "--run", str(tmp_path), "--data", str(data.root)]
    assert ablation.main(options) == 1
    assert "not a finished run" in capsys.readouterr().err
    assert not evidence.exists()


def test_a_shipped_model_has_a_row_too(evidence, data, monkeypatch):
    class Smooth:
        """Takes images whose neighbouring pixels are alike for real."""

        def logits(self, batch):
            return 10 - np.abs(np.diff(batch.astype(float), axis=2)).mean((1, 2, 3))

    monkeypatch.setattr(artifacts, "load_engine", lambda _: Smooth())
    options = ["--what", "as shipped", "--model", "paper_cnn", "--data", str(data.root)]
    assert ablation.main(options) == 0
    (row,) = json.loads(evidence.read_text())["rows"]
    assert row["validation_accuracy"] == 1
    assert row["weights_sha256"] == [artifacts.read_card("paper_cnn").weights_sha256]
    assert row["seeds"] == [artifacts.read_card("paper_cnn").raw["training"]["config"]["seed"]]
    assert row["command"].startswith("python -m train.train --recipe paper_cnn")


def test_joined_nets_have_a_row_if_it_is_said_how_they_came_about(
    evidence, data, monkeypatch, capsys
):
    parts = [{"config": {"seed": seed}} for seed in (7, 1)]
    card = artifacts.read_card("paper_cnn")
    training = card.raw["training"] | {"parts": parts, "config": {"model": "lens"}}
    joined = replace(card, raw=card.raw | {"training": training})
    monkeypatch.setattr(artifacts, "read_card", lambda _: joined)
    options = ["--what", "pair", "--model", "paper_cnn", "--data", str(data.root)]
    assert ablation.main(options) == 1
    assert "--command must say how" in capsys.readouterr().err
    assert not evidence.exists()
    assert ablation.main([*options, "--command", "train both, then join"]) == 0
    (row,) = json.loads(evidence.read_text())["rows"]
    assert row["seeds"] == [[7, 1]]
    assert row["command"] == "train both, then join"
