"""Planted patches, and the command from the data set to the evidence file."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cifake_core import artifacts, dataset, randomise
from cifake_core.calibration import Calibration
from cifake_core.catalogue import is_of
from cifake_core.explain import Method
from cifake_core.labels import FAKE, REAL
from train import explanations
from train import explanations_planted as planted

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def evidence(tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAKE_EVIDENCE", str(tmp_path))
    return tmp_path / explanations.FILE


@pytest.fixture
def few_methods(monkeypatch):
    monkeypatch.setattr(explanations, "METHODS", [Method.OCCLUSION, Method.GRADCAM])
    monkeypatch.setattr(explanations, "DEPTHS", 2)


def test_composites_are_a_patch_in_an_image_of_the_other_label(data):
    rows = planted.unique_rows(data.train)
    assert set(rows) <= set(dataset.validation_indices(data.train))
    made = planted.compose(data.train, rows, 60)
    assert (made.labels == np.arange(60) % 2).all()
    known = {image.tobytes(): i for i, image in enumerate(data.train.images)}
    sides = set()
    for image, host, label, (top, left, side) in zip(
        made.images, made.hosts, made.labels, made.boxes, strict=True
    ):
        host_row = known[host.tobytes()]
        assert host_row in rows
        assert data.train.labels[host_row] != label
        place = np.s_[top : top + side, left : left + side]
        donors = (data.train.images[:, *place] == image[place]).all((1, 2, 3))
        (donor,) = np.flatnonzero(donors)
        assert donor in rows
        assert data.train.labels[donor] == label
        assert data.train.classes[donor] == data.train.classes[host_row]
        outside = np.ones((32, 32), bool)
        outside[place] = False
        assert (image[outside] == host[outside]).all()
        sides.add(side)
    assert (min(sides), max(sides)) == (8, 16)
    again = planted.compose(data.train, rows, 20)
    assert np.array_equal(again.images, made.images[:20])  # fewer are the first of more


def test_which_patches_turned_the_answer():
    calibration = Calibration(1.0, 0.0, 0.1, 0.9)  # a logit beyond 2.2 on either side is sure
    labels = np.array([FAKE, FAKE, FAKE, FAKE, REAL, REAL])
    before = np.array([3.0, 1.0, -1.0, 3.0, -3.0, -3.0])
    after = np.array([-3.0, -3.0, -3.0, 1.0, 3.0, 1.0])
    found = planted.sets(before, after, labels, calibration)
    assert found["all"].all()
    assert found["changed"].tolist() == [True, True, False, False, True, True]
    assert found["reversed"].tolist() == [True, False, False, False, True, False]


def test_row_of_hits_by_hand():
    made = planted.Composites(
        np.zeros((4, 32, 32, 3), np.uint8),
        np.zeros((4, 32, 32, 3), np.uint8),
        np.array([FAKE, REAL, FAKE, REAL]),
        [(8, 8, 8)] * 4,
    )
    maps = np.zeros((4, 32, 32))
    maps[0, 8, 8] = maps[1, 7, 8] = 1
    maps[2, 0, 0], maps[2, 9, 9] = 3, 1
    kept = {"all": np.arange(4) < 3, "changed": np.array([True, True, False, False])}
    row = planted.row(dict(enumerate(maps[:3])), made, kept)
    assert row["all"]["n"] == 3
    assert row["all"]["hit_share"] == pytest.approx(1 / 3, abs=1e-4)
    assert row["all"]["near_share"] == pytest.approx(2 / 3, abs=1e-4)
    assert row["all"]["mass_share"] == pytest.approx((1 + 0 + 0.25) / 3, abs=1e-4)
    assert row["changed"]["n"] == 2
    assert row["changed"]["by_patch"]["FAKE"]["hit_share"] == 1
    assert row["changed"]["by_patch"]["REAL"]["hit_share"] == 0
    chance = planted.chance(made, kept)
    assert chance["changed"] == {
        "n": 2,
        "hit": round(64 / 1024, 4),
        "near": round(100 / 1024, 4),
    }


def test_paired_differences_with_their_interval():
    found = explanations.paired(np.array([0.1, 0.3]))
    assert found["n"] == 2
    assert found["mean"] == 0.2
    assert found["interval_95"] == [-1.0706, 1.4706]  # 0.2 -+ 12.706 * 0.1, by Student's t
    assert explanations.paired(np.array([]))["mean"] is None


class OfTheMiddle(explanations.Trial):
    """Of a model that sees the middle alone: six images are bright there, four are dark.

    The bright are fake to it. ``explainer`` is how many layers are randomised.
    """

    def __init__(self):
        images = np.zeros((10, 32, 32, 3), np.uint8)
        images[:, 12:20, 12:20] = 255
        images[6:] = 255 - images[6:]
        calibration = Calibration(10.0, 0.0, 0.5, 0.5)
        self.card = SimpleNamespace(name="middle", calibration=calibration)
        self.engine, self.keras, self.explainer = self, None, 0
        self.count = self.slow = len(images)
        self.train, self.rows = SimpleNamespace(images=images), np.arange(len(images))
        self.record, self._baselines = {"name": "middle"}, {}

    def logits(self, batch):
        return 128 - batch[:, 12:20, 12:20].mean((1, 2, 3))

    def _copy(self, depth, _):
        return self.logits, depth

    def row(self, part, method):
        (row,) = (r for r in self.record[part]["rows"] if r["method"] == method)
        return row


def hand_made(monkeypatch, map_of):
    """``map_of(method, layers randomised)`` is drawn for every image."""

    def drawn(logits_of, explainer, method, images, *_):
        return np.stack([map_of(method, explainer)] * len(images))

    monkeypatch.setattr(explanations, "drawn", drawn)


def test_a_sample_is_explained_by_what_the_model_leans_to():
    images, targets = OfTheMiddle().sample(10)
    assert (targets == np.where(images[:, 16, 16, 0] == 255, FAKE, REAL)).all()
    assert (targets == FAKE).sum() == 6


def test_the_right_map_is_better_than_chance_and_its_opposite_worse(evidence, monkeypatch):
    """For both answers: a gap above zero says that a map found what counts."""
    right = np.zeros((32, 32))
    right[12:20, 12:20] = 1
    trial, maps = OfTheMiddle(), {Method.GRADCAM: right, Method.LAYERCAM: 1 - right}
    hand_made(monkeypatch, lambda method, _: maps[method])
    for method, sign in ((Method.GRADCAM, 1), (Method.LAYERCAM, -1)):
        trial.curves(method)
        row = trial.row("curves", method)
        assert row["deletion"][0] > 0.99  # the score is that of the answer given
        over = row["over_random"]
        assert sign * over["deletion"]["mean"] > 0
        assert sign * over["insertion"]["mean"] > 0
        for word, count in (("FAKE", 6), ("REAL", 4)):
            gap = over["both_by_target"][word]
            assert gap["n"] == count
            assert sign * gap["mean"] > 0


@pytest.mark.parametrize(
    ("interval", "n", "outcome"),
    [([0.3, 0.49], 32, True), ([0.51, 0.7], 32, False), ([0.4, 0.5], 32, None),
     ([0.5, 0.6], 32, None), ([0.3, 0.4], 15, None), ([0.3, 0.4], 16, True), (None, 1, None)],
)  # fmt: skip
def test_what_counts_as_changed(interval, n, outcome):
    """Of 32 images; fewer than half with two maps to compare decide nothing."""
    assert explanations.changed_enough({"n": n, "interval_95": interval}, 32) is outcome


@pytest.mark.parametrize(("stays_at", "passes"), [((1, 2), True), ((3,), False)])
def test_a_map_passes_by_what_is_left_with_every_layer_random(
    evidence, monkeypatch, stays_at, passes
):
    """A ramp upside down is as like as can be; folded in the middle, its ranks correlate by 0."""
    ramp = np.arange(1024.0).reshape(32, 32)
    folded = np.abs(ramp - 511.5)

    def map_of(_, layers):
        return ramp if not layers else ramp[::-1, ::-1] if layers in stays_at else folded

    hand_made(monkeypatch, map_of)
    monkeypatch.setattr(randomise, "learned", lambda _: [["logit"], ["conv2"], ["conv1"]])
    trial = OfTheMiddle()
    trial.randomised(Method.GRADCAM, 8)
    assert trial.record["randomised"]["depths"] == [1, 2, 3]
    row = trial.row("randomised", Method.GRADCAM)
    like = [1.0 if depth in stays_at else 0.0 for depth in (1, 2, 3)]
    assert row["spearman_absolute"] == like
    assert (row["rest"]["n"], row["rest"]["mean"]) == (8, like[-1])
    assert row["passes"] is passes


def test_from_the_data_to_the_page(evidence, few_methods, data, monkeypatch):
    evidence.write_text(json.dumps({"models": [{"name": "another", "weights_sha256": "0"}]}))
    options = ["--data", str(data.root), "--images", "6", "--random-images", "4"]
    assert explanations.main(["--model", "paper_cnn", *options, "--slow-images", "4"]) == 0
    found = json.loads(evidence.read_text())
    assert [m["name"] for m in found["models"]] == ["another", "paper_cnn"]
    record = found["models"][1]
    assert is_of(artifacts.read_card("paper_cnn"), record, gate=False)
    rows = {part: {r["method"]: r for r in record[part]["rows"]} for part in PARTS}
    assert set(rows["planted"]) == {"centre", "edges", "gradcam", "occlusion"}
    assert rows["planted"]["gradcam"]["n"] == 6
    assert rows["planted"]["occlusion"]["n"] == rows["planted"]["occlusion"]["all"]["n"] == 4
    curves = rows["curves"]["occlusion"]
    ends = (curves["deletion"][0], curves["deletion"][-1])
    assert ends == (curves["insertion"][-1], curves["insertion"][0])
    assert len(curves["deletion"]) == found["steps"] + 1
    assert curves["over_random"]["both"]["n"] == 4
    assert "over_smooth" not in curves
    assert set(rows["curves"]) == {*explanations.BASELINES, "gradcam", "occlusion"}
    assert record["randomised"]["layers"] == ["logit", "dense", "conv2", "conv1"]
    assert record["randomised"]["depths"] == [1, 4]
    for row in rows["randomised"].values():
        low, high = row["rest"]["interval_95"] or (0, 1)
        limit = found["changes_below"]
        clear = True if high < limit else False if low > limit else None
        assert row["passes"] is (clear if 2 * row["rest"]["n"] >= row["n"] else None)
        assert len(row["ssim"]) == 2
        # An empty map is like nothing: it is left out, not taken for a map that changed.
        assert row["pairs"][-1] == round(row["n"] * (1 - row["empty_share"]))
        for key in ("spearman", "spearman_absolute", "ssim"):
            assert [value is None for value in row[key]] == [not n for n in row["pairs"]]

    # What was measured is kept, and measured again where asked.
    measured = []
    real = explanations.drawn
    monkeypatch.setattr(
        explanations, "drawn", lambda *args: measured.append(args[2]) or real(*args)
    )
    assert explanations.main(["--model", "paper_cnn", *options, "--slow-images", "4"]) == 0
    assert measured == []
    assert explanations.main(["--model", "paper_cnn", *options, "--slow-images", "5"]) == 0
    assert set(measured) == {Method.OCCLUSION}
    again = json.loads(evidence.read_text())["models"][1]
    assert again["planted"]["rows"][:3] == record["planted"]["rows"][:3]

    measured.clear()
    one = ["--model", "paper_cnn", "--method", "gradcam", "--again", *options]
    assert explanations.main(one) == 0
    assert set(measured) == {Method.GRADCAM}
    now = json.loads(evidence.read_text())["models"][1]
    assert now["command"] == again["command"], "a part of it is not how the whole was measured"
    for part in PARTS:
        before, after = ({r["method"]: r for r in m[part]["rows"]} for m in (again, now))
        # Of the one the last decimals may differ: threads add up in another order.
        assert before.pop("gradcam").keys() == after.pop("gradcam").keys()
        assert before == after

    # A record from before there was a smooth order gets it, and keeps the rest.
    found = json.loads(evidence.read_text())
    rows = found["models"][1]["curves"]["rows"]
    found["models"][1]["curves"]["rows"] = [r for r in rows if r["method"] != "smooth"]
    evidence.write_text(json.dumps(found))
    measured.clear()
    assert explanations.main(["--model", "paper_cnn", "--method", "gradcam", *options]) == 0
    assert not measured
    after = json.loads(evidence.read_text())["models"][1]["curves"]["rows"]
    assert {r["method"]: r for r in after} == {r["method"]: r for r in rows}


def test_means_leave_out_what_cannot_be_compared():
    nothing = float("nan")
    figures = np.array([[0.2, nothing, 0.4], [nothing, nothing, nothing]])
    assert explanations.means(figures) == [0.3, None]


def test_another_number_of_composites_than_a_table_has_is_refused(
    evidence, few_methods, data, capsys
):
    options = ["--model", "paper_cnn", "--method", "gradcam", "--data", str(data.root)]
    options += ["--random-images", "1"]
    assert explanations.main([*options, "--images", "6"]) == 0
    before = evidence.read_text()
    for number in ("4", "8"):
        assert explanations.main([*options, "--images", number, "--again"]) == 1
        assert "--images 6" in capsys.readouterr().err
    assert evidence.read_text() == before
    everything = ["--model", "paper_cnn", "--data", str(data.root), "--random-images", "1"]
    assert explanations.main([*everything, "--images", "4", "--again"]) == 0
    assert json.loads(evidence.read_text())["models"][0]["planted"]["n"] == 4


PARTS = ("planted", "curves", "randomised")


def test_an_unknown_model_is_one_sentence(evidence, data, capsys):
    assert explanations.main(["--model", "nobody", "--data", str(data.root)]) == 1
    assert "There is no model of that name" in capsys.readouterr().err
    assert not evidence.exists()


def test_cross_check_agrees_with_quantus(evidence, data):
    if not os.environ.get("CIFAKE_REQUIRE_QUANTUS"):
        pytest.importorskip("quantus")  # see requirements-quantus.txt
    options = ["--data", str(data.root), "--images", "8", "--quantus", "8"]
    assert explanations.main(["--model", "paper_cnn", *options]) == 0
    rows = json.loads(evidence.read_text())["models"][0]["quantus"]["rows"]
    said = {row["what"]: row for row in rows}
    assert len(said) == 6
    assert {"deletion curve", "insertion curve"} < said.keys()
    assert said["deletion curve"]["ours"] != said["insertion curve"]["ours"]
    assert max(row["largest_difference"] for row in rows) < 1e-4


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    return dict(line.split()[0].split("==") for line in lines if "==" in line and line[0] != "#")


def test_quantus_goes_beside_what_tests_need_and_ci_installs_it():
    """After ``pip check``, without what it asks for, and such that its tests may not be skipped."""
    quantus = pins("requirements-quantus.txt")
    assert "quantus" in quantus
    assert "opencv-python" not in quantus
    for other in ("requirements.txt", "requirements-train.txt", "requirements-dev.txt"):
        found = pins(other)
        assert {k: v for k, v in quantus.items() if k in found and found[k] != v} == {}, other
    ci = (ROOT / ".ci" / "run").read_text()
    checked = ci.index("\npip check\n")
    installed = ci.index("--no-deps -r requirements-quantus.txt\n")
    required = ci.index("export CIFAKE_REQUIRE_QUANTUS=1\n")
    assert checked < installed < required < ci.index("\npytest\n")
