"""What the page that compares models says of losses in training, of runs and of sizes."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from cifake_core import artifacts
from cifake_core.commands.models import row
from pages.parts import model_trials
from pages.parts.model_training import loss_words
from train import report

ROOT = Path(__file__).resolve().parents[2]

MOVED, CUT, DAMAGED, MIXED, SOFT, PENALTY = (
    "is of images that were mirrored", "is in part of squares", "is of images of which many were",
    "is of two images in one", "is against softer answers", "holds a penalty on large weights",
)  # fmt: skip


@pytest.mark.parametrize(
    ("cycles", "said"),
    [
        ([{"model": "paper_cnn", "flip": False, "jpeg": 0.0, "teacher": ""}], []),
        ([{"model": "aireal_cnn", "model_args": {}}], [PENALTY]),
        ([{"model": "aireal_cnn", "model_args": {"l2": 0.0}}], []),
        ([{"flip": True}, {"blur": 0.1}], [MOVED, DAMAGED]),
        ([{"shift": 3, "mixup": 0.2}, {"crop": 16}], [MOVED, CUT, MIXED]),
        ([{"teacher": "lens"}], [SOFT]),
        ([None, 5, {"model_args": 5}], []),
    ],
)
def test_words_on_a_loss_follow_from_how_it_came_about(cycles, said):
    words = loss_words({"one": cycles, "other": [{"model": "paper_cnn"}]})
    known = (MOVED, CUT, DAMAGED, MIXED, SOFT, PENALTY)
    assert [w for w in known if f"hat of one {w}" in words] == said
    assert "other" not in words
    assert bool(words) == bool(said)


def test_runs_and_sizes_are_those_of_the_readme_and_of_the_command(monkeypatch):
    monkeypatch.chdir(ROOT)
    app = AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=60).run()
    app = app.switch_page("study/models.py").run()
    table = app.table[0].value.set_index("Figure")
    names = artifacts.available()
    sizes = {name: row(artifacts.read_card(name), {})["bytes"] for name in names}
    for name in names:
        (runs,) = {line.split("|")[-3].strip() for line in report.results() if f"`{name}`" in line}
        assert table[name]["Runs trained"] == runs
        assert table[name]["Size of all its files"] == f"{sizes[name] / 1e6:.1f} MB"
    app.segmented_control(key="view").set_value("Cost").run()
    app.segmented_control(key="price").set_value("bytes").run()
    assert not app.exception
    (chart,) = app.get("plotly_chart")
    assert {t["name"]: t["x"][0] for t in json.loads(chart.proto.spec)["data"]} == sizes


def test_under_stress_the_page_says_how_many_the_app_turns_away(monkeypatch):
    monkeypatch.chdir(ROOT)
    app = AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=60).run()
    app = app.switch_page("study/models.py").run()
    app.segmented_control(key="view").set_value("Stress").run()
    app.selectbox(key="kind").set_value("blur").run()
    assert not app.exception
    (said,) = [c.value for c in app.caption if "likelier side" in c.value]
    found = json.loads((artifacts.evidence_dir() / "outside.json").read_text())
    rows = {r["label"]: r["turned_away"] for r in found["models"]["lens"]["changed"]}
    for label in ("unchanged", "blur 0.6"):
        assert f"{label} {rows[label]:.1%}" in said
    assert "JPEG" not in said


def test_where_it_was_not_measured_no_share_is_told(monkeypatch):
    monkeypatch.setattr(model_trials, "outside", lambda _: None)
    said = model_trials.refused([SimpleNamespace(card=None, name="lens")], ["blur 0.6"])
    assert "can't tell" in said
    assert "%" not in said
