"""Several models: the picker, and all of them asked at once."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cifake_core.artifacts import ASSETS
from cifake_core.calibration import Verdict
from cifake_core.samples import samples
from pages.parts import ask_all

ROOT = Path(__file__).resolve().parents[2]
REAL, FAKE, UNCERTAIN = Verdict.REAL, Verdict.FAKE, Verdict.UNCERTAIN


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Three models with the weights of lens that say real, AI-generated and can't tell."""
    st.cache_data.clear()  # all AppTests are one session
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("CIFAKE_MODELS", str(tmp_path))
    monkeypatch.setenv("CIFAKE_EVIDENCE", str(tmp_path / "none"))
    # A large temperature leaves the bias alone to decide, whatever the image.
    for name, bias in (("lens", 3.0), ("paper_cnn", -3.0), ("resnet50", 0.2)):
        folder = shutil.copytree(ASSETS / "models" / "lens", tmp_path / name)
        card = json.loads((folder / "card.json").read_text())
        card |= {"name": name, "title": f"{name}: a title"}
        card["calibration"] |= {"temperature": 1e6, "bias": bias, "real_to": 0.1, "fake_from": 0.9}
        (folder / "card.json").write_text(json.dumps(card))
    return tmp_path


@pytest.fixture
def app(models):
    return AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=60)


def press(app, name="Clouds"):
    (number,) = [i for i, sample in enumerate(samples()) if sample.name == name]
    return app.button(f"sample{number}").click().run()


def words(app) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error")
    return " ".join(element.value for kind in kinds for element in app.get(kind))


def rows(app) -> dict[str, list[str]]:
    """The table: a model's name and the rest of its row."""
    return {r[0]: list(r[1:]) for r in app.table[0].value.itertuples(index=False)}


@pytest.mark.parametrize(
    ("verdicts", "failed", "sentence"),
    [
        ([FAKE] * 3, 0, "All 3 models agree: AI-generated."),
        ([REAL] * 2, 0, "All 2 models agree: real."),
        ([UNCERTAIN] * 4, 0, "None of the 4 models can tell."),
        ([REAL, FAKE, REAL], 0, "The models disagree: 2 say real, 1 says AI-generated."),
        (
            [FAKE, UNCERTAIN, FAKE, REAL],
            1,
            "The models disagree: 1 says real, 2 say AI-generated, 1 can't tell. "
            "1 could not be asked.",
        ),
        (
            [UNCERTAIN, FAKE, UNCERTAIN],
            0,
            "Not all of the models are sure: 1 says AI-generated, 2 can't tell.",
        ),
        ([REAL], 2, "Only one model could be asked: real. 2 could not be asked."),
        ([], 2, "No model could be asked."),
    ],
)
def test_agreement_in_a_sentence(verdicts, failed, sentence):
    assert ask_all.agreement(verdicts, failed) == sentence


def test_picked_model_gives_the_verdict_and_stays_picked(app):
    press(app.run())
    assert app.selectbox(key="model").options == ["lens", "paper_cnn", "resnet50"]
    assert "photograph" in app.header[0].value
    app.selectbox(key="model").set_value("paper_cnn").run()
    assert "AI-generated" in app.header[0].value
    app.switch_page("study/dataset.py").run()
    app.switch_page("check/one_image.py").run()
    assert app.selectbox(key="model").value == "paper_cnn"
    assert "AI-generated" in app.header[0].value
    assert not app.exception


def test_one_model_needs_no_picker(app, models):
    for name in ("paper_cnn", "resnet50"):
        shutil.rmtree(models / name)
    press(app.run())
    assert not app.selectbox or "model" not in [s.key for s in app.selectbox]
    assert "Model: `lens`." in words(app)
    assert "ask_all" not in [toggle.key for toggle in app.toggle]


def test_nothing_is_asked_before_somebody_wants_it(app, monkeypatch):
    from cifake_core import pipeline

    loaded, load = set(), pipeline.load
    monkeypatch.setattr(pipeline, "load", lambda name: loaded.add(name) or load(name))
    press(app.run())
    assert loaded == {"lens"}
    assert not app.table
    app.toggle(key="ask_all").set_value(True).run()
    assert loaded == {"lens", "paper_cnn", "resnet50"}


