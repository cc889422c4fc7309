"""Distillation: what a teacher says becomes the target, and stays with the run."""

import hashlib
import importlib.util
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from conftest import SMALL
from runs import finished as trained
from shipping import shipping_to

from cifake_core import artifacts
from cifake_core.errors import ArtifactError, ConfigError
from train import export, runs, teacher
from train.batches import Batches
from train.config import from_mapping
from train.train import _predict as predict
from train.train import run


def test_a_runs_probabilities_are_mixed_into_the_labels(finished, data, tmp_path):
    given = teacher.answers(str(finished), data, tmp_path, predict)
    config = json.loads((finished / "config.json").read_text())["config"]
    model = runs.load_run(finished, config, config["model_args"] | config["export_args"])
    logits = np.asarray(model(data.train.images, training=False))[:, 0]
    np.testing.assert_allclose(given, 1 / (1 + np.exp(-logits)), atol=1e-5)

    taught = from_mapping(SMALL | {"teacher": str(finished), "teacher_share": 0.25})
    batches = Batches(data.train.images, data.train.labels, np.arange(len(data.train)), taught)
    batches.teach(given)
    by_hand = 0.75 * data.train.labels + 0.25 * given
    np.testing.assert_allclose(batches.targets[:, 0], by_hand, atol=1e-6)


def test_a_model_that_ships_answers_with_its_calibration(finished, data, tmp_path, monkeypatch):
    with shipping_to(tmp_path):
        export.export("small", finished, data)
        card = artifacts.read_card("small")
        moved = replace(card.calibration, temperature=2.0, bias=0.3)
        monkeypatch.setattr(artifacts, "read_card", lambda _: replace(card, calibration=moved))
        given = teacher.answers("small", data, tmp_path / "one", predict)
    raw = teacher.answers(str(finished), data, tmp_path / "other", predict).astype(float)
    scaled = np.log(raw / (1 - raw)) / 2 + 0.3
    np.testing.assert_allclose(given, 1 / (1 + np.exp(-scaled)), atol=0.01)
    assert np.abs(given - raw).max() > 0.05


def test_a_run_goes_on_without_its_teacher_and_says_which_it_had(finished, data, tmp_path):
    shutil.copytree(finished, model := tmp_path / "teacher")
    config = from_mapping(SMALL | {"epochs": 1, "teacher": str(model)})
    folder = tmp_path / "run"
    assert run(config, data, folder) == 0
    before = (folder / teacher.FILE).read_bytes()
    shutil.rmtree(model)
    assert run(replace(config, then=({"epochs": 1},)), data, folder) == 0
    assert (folder / teacher.FILE).read_bytes() == before
    result = json.loads((folder / "result.json").read_text())
    assert result["teacher_sha256"] == hashlib.sha256(before).hexdigest()

    with pytest.raises(ArtifactError):
        run(config, data, tmp_path / "other")
    assert not (tmp_path / "other").exists(), "the right settings would be refused next"
    model.mkdir()
    with pytest.raises(ConfigError, match="not a finished run"):
        run(config, data, tmp_path / "other")


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_a_model_that_ships_teaches_on_every_backend(backend, tiny_cifake, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"the {backend} backend is not installed")
    taught = ["--set", "teacher=paper_cnn", "--set", "epochs=1"]
    folder = trained(tiny_cifake, tmp_path / "run", *taught, KERAS_BACKEND=backend)
    given = np.load(folder / teacher.FILE)
    assert given.dtype == np.float32
    assert ((given > 0) & (given < 1)).all()
