"""Distillation: what a teacher says becomes the target, and stays with the run."""

import json

import numpy as np
import pytest
from conftest import SMALL
from shipping import shipping_to

from cifake_core.errors import ConfigError
from train import export, runs, teacher
from train.batches import Batches
from train.config import from_mapping
from train.train import run


def test_a_runs_probabilities_are_mixed_into_the_labels(finished, data, tmp_path):
    given = teacher.answers(str(finished), data, tmp_path)
    config = json.loads((finished / "config.json").read_text())["config"]
    model = runs.load_run(finished, config, config["model_args"] | config["export_args"])
    logits = np.asarray(model(data.train.images, training=False))[:, 0]
    np.testing.assert_allclose(given, 1 / (1 + np.exp(-logits)), atol=1e-5)

    taught = from_mapping(SMALL | {"teacher": str(finished), "teacher_share": 0.25})
    rows = np.arange(len(data.train))
    targets = Batches(data.train.images, data.train.labels, rows, taught, given).targets
    by_hand = 0.75 * data.train.labels + 0.25 * given
    np.testing.assert_allclose(targets[:, 0], by_hand, atol=1e-6)


def test_a_model_that_ships_answers_with_its_calibration(finished, data, tmp_path):
    with shipping_to(tmp_path):
        export.export("small", finished, data)
        given = teacher.answers("small", data, tmp_path)
    raw = teacher.answers(str(finished), data, tmp_path)
    calibration = json.loads((tmp_path / "models/small/card.json").read_text())["calibration"]
    logit = np.log(raw / (1 - raw.astype(float)))
    scaled = logit / calibration["temperature"] + calibration["bias"]
    np.testing.assert_allclose(given, 1 / (1 + np.exp(-scaled)), atol=0.01)


def test_a_run_goes_on_without_its_teacher_and_says_which_it_had(finished, data, tmp_path):
    config = from_mapping(SMALL | {"epochs": 1, "teacher": str(finished)})
    assert run(config, data, tmp_path / "run", recipe="small") == 0
    kept = np.load(tmp_path / "run" / teacher.FILE)
    record = json.loads((tmp_path / "run" / "config.json").read_text())
    assert record["teacher_sha256"] == teacher.sha256(kept)

    gone = str(tmp_path / "gone")
    assert np.array_equal(teacher.answers(gone, data, tmp_path / "run"), kept)
    (tmp_path / "gone").mkdir()
    with pytest.raises(ConfigError, match="not a finished run"):
        teacher.answers(gone, data, tmp_path / "other")
