"""What ships is what a run gave, and the evidence follows from the logits beside it."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from cifake_core import artifacts, curves, dataset, metrics
from cifake_core.calibration import Calibration
from cifake_core.catalogue import is_of
from cifake_core.domain import SIGNALS
from cifake_core.labels import FAKE
from cifake_core.perturb import STRESS
from train import evaluate, looks
from train.config import from_mapping
from train.export import UNCALIBRATED
from train.train import run

EVIDENCE = artifacts.ASSETS / "evidence"
SMALL = {
    "model": "lens",
    "epochs": 24,
    "batch_size": 16,
    "ema": 0.9,
    "validate_every": 24,
    "model_args": {"widths": [4, 4, 4]},
}


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A finished run that tests only read."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    assert run(from_mapping(SMALL), data, folder, recipe="small") == 0
    return folder


def test_a_run_becomes_a_model_that_loads(places, trained, data, tiny_cifake):
    options = ["--model", "tiny", "--run", str(trained), "--data", str(tiny_cifake)]
    assert evaluate.main(options) == 0
    evidence = json.loads((places / "evidence" / "tiny.json").read_text())

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

    assert_whole(evidence, data)
    assert evaluate.main(["--all", "--data", str(tiny_cifake)]) == 0
    (look,) = looks.of_model("tiny")
    assert (look["weights_sha256"], look["n"]) == (card.weights_sha256, len(data.test))
    repeated = json.loads((places / "evidence" / "tiny.json").read_text())
    assert {k: v for k, v in repeated.items() if k != "cost"} == {
        k: v for k, v in evidence.items() if k != "cost"
    }


def test_cost_is_timed_again_and_nothing_else_changes(places, monkeypatch, capsys):
    monkeypatch.setenv("CIFAKE_MODELS", str(artifacts.ASSETS / "models"))
    assert evaluate.main(["--model", "paper_cnn", "--cost"]) == 1
    assert "not measured yet" in capsys.readouterr().err
    before = shipped("paper_cnn")
    before["cost"]["ms_per_image"] = 0
    (places / "evidence" / "paper_cnn.json").write_text(json.dumps(before))
    assert evaluate.main(["--model", "paper_cnn", "--cost"]) == 0
    after = json.loads((places / "evidence" / "paper_cnn.json").read_text())
    assert after["cost"].pop("ms_per_image") > 0
    for found in (before, after):
        for key in ("ms_per_image", "images_per_s", "processors"):
            found["cost"].pop(key, None)
    assert before == after


def test_stress_on_fewer_images_says_so_and_leaves_the_rest_alone(places, trained, data):
    evaluate.export("tiny", trained, data)
    evidence = evaluate.evaluate("tiny", data, stress_images=30)
    assert {row["n"] for row in evidence["stress"]} == {30}
    assert evidence["test"]["official"]["n"] == len(data.test)
    assert evidence["command"].endswith("--model tiny --stress-images 30")


def test_the_shipped_gate_turns_test_images_away(places, trained, data, monkeypatch):
    """With a limit that a half of them exceed in one signal; its own turns away next to none."""
    evaluate.export("tiny", trained, data)
    card = artifacts.read_card("tiny")
    engine = artifacts.load_engine(card)
    gate = artifacts.load_gate(card, engine)
    images = np.asarray(data.test.images)
    far = gate.distances(images, engine.logits_and_features(images)[1])[:, 2]
    middle = float(np.median(far))
    usual, rare = np.zeros(len(SIGNALS)), np.full(len(SIGNALS), 1e30)
    usual[2], rare[2] = middle - 1, middle
    gate = replace(gate, usual=usual, rare=rare, limit=1.0)
    monkeypatch.setattr(artifacts, "load_gate", lambda *_: gate)
    evidence = evaluate.evaluate("tiny", data, stress_images=30)
    away = np.unpackbits(
        np.frombuffer(base64.b64decode(evidence["turned_away"]), np.uint8), count=len(images)
    )
    np.testing.assert_array_equal(away, far > middle)
    assert evidence["gate"]["turned_away"]["share"] == away.mean() > 0.4
    for found in (evidence["test"]["official"]["with_gate"], evidence["thorough"]):
        assert found["answered_share"] <= 1 - away.mean()


def approx(value):
    return pytest.approx(value, abs=1e-6)


def assert_whole(evidence, data):
    """Everything that can be worked out again from the stored logits and labels is so."""
    count = len(data.test)
    logits = np.frombuffer(base64.b64decode(evidence["logits"]), "<f4").astype(np.float64)
    is_fake, leaked, away = (
        np.unpackbits(np.frombuffer(base64.b64decode(evidence[key]), np.uint8), count=count) > 0
        for key in ("is_fake", "leaked", "turned_away")
    )
    np.testing.assert_array_equal(is_fake, data.test.labels == FAKE)
    np.testing.assert_array_equal(leaked, dataset.leaked_rows(data))
    card = artifacts.read_card(evidence["name"])
    p_fake = card.calibration.p_fake(logits)
    for key, rows in (("official", np.ones(count, bool)), ("leak_free", ~leaked)):
        found = evidence["test"][key]
        assert found["confusion"] == metrics.confusion(p_fake[rows], is_fake[rows])
        raw = 1 / (1 + np.exp(logits[rows]))
        brier = found["before_calibration"]["brier"]
        assert brier == pytest.approx(np.mean((raw - is_fake[rows]) ** 2))
        undecided = found["before_calibration"]["accuracy"]
        assert undecided == pytest.approx(np.mean((raw >= 0.5) == is_fake[rows]))
        again = evaluate.figures(card.calibration, logits[rows], is_fake[rows], away[rows])
        assert again.keys() == found.keys()
        for figure, value in again.items():
            close = value if figure.endswith(("called_fake", "called_real")) else approx(value)
            assert found[figure] == close, figure
    confidence = np.maximum(p_fake, 1 - p_fake)
    right = (p_fake >= 0.5) == is_fake
    assert evidence["abstention"][0]["answered_share"] == 1
    for point in evidence["abstention"]:
        # The least confidence is that of one of them, and its last digits are the processor's.
        there = round(point["answered_share"] * count)
        hits = round(point["accuracy"] * there)
        surely, perhaps = (confidence >= point["min_confidence"] + e for e in (1e-15, -1e-15))
        assert surely.sum() <= there <= perhaps.sum()
        assert right[surely].sum() <= hits <= right[perhaps].sum()
        assert hits / there == pytest.approx(point["accuracy"])
    assert_promise(evidence, card, p_fake, is_fake)
    assert_thorough(evidence, card, p_fake, is_fake, away)
    unchanged, *changed = evidence["stress"]
    assert unchanged["transform"] == "none"
    if unchanged["n"] == count:
        for key in ("accuracy", "accuracy_interval_95", "answered_share", "accuracy_answered"):
            assert unchanged[key] == evidence["test"]["official"][key]
        assert unchanged["fake_recall"] == evidence["test"]["official"]["fake"]["recall"]
    else:
        assert evidence["command"].endswith(f"--stress-images {unchanged['n']}")
    assert [row["label"] for row in changed] == [change.label for change in STRESS]
    assert {row["n"] for row in evidence["stress"]} == {unchanged["n"]}
    cost, files = evidence["cost"], card.raw["files"]
    assert cost["parameters"] == card.raw["parameters"]
    assert cost["weights_bytes"] == card.weights_bytes
    assert cost["graph_bytes"] == files[artifacts.GRAPH]["bytes"]
    assert cost["ms_per_image"] > 0
    assert cost["images_per_s"] > 0


def assert_thorough(evidence, card, p_fake, is_fake, away):
    """Tiny changes can only take answers away, and no more than they reverse."""
    found = evidence["thorough"]
    n = min(len(p_fake), evaluate.THOROUGH)
    rows = np.random.default_rng(0).permutation(len(p_fake))[: evaluate.THOROUGH]
    calibration = card.calibration
    sure = (p_fake[rows] <= calibration.real_to) | (p_fake[rows] >= calibration.fake_from)
    answered = (sure & ~away[rows]).mean()
    assert found["n"] == n
    assert found["without"]["answered_share"] == pytest.approx(answered)
    assert answered - found["reversed"]["share"] <= found["answered_share"] + 1e-9
    assert found["answered_share"] <= answered + 1e-9


def assert_promise(evidence, card, p_fake, is_fake):
    """The rates that the thresholds are to hold, and the gate's, which needs the images."""
    official, calibration = evidence["test"]["official"], card.calibration
    called_fake = (p_fake[~is_fake] >= calibration.fake_from).mean()
    called_real = (p_fake[is_fake] <= calibration.real_to).mean()
    assert official["real_called_fake"]["share"] == pytest.approx(called_fake)
    assert official["fake_called_real"]["share"] == pytest.approx(called_real)
    gate = evidence["gate"]["turned_away"]
    assert gate["share"] == pytest.approx((gate["real"] + gate["fake"]) / 2)
    left = official["answered_share"] - official["with_gate"]["answered_share"]
    assert 0 <= left <= gate["share"] + 1e-9
    assert max(evidence["gate"]["by_signal"].values()) <= gate["share"]


