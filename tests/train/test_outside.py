"""Pictures that are not the models' own: reduced, judged, and recognised or not."""

import io
import json
import sys
import tarfile
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from cifake_core import artifacts, dataset, metrics
from cifake_core.calibration import Calibration
from cifake_core.catalogue import accuracy_answered, is_of, right_of_answers
from cifake_core.errors import ConfigError
from cifake_core.metrics import wilson_interval
from cifake_core.perturb import STRESS
from train import outside, outsiders, shapes, textures


@pytest.fixture
def archive(tmp_path):
    rng = np.random.default_rng(3)
    path = tmp_path / "pictures.tar"
    with tarfile.open(path, "w") as tar:
        for label in ("REAL", "FAKE"):
            for i in range(4):
                file = io.BytesIO()
                pixels = rng.integers(0, 256, (90 + i, 120, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(file, "PNG")
                member = tarfile.TarInfo(f"any/{label}/{i}.png")
                member.size = file.tell()
                file.seek(0)
                tar.addfile(member, file)
    return path


def test_every_model_is_measured_on_every_filter(archive, tiny_cifake, tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAKE_EVIDENCE", str(tmp_path / "evidence"))
    monkeypatch.setattr(outside, "DRAWN", 3)
    assert outside.main(["--pictures", str(archive), "--data", str(tiny_cifake)]) == 0
    found = json.loads((tmp_path / "evidence" / "outside.json").read_text())
    assert found["pictures"]["real"] == found["pictures"]["fake"] == 4
    assert list(found["models"]) == artifacts.available()
    for row in found["models"].values():
        assert [r["filter"] for r in row["reduced"]] == list(outside.FILTERS)
        assert len(outside.FILTERS) == 8
        kinds = {(r["kind"], r["how"]): r for r in row["recognised"]}
        assert kinds["pictures", "as they are"]["share"] == 1
        assert [r["label"] for r in row["changed"]] == ["unchanged", *(c.label for c in STRESS)]
        for r in row["changed"]:
            assert r["turned_away"] + r["sure_share"] <= 1
        assert kinds["noise", "reduced, PNG"]["share"] == 1
        assert {kind for kind, _ in kinds} == {"pictures", *outsiders.KINDS}


def test_only_validation_images_are_changed(tiny_cifake):
    """Any others the model was trained on, and would answer better than it can."""
    train, seen = dataset.load(tiny_cifake).train, []

    class Watching:
        """Engine and gate: of no image sure, and none is strange."""

        def logits_and_features(self, batch):
            seen.append(batch)
            return np.zeros(len(batch)), batch.mean((1, 2))

        def far(self, pixels, _):
            return np.zeros((len(pixels), 6), bool)

    card = SimpleNamespace(calibration=Calibration(1.0, 0.0, 0.1, 0.9))
    detector = SimpleNamespace(card=card, engine=Watching(), gate=Watching())
    table = outside.changed(detector, SimpleNamespace(train=train))
    rows = dataset.validation_indices(train)
    assert {row["n"] for row in table} == {len(rows)}
    np.testing.assert_array_equal(seen[0], train.images[rows])


def test_an_archive_without_both_kinds_is_one_sentence(tiny_cifake, tmp_path, capsys):
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    (tmp_path / "none.tar").write_bytes(b"not an archive")
    for name in ("empty.tar", "none.tar", "missing.tar"):
        with pytest.raises(ConfigError):
            outside.measure(tmp_path / name, dataset.load(tiny_cifake))
        options = ["--pictures", str(tmp_path / name), "--data", str(tiny_cifake)]
        assert outside.main(options) == 1
        assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("kind", outsiders.KINDS)
@pytest.mark.parametrize("side", [32, 300])
def test_drawn_pictures_are_the_same_each_time(kind, side):
    one, other, third = (outsiders.KINDS[kind](np.random.default_rng(s), side) for s in (1, 1, 2))
    assert one.shape == (side, side, 3)
    assert one.dtype == np.uint8
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(one, third)


def test_scans_are_squares_of_two_pages():
    pytest.importorskip("skimage", reason="scikit-image is in requirements-quantus.txt")
    found = outsiders.scans()
    assert len(found) == 2
    for draw in found.values():
        one, other = (draw(np.random.default_rng(5), 32) for _ in range(2))
        assert one.shape == (*one.shape[:1] * 2, 3)
        assert one.shape[0] >= 64
        np.testing.assert_array_equal(one, other)


def test_scans_without_their_library_are_one_sentence(tiny_cifake, archive, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "skimage", None)
    options = ["--pictures", str(archive), "--data", str(tiny_cifake), "--scans"]
    assert outside.main(options) == 1
    assert "requirements-quantus" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [*textures.KINDS, *shapes.KINDS])
@pytest.mark.parametrize("side", [32, 300])
def test_examples_are_the_same_each_time(kind, side):
    one, other, third = (kind(np.random.default_rng(s), side) for s in (1, 1, 2))
    assert one.shape == (side, side, 3)
    assert one.dtype == np.uint8
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(one, third)


def test_filters_differ_and_keep_the_mean():
    rng = np.random.default_rng(4)
    image = rng.integers(60, 200, (96, 128, 3)).astype(np.uint8)
    small = {how: outside.reduced(image, 32, how) for how in outside.FILTERS}
    for how, pixels in small.items():
        assert pixels.shape == (32, 32, 3)
        assert abs(pixels.mean() - image[:, 16:112].mean()) < 3, how
    np.testing.assert_allclose(
        small["area (OpenCV)"].astype(int), small["box (Pillow)"].astype(int), atol=1
    )
    assert len({pixels.tobytes() for pixels in small.values()}) >= 6


def test_the_interval_of_an_auroc_by_hand():
    """Hanley and McNeil's formula with 2 and 3 cases at 0.5: variance (1/4 + 1/12 + 1/6) / 6."""
    low, high = outside.auroc_interval(0.5, 2, 3)
    assert (high - low) / 2 == pytest.approx(min(0.5, 1.959964 * np.sqrt(0.5 / 6)), rel=1e-3)
    # At 0.8 with 10 and 20: Q1 = 0.8 / 1.2, of the positives, and Q2 = 2 * 0.64 / 1.8.
    variance = (0.8 * 0.2 + 9 * (2 / 3 - 0.64) + 19 * (1.28 / 1.8 - 0.64)) / (10 * 20)
    spread = 1.959964 * np.sqrt(variance)
    assert spread == pytest.approx(0.1834, abs=1e-4)
    expected = (0.8 - spread, 0.8 + spread)
    assert outside.auroc_interval(0.8, 10, 20) == pytest.approx(expected)


def test_the_shipped_evidence_is_of_the_shipped_models():
    found = json.loads((artifacts.ASSETS / "evidence" / "outside.json").read_text())
    assert list(found["models"]) == artifacts.available()
    for name, row in found["models"].items():
        assert is_of(artifacts.read_card(name), row)
        whole = next(r for r in row["recognised"] if r["how"] == "as they are")
        assert whole["share"] >= 0.95
        for r in row["recognised"]:
            hits = round(r["share"] * r["n"])
            assert r["interval_95"] == pytest.approx(metrics.wilson_interval(hits, r["n"]))
            if r["how"] == "reduced, PNG":
                assert r["share"] >= 0.95, (name, r["kind"])


@pytest.mark.parametrize(
    ("sure", "right", "words"),
    [(0.5, 0.98, "98.0%"), (0.03, 0.9, "90.0%"), (0.029, 1.0, "29 of 29"), (0.001, 0.0, "0 of 1")],
)
def test_few_answers_are_counted(sure, right, words):
    row = {"n": 1000, "sure_share": sure, "right_of_sure": right}
    assert right_of_answers(row, "none") == words
    assert right_of_answers(row | {"right_of_sure": None}, "none") == "none"


def test_accuracy_of_the_answers_has_an_interval():
    answers = {"answered_share": 0.5, "accuracy_answered": 0.9}
    said = accuracy_answered({"n": 200, "with_gate": answers}, "none")
    low, high = wilson_interval(90, 100)
    assert said == f"90.00% ({low:.2%} to {high:.2%})"
    for lack in ({}, None, {"n": 200, "with_gate": answers | {"accuracy_answered": None}}):
        assert accuracy_answered(lack, "none") == "none"
