"""What ships is what a run gave, and the evidence follows from the logits beside it."""

import base64
import json

import numpy as np
import pytest

from cifake_core import artifacts, dataset
from cifake_core.errors import ConfigError
from cifake_core.labels import FAKE
from train import evaluate
from train.config import from_mapping
from train.train import run

EVIDENCE = artifacts.ASSETS / "evidence"
SMALL = {
    "model": "lens",
    "epochs": 40,
    "batch_size": 16,
    "ema": 0.9,
    "validate_every": 40,
    "model_args": {"widths": [4, 4, 4]},
}


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Models and evidence of this test, away from those that ship."""
    monkeypatch.setenv("CIFAKE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("CIFAKE_EVIDENCE", str(tmp_path / "evidence"))
    return tmp_path


def test_a_run_becomes_a_model_that_loads(places, tiny_cifake):
    data = dataset.load(tiny_cifake)
    assert run(from_mapping(SMALL), data, places / "run", recipe="small") == 0
    evaluate.export("tiny", places / "run", data)
    evidence = evaluate.evaluate("tiny", data)

    card = artifacts.read_card("tiny")
    assert card.raw["training"]["config"]["model_args"] == SMALL["model_args"]
    assert card.raw["results"]["official"]["n"] == len(data.test)
    leaked = int(dataset.leaked_rows(data).sum())
    assert leaked > 0
    assert evidence["test"]["leak_free"]["n"] == len(data.test) - leaked
    model, engine = artifacts.load_keras(card), artifacts.load_engine(card)
    images = np.asarray(data.test.images)
    by_keras = np.asarray(model(images))[:, 0]
    assert np.abs(engine.logits(images) - by_keras).max() <= 1e-3
    stored = np.frombuffer(base64.b64decode(evidence["logits"]), "<f4")
    np.testing.assert_allclose(stored, by_keras, atol=1e-3)
    split = json.loads((places / "evidence" / "validation_split.json").read_text())
    assert split["files"] == data.train.names[dataset.validation_indices(data.train)].tolist()


def test_an_unfinished_run_is_not_shipped(places, tiny_cifake):
    (places / "run").mkdir()
    with pytest.raises(ConfigError, match="not a finished run"):
        evaluate.export("tiny", places / "run", dataset.load(tiny_cifake))


def shipped(name):
    return json.loads((EVIDENCE / f"{name}.json").read_text())


def test_shipped_figures_follow_from_the_shipped_logits(real_cifake):
    evidence, card = shipped("lens"), artifacts.read_card("lens")
    logits = np.frombuffer(base64.b64decode(evidence["logits"]), "<f4").astype(np.float64)
    is_fake, clean = real_cifake.test.labels == FAKE, ~dataset.leaked_rows(real_cifake)
    p_fake = card.calibration.p_fake(logits)
    for key, rows in (("official", np.ones(20_000, bool)), ("leak_free", clean)):
        again = evaluate.figures(card.calibration, logits[rows], p_fake[rows], is_fake[rows])
        for figure, value in again.items():
            assert evidence["test"][key][figure] == pytest.approx(value, abs=1e-6), figure
    assert evidence["test"]["leak_free"]["n"] == 19_622
    assert evidence["data_sha256"] == real_cifake.sha256


def test_shipped_logits_are_those_of_the_shipped_model(real_cifake):
    rows = np.arange(0, 20_000, 40)
    engine = artifacts.load_engine(artifacts.read_card("lens"))
    logits = np.frombuffer(base64.b64decode(shipped("lens")["logits"]), "<f4")
    again = evaluate.predict(engine, real_cifake.test.images, rows)
    assert np.abs(again - logits[rows]).max() <= 2e-3


def test_validation_was_cut_as_recorded(real_cifake):
    recorded = shipped("validation_split")
    rows = dataset.validation_indices(real_cifake.train, seed=recorded["seed"])
    assert recorded["files"] == real_cifake.train.names[rows].tolist()


def test_lens_reaches_its_bar():
    evidence, card = shipped("lens"), artifacts.read_card("lens").raw
    assert evidence["test"]["official"]["n"] == 20_000
    assert evidence["test"]["official"]["accuracy"] >= 0.975
    assert card["calibration"]["uncertain_share"] <= 0.05
    assert card["results"]["official"] == evidence["test"]["official"]
    assert evidence["weights_sha256"] == card["files"][artifacts.WEIGHTS]["sha256"]