def test_stress_is_scored_on_changed_images_with_frozen_thresholds():
    """An engine that answers with an image's mean: brighter images turn *real*."""
    images = np.stack([np.full((32, 32, 3), v, np.uint8) for v in (90, 110, 146, 166)])
    is_fake = np.array([True, True, False, False])

    class Mean:
        def logits(self, batch):
            return batch.mean((1, 2, 3)) - 128

    calibration = Calibration(10.0, 0.0, 0.1, 0.9)  # answers from a distance of 22 levels on
    logits = Mean().logits(images)
    seen = []
    rows = evaluate.stress(
        Mean(), calibration, images, logits, is_fake, lambda *pair: seen.append(pair)
    )
    by_label = {row["label"]: row for row in rows}
    assert by_label["unchanged"]["accuracy"] == by_label["unchanged"]["fake_recall"] == 1
    assert by_label["unchanged"]["answered_share"] == 0.5
    brighter = by_label["brightness +0.1"]  # by 25.5 levels: the second fake turns real
    assert brighter["accuracy"] == 0.75
    assert brighter["fake_recall"] == 0.5
    assert brighter["answered_share"] == 0.5
    assert brighter["accuracy_answered"] == 1
    assert by_label["brightness +0.2"]["fake_recall"] == 0
    assert seen[-1] == (len(STRESS) * 4, len(STRESS) * 4)