def test_all_answers_stand_in_a_table_and_a_plot(app):
    press(app.run())
    app.toggle(key="ask_all").set_value(True).run()
    assert not app.exception
    assert "The models disagree: 1 says real, 1 says AI-generated, 1 can't tell." in words(app)
    found = rows(app)
    # 1 / (1 + exp(bias))
    assert found["**lens**, picked"][1:] == ["4.7%", "10.0% to 90.0%"]
    assert found["paper_cnn"][1:] == ["95.3%", "10.0% to 90.0%"]
    assert found["resnet50"][1:] == ["45.0%", "10.0% to 90.0%"]
    assert "AI-generated" in found["paper_cnn"][0]
    assert "Can't tell" in found["resnet50"][0]
    assert found["resnet50"][0].endswith(": not sure enough")
    (plot,) = app.get("plotly_chart")
    assert "paper_cnn 95.3%, AI-generated" in plot.proto.alt
    # One that says the opposite takes the verdict away, with its name.
    assert "Can't tell" in app.header[0].value
    assert "`paper_cnn` says the opposite" in app.warning[0].value
    assert found["**lens**, picked"][0].startswith("by itself: ")
    assert "Real" in found["**lens**, picked"][0]
    assert "Why resnet50 can't tell: 55.0% for real is not enough for an answer" in words(app)
    # It stays on for the next image.
    press(app, "Rings")
    assert len(rows(app)) == 3


def test_models_that_only_hold_back_leave_the_verdict(app, models):
    shutil.rmtree(models / "paper_cnn")
    press(app.run())
    app.toggle(key="ask_all").set_value(True).run()
    assert "photograph" in app.header[0].value
    assert "models disagree" not in words(app)
    assert "by itself" not in rows(app)["**lens**, picked"][0]


def test_a_large_image_gets_no_verdict_of_any(app):
    press(app.run(), "Large sunset")
    app.toggle(key="ask_all").set_value(True).run()
    assert "None of the 3 models can tell." in words(app)
    assert "not of the kind that the models judge" in words(app)
    assert all(row[0].endswith(": not its kind of image") for row in rows(app).values())
    assert "by itself" not in rows(app)["**lens**, picked"][0]
    assert not app.get("plotly_chart")


def test_what_only_one_model_finds_strange_costs_only_its_probability(app, monkeypatch):
    from cifake_core import pipeline

    load = pipeline.load

    def strict(name):
        model = load(name)
        if name == "paper_cnn":
            usual, rare = model.gate.usual.copy(), model.gate.rare.copy()
            usual[0], rare[0] = -2, -1  # any trace of compression is far over that
            monkeypatch.setattr(model, "gate", replace(model.gate, usual=usual, rare=rare))
        return model

    monkeypatch.setattr(pipeline, "load", strict)
    press(app.run())
    app.toggle(key="ask_all").set_value(True).run()
    assert not app.exception
    found = rows(app)
    assert found["paper_cnn"][1] == "–"
    assert found["**lens**, picked"][1] == "4.7%"
    assert "Why paper_cnn can't tell: All images of the data set were saved" in words(app)
    (plot,) = app.get("plotly_chart")
    assert "paper_cnn" not in plot.proto.alt


@pytest.mark.parametrize("file", ["model.onnx", "card.json"])
def test_a_damaged_model_says_so_in_its_row(app, models, file):
    (models / "paper_cnn" / file).write_bytes(b"{}")
    press(app.run())
    app.toggle(key="ask_all").set_value(True).run()
    assert not app.exception
    assert "Not all of the models are sure: 1 says real, 1 can't tell. 1 could not" in words(app)
    found = rows(app)
    assert len(found) == 3
    assert {"model.onnx": "is damaged", "card.json": "is damaged"}[file] in found["paper_cnn"][0]
    assert found["paper_cnn"][1:] == ["–"] * 2


def test_a_damaged_model_that_is_picked_leaves_the_picker(app, models):
    (models / "paper_cnn" / "model.onnx").write_bytes(b"")
    press(app.run())
    app.selectbox(key="model").set_value("paper_cnn").run()
    assert not app.exception
    assert "model cannot be used" in app.error[0].value
    assert "Pick another one above" in words(app)
    app.selectbox(key="model").set_value("lens").run()
    assert not app.error
    assert "Pick another one above" not in words(app)
    assert "photograph" in app.header[0].value


def test_a_model_without_cam_says_what_its_heatmap_waits_for(app, monkeypatch):
    from concurrent.futures import Future

    from cifake_core import pipeline

    pending = Future()
    load = pipeline.load

    def without_cam(name):
        model = load(name)
        monkeypatch.setattr(model.engine, "has_cam", False)
        monkeypatch.setattr(model, "load_explainer", lambda *_: pending)
        return model

    monkeypatch.setattr(pipeline, "load", without_cam)
    press(app.run())
    assert not app.exception
    assert "Grad-CAM of this model needs TensorFlow, which is loading." in words(app)
    assert "gives the same picture" not in words(app)
    pending.set_exception(ImportError("no TensorFlow"))
    app.run()
    assert not app.exception
    assert "could not be loaded" in words(app)
    assert "there are no heatmaps of this model" in words(app)


def test_a_recalibrated_model_is_not_answered_from_the_session(app, models):
    press(app.run())
    assert "photograph" in app.header[0].value
    path = models / "lens" / "card.json"
    card = json.loads(path.read_text())
    card["calibration"]["bias"] = -3.0
    path.write_text(json.dumps(card))
    app.run()
    assert "AI-generated" in app.header[0].value
