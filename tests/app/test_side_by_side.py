import json
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cifake_core import pipeline
from cifake_core.artifacts import read_card
from cifake_core.explain import Method
from cifake_core.labels import FAKE
from cifake_core.samples import samples
from pages.parts import side_by_side

ROOT = Path(__file__).resolve().parents[2]
PAGE = "explain/side_by_side.py"


@pytest.fixture
def app(monkeypatch):
    monkeypatch.chdir(ROOT)
    app = AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=60)
    return app.run().switch_page(PAGE).run()


def press_sample(app, name: str):
    (number,) = [i for i, sample in enumerate(samples()) if sample.name == name]
    return app.button(f"sample{number}").click().run()


def words(app) -> str:
    kinds = ("title", "header", "subheader", "markdown", "caption", "info", "warning", "error")
    return " ".join(element.value for kind in kinds for element in app.get(kind))


def captions(app) -> str:
    return " ".join(p.caption for element in app.get("image") for p in element.proto.imgs)


def pick(app, *methods: Method):
    (pills,) = [w for w in app.button_group if w.label == "Methods"]
    return pills.set_value(list(methods)).run()


def test_page_says_what_it_does_without_an_image(app):
    assert not app.exception
    assert app.title[0].value == "Heatmaps side by side"
    assert "Frequencies" in words(app)


def test_what_needs_no_tensorflow_is_drawn_while_it_loads(app, monkeypatch):
    pending = Future()
    monkeypatch.setattr(pipeline.Detector, "load_explainer", lambda *_: pending)
    monkeypatch.setattr(pipeline.Detector, "explainer_ready", False)
    press_sample(app, "Ball")
    pick(app, Method.CAM, Method.OCCLUSION, Method.SMOOTHGRAD)
    assert not app.exception
    assert "**SmoothGrad** needs TensorFlow, which is loading" in words(app)
    assert "**CAM**" in captions(app)
    assert "**Occlusion**" in captions(app)
    assert "Which fineness" in words(app)


def test_all_methods_the_difference_and_the_bands(app):
    press_sample(app, "Large sunset")
    pipeline.load("lens").load_explainer().result()
    app.run()
    assert "not a verdict to rely on" in words(app)
    # What the model makes of each band is a reading: behind a click.
    assert "would look like an answer" in words(app)
    assert not app.get("plotly_chart")
    assert "raw score" not in captions(app)
    (raw,) = [toggle for toggle in app.toggle if toggle.key.startswith("raw-")]
    raw.set_value(True).run()
    assert "**It is not a verdict.**" in words(app)
    assert "raw score" in captions(app)
    (control,) = [w for w in app.button_group if w.label == "Evidence for"]
    control.set_value(FAKE)
    pick(app, *Method)
    assert not app.exception
    assert "needs TensorFlow" not in words(app)
    for name in ("CAM", "Grad-CAM++", "LayerCAM", "Score-CAM", "SmoothGrad", "Occlusion"):
        assert f"**{name}" in captions(app), name
    (metric,) = app.metric
    assert metric.label == "Rank correlation"
    assert -1 <= float(metric.value) <= 1
    (slider,) = app.select_slider
    before = captions(app)
    slider.set_value(0).run()
    assert not app.exception
    assert "Without 0.00–0.07" in captions(app)
    assert captions(app) != before


def test_choices_survive_other_pages(app):
    press_sample(app, "Ball")
    pick(app, Method.OCCLUSION)
    app.slider(key="side-opacity").set_value(90).run()
    app.selectbox(key="colours").set_value("inferno").run()
    app.switch_page("study/dataset.py").run()
    app.switch_page(PAGE).run()
    assert not app.exception
    assert app.slider(key="side-opacity").value == 90
    assert app.selectbox(key="colours").value == "inferno"
    (pills,) = [w for w in app.button_group if w.label == "Methods"]
    assert pills.value == [Method.OCCLUSION]
    pick(app)
    assert "Pick a method" in words(app)


def test_the_difference_says_where():
    """A 9x9 map: the first is ahead at the top right, the second by less at the bottom left."""
    ahead = np.zeros((9, 9))
    ahead[0, 8], ahead[8, 0] = 0.7, -0.5
    said = side_by_side.furthest(ahead, "CAM", "Occlusion")
    assert said == (
        "CAM is furthest ahead at the top right, Occlusion is furthest ahead at the bottom left"
    )
    assert side_by_side.furthest(np.maximum(ahead, 0), "CAM", "Occlusion") == (
        "CAM is furthest ahead at the top right"
    )
    assert side_by_side.furthest(0 * ahead, "CAM", "Occlusion") == "both are alike"


def test_alone_smoothgrad_has_no_other_answer_in_its_scale(app, monkeypatch):
    pending = Future()
    monkeypatch.setattr(pipeline.Detector, "load_explainer", lambda *_: pending)
    monkeypatch.setattr(pipeline.Detector, "explainer_ready", False)
    press_sample(app, "Ball")
    pick(app, Method.SMOOTHGRAD)
    assert "no effect → most evidence" in captions(app)
    assert "Feature maps" not in words(app)
    pick(app, Method.SMOOTHGRAD, Method.CAM)
    assert "none, or evidence for the other answer → most evidence" in captions(app)
    assert "**Feature maps** are small pictures" in words(app)


def test_the_raw_score_grows_as_its_chart_does(app):
    press_sample(app, "Clouds")
    model = pipeline.load("lens")
    pixels = model.open(next(s.png for s in samples() if s.name == "Clouds")).prepared.pixels
    (logit,) = model.engine.logits(pixels[None])
    assert logit > 1, "clearly real"
    assert f"AI-generated (raw score {-logit:+.2f})" in captions(app)


@pytest.mark.parametrize("passes", [False, None, True])
def test_a_method_that_does_not_see_the_model_is_marked(app, monkeypatch, tmp_path, passes):
    alike = {key: [0.9] for key in ("spearman", "spearman_absolute", "ssim")}
    row = {"method": "occlusion", "passes": passes, "n": 32} | alike
    record = {"name": "lens", **read_card("lens").identity, "randomised": {"rows": [row]}}
    (tmp_path / "explanations.json").write_text(json.dumps({"models": [record]}))
    monkeypatch.setenv("CIFAKE_EVIDENCE", str(tmp_path))
    press_sample(app, "Ball")
    pick(app, Method.CAM, Method.OCCLUSION)
    marked = [m.value for m in app.markdown if "the model forgets" in m.value]
    assert len(marked) == (0 if passes else 1)
    assert passes or marked[0].startswith("- **Occlusion.** Covers")