def test_what_a_tiny_change_reverses_is_not_answered():
    """An engine that answers with an image's mean; the darker one lies close to the middle."""
    images = np.stack([np.full((32, 32, 3), v, np.uint8) for v in (126, 200)])

    class Mean:
        def logits(self, batch):
            return batch.mean((1, 2, 3)) - 128

    calibration = Calibration(0.1, 0.0, 0.4, 0.6)
    asked = Mean(), calibration, images, Mean().logits(images), np.array([True, False])
    found = evaluate.thorough(*asked, np.zeros(2, bool))
    assert found["reversed"]["share"] == 0.5  # 2% brighter is 2.5 levels more
    assert found["reversed"]["n"] == 2
    assert (found["answered_share"], found["accuracy_answered"]) == (0.5, 1)
    assert found["without"] == {"answered_share": 1, "accuracy_answered": 1}
    assert evaluate.thorough(*asked, np.array([False, True]))["answered_share"] == 0


def test_rows_under_stress_are_kept_until_something_is_other(places, trained, data, monkeypatch):
    evaluate.export("tiny", trained, data)
    calls, stress = [], evaluate.stress
    monkeypatch.setattr(evaluate, "stress", lambda *a: calls.append(1) or stress(*a))
    first = evaluate.evaluate("tiny", data, stress_images=30)
    again = evaluate.evaluate("tiny", data, stress_images=30)
    assert (len(calls), again["stress"]) == (1, first["stress"])
    evaluate.evaluate("tiny", data, stress_images=31)
    evaluate.evaluate("tiny", data, stress_images=31, again=True)
    card = artifacts.read_card("tiny").raw
    card["calibration"]["fake_from"] = 0.99
    path = artifacts.models_dir() / "tiny" / artifacts.CARD
    path.write_text(json.dumps(card))
    evaluate.evaluate("tiny", data, stress_images=31)
    assert len(calls) == 4


