"""Calibration on images damaged as in training."""

import json
import shutil

import numpy as np
import pytest
from shipping import labelled, shipping_to

from cifake_core import artifacts, dataset
from cifake_core.calibration import fit_platt
from cifake_core.labels import REAL
from train import export, runs
from train.augment import augment


def test_damaged_images_give_the_probabilities_and_whole_ones_the_thresholds():
    logits, is_real = labelled()
    damaged = logits * 0.9 - 0.2
    plain, fitted = export.fit(logits, is_real), export.fit(logits, is_real, damaged)
    assert fitted.temperature == pytest.approx(plain.temperature * 0.9, rel=1e-3)
    assert fitted.bias == pytest.approx(plain.bias + 0.2 / fitted.temperature, abs=1e-3)
    # The same images lie at the thresholds, but for rounding these to four digits.
    one, other = (export.verdicts(calibration, logits) for calibration in (plain, fitted))
    assert np.count_nonzero(one != other) <= 4


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_a_net_is_calibrated_on_the_damage_it_was_trained_on(noise, finished, data, tmp_path):
    shutil.copytree(finished, folder := tmp_path / "run")
    record = json.loads((folder / "config.json").read_text())
    record["config"] |= {"noise": 0.5, "then": [{"epochs": 1, "noise": noise, "crop": 24}]}
    (folder / "config.json").write_text(json.dumps(record))
    used = runs.damage(record)
    assert (used is None) == (noise == 0)
    with shipping_to(tmp_path):
        export.export("tiny", folder, data)
        card = artifacts.read_card("tiny")
        engine = artifacts.load_engine(card)
    rows = dataset.validation_indices(data.train)
    images, is_real = data.train.images[rows], data.train.labels[rows] == REAL
    if used:
        assert not used.flip
        assert not used.shift
        assert not used.crop
        images = augment(images, used, np.random.default_rng(dataset.VALIDATION_SEED))
    platt = fit_platt(export.predict(engine, images), is_real)
    given = card.calibration.temperature, card.calibration.bias
    assert given == pytest.approx(platt, rel=1e-2, abs=1e-2)
    said = card.raw["calibration"]["fitted_to"]
    assert (
        said == f"images {'damaged as in the last cycle of training' if noise else 'as they are'}"
    )
    assert card.raw["calibration"].get("damage", {}).get("noise", 0) == noise