def test_other_data_than_the_card_names_are_refused(places, trained, data, capsys):
    evaluate.export("tiny", trained, data)
    path = artifacts.models_dir() / "tiny" / artifacts.CARD
    before = json.loads(path.read_text())
    for sha256, status in (("0" * 64, 1), (None, 0)):
        card = before | {"training": before["training"] | {"data_sha256": sha256}}
        path.write_text(json.dumps(card))
        options = ["--model", "tiny", "--data", str(data.root), "--stress-images", "30"]
        assert evaluate.main(options) == status
        assert (places / "evidence" / "tiny.json").exists() == (status == 0)
    assert "tiny was trained on other data than the set" in capsys.readouterr().err


def test_a_run_is_for_one_model():
    for options in (["--all"], ["--model", "a", "--model", "b"]):
        with pytest.raises(SystemExit):
            evaluate.main([*options, "--run", "runs/x"])


def shipped(name):
    return json.loads((EVIDENCE / f"{name}.json").read_text())


@pytest.mark.parametrize("name", artifacts.available())
def test_shipped_figures_follow_from_the_shipped_logits(real_cifake, name):
    evidence = shipped(name)
    assert_whole(evidence, real_cifake)
    assert evidence["test"]["official"]["n"] == 20_000
    assert evidence["test"]["leak_free"]["n"] == 19_622
    assert evidence["data_sha256"] == real_cifake.sha256


@pytest.mark.parametrize("name", artifacts.available())
def test_shipped_evidence_has_both_calibration_errors(name):
    """Also of p_fake itself, which pages show: a lean to one side is hidden in confidence."""
    evidence, calibration = shipped(name), artifacts.read_card(name).calibration
    scores = curves.decode(evidence)
    for key, kept in (("official", slice(None)), ("leak_free", ~scores.leaked)):
        logits, is_fake = scores.logits[kept], scores.is_fake[kept]
        found = evidence["test"][key]
        for figures, by in ((found, calibration), (found["before_calibration"], UNCALIBRATED)):
            p_fake = by.p_fake(logits)
            by_p_fake = metrics.calibration_error_of_p_fake(p_fake, is_fake)
            assert figures["ece_p_fake"] == pytest.approx(by_p_fake)
            folded = metrics.expected_calibration_error(p_fake, is_fake)
            assert figures["ece"] == pytest.approx(folded)


@pytest.mark.parametrize("name", artifacts.available())
def test_shipped_logits_are_those_of_the_shipped_model(real_cifake, name):
    rows = np.arange(0, 20_000, 40)
    engine = artifacts.load_engine(artifacts.read_card(name))
    logits = np.frombuffer(base64.b64decode(shipped(name)["logits"]), "<f4")
    again = evaluate.predict(engine, real_cifake.test.images, rows)
    assert np.abs(again - logits[rows]).max() <= 2e-3


def test_validation_was_cut_as_recorded(real_cifake):
    recorded = shipped("validation_split")
    rows = dataset.validation_indices(real_cifake.train, seed=recorded["seed"])
    assert recorded["files"] == real_cifake.train.names[rows].tolist()


@pytest.mark.parametrize("name", artifacts.available())
def test_the_promise_was_kept_on_the_test_images(name):
    """Up to chance: of validation's 5,000 and of test's 10,000 images of each class."""
    evidence, card = shipped(name), artifacts.read_card(name).raw
    error = card["calibration"]["promised_error"]
    spread = 3 * (error * (1 - error) * (1 / 5_000 + 1 / 10_000)) ** 0.5
    for key in ("real_called_fake", "fake_called_real"):
        assert evidence["test"]["official"][key]["share"] <= error + spread
    assert evidence["gate"]["turned_away"]["share"] <= 0.015


def test_lens_reaches_its_bar():
    evidence, card = shipped("lens"), artifacts.read_card("lens").raw
    assert evidence["test"]["official"]["n"] == 20_000
    assert evidence["test"]["official"]["accuracy"] >= 0.979
    assert card["calibration"]["promised_error"] == 0.005
    assert card["calibration"]["uncertain_share"] <= 0.06
    assert card["gate"]["false_alarms_on_validation"] <= 0.01
    assert card["results"]["official"] == evidence["test"]["official"]
    assert is_of(artifacts.read_card("lens"), evidence)
