"""What pages say of a heatmap, and what goes along from page to page."""

from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cifake_core import pipeline
from cifake_core.artifacts import read_card
from cifake_core.explain import Method
from cifake_core.explain_parts import parts
from cifake_core.labels import FAKE, REAL
from cifake_core.samples import samples
from pages.parts import cam_lesson, pictures, trust
from pages.parts.heatmaps import compared

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def app(monkeypatch):
    st.cache_data.clear()  # all AppTests are one session
    monkeypatch.chdir(ROOT)
    yield AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=300).run()
    st.cache_data.clear()


@pytest.fixture
def loading(monkeypatch):
    """TensorFlow takes its time."""
    pending = Future()
    monkeypatch.setattr(pipeline.Detector, "load_explainer", lambda *_: pending)
    monkeypatch.setattr(pipeline.Detector, "explainer_ready", False)


def press(app, name):
    (number,) = [i for i, sample in enumerate(samples()) if sample.name == name]
    return app.button(f"sample{number}").click().run()


def shown(app) -> list:
    return [picture for element in app.get("image") for picture in element.proto.imgs]


def captions(app) -> str:
    return " ".join(picture.caption for picture in shown(app))


def words(app) -> str:
    return " ".join(e.value for kind in ("markdown", "caption") for e in app.get(kind))


def ask(app, target):
    (control,) = [w for w in app.button_group if w.label == "Evidence for"]
    return control.set_value(target).run()


@pytest.mark.parametrize(
    ("fake", "real", "target", "said"),
    [
        (1.0, 20.0, FAKE, "Its strongest spot is 5% of the strongest one for *real*."),
        (1.0, 20.0, REAL, "The strongest spot for *AI-generated* is 5% of this one."),
        (1.0, 500.0, FAKE, "Its strongest spot is less than 1% of the strongest one for *real*."),
        (1.0, 500.0, REAL, "The strongest spot for *AI-generated* is less than 1% of this one."),
        (3.0, 0.0, FAKE, "Nothing in this image speaks for *real*."),
    ],
)
def test_how_strong_a_map_is_beside_the_other_answers(fake, real, target, said):
    assert compared({FAKE: fake, REAL: real}, target) == said


def test_a_faint_map_says_that_it_is(app, loading):
    press(app, "Cat")
    model = pipeline.load("lens")
    pixels = model.open(next(s.png for s in samples() if s.name == "Cat")).prepared.pixels
    (cam,) = model.engine.cam(pixels[None])
    share = f"{-cam.min() / cam.max():.0%}"
    assert f"The strongest spot for *AI-generated* is {share} of this one." in captions(app)
    ask(app, FAKE)
    assert f"Its strongest spot is {share} of the strongest one for *real*." in captions(app)
    # Which way the model leans is behind a click where it has no verdict.
    press(app, "Rings")
    assert "strongest" not in captions(app)


def test_dark_is_not_called_no_evidence(app, loading):
    press(app, "Cat")
    assert "none, or evidence for the other answer → most evidence" in captions(app)
    assert "no evidence →" not in captions(app)


def test_a_feature_map_is_explained_where_it_is_shown(app, loading):
    press(app, "Cat")
    assert "small pictures (8x8 here) each light up for one pattern: **feature maps**" in words(app)
    assert "The feature maps need TensorFlow, which is loading" in words(app)


def test_the_lesson_has_the_numbers_of_the_image(app):
    press(app, "Cat")
    model = pipeline.load("lens")
    explainer = model.load_explainer().result()
    app.run()
    assert not app.exception
    pixels = model.open(next(s.png for s in samples() if s.name == "Cat")).prepared.pixels
    found = parts(explainer.feature_maps(pixels), *explainer.answer_weights(), REAL)
    # Two nets of 128 maps, one of them mirrored back, are exactly the map that the graph gives.
    np.testing.assert_allclose(found.summed, model.engine.cam(pixels[None])[0], atol=0.05)
    assert found.score == pytest.approx(float(model.engine.logits(pixels[None])[0]), abs=0.05)
    steps = [p for p in shown(app) if " × weight " in p.caption]
    assert len(steps) == 4
    first = found.strongest(1)[0]
    assert f"= {found.added[first]:.2f} ({found.shares[first]:.0%})" in steps[0].caption
    together = found.shares[found.strongest(4)].sum()
    assert f"together these are {together:.0%}." in words(app)
    assert all("times its weight: strongest at the" in p.alt for p in steps)
    assert f"All 256 maps added up, from 0 to {found.summed.max():.2f}" in captions(app)
    assert f": {found.score:+.2f}." in words(app)
    app.segmented_control(key="method").set_value(Method.GRADCAM_PLUS_PLUS).run()
    assert "All 256 maps" not in captions(app)


def test_maps_of_several_nets_are_counted_net_by_net():
    card = read_card("lens")
    assert cam_lesson.name(0, card, 256) == "map 1 of net 1"
    assert cam_lesson.name(128, card, 256) == "map 1 of net 2"
    assert "divided by 2" in cam_lesson.joined(card, 256)
    assert "mirrored back" in cam_lesson.joined(card, 256)
    alone = replace(card, raw=card.raw | {"builder_arguments": {}})
    assert cam_lesson.name(128, alone, 256) == "map 129"
    assert cam_lesson.joined(alone, 256) == ""


def test_where_a_map_is_strongest_in_words():
    values = np.zeros((9, 9))
    values[8, 4] = 1
    assert pictures.describe(values) == "strongest at the bottom centre; 1% is above half"


def test_choices_go_along_to_other_pages(app, loading):
    press(app, "Rings")
    (raw,) = [toggle for toggle in app.toggle if toggle.label.startswith("Show the model's raw")]
    raw.set_value(True).run()
    ask(app, REAL)
    app.selectbox(key="colours").set_value("inferno").run()
    for page in ("explain/side_by_side.py", "explain/what_if.py", "check/one_image.py"):
        app.switch_page("study/dataset.py").run()
        app.switch_page(page).run()
        assert not app.exception
        (control,) = [w for w in app.button_group if w.label == "Evidence for"]
        assert control.value == REAL, page
        (raw,) = [t for t in app.toggle if t.label.startswith("Show the model's raw")]
        assert raw.value, page
        assert any(p.alt.startswith("Scale of the inferno colours") for p in shown(app)), page
    press(app, "Ball")
    (raw,) = [t for t in app.toggle if t.label.startswith("Show the model's raw")]
    assert not raw.value, "another image starts anew"
    # A heatmap says where it is strong to those who cannot see it.
    app.switch_page("explain/what_if.py").run()
    (before,) = [p.alt for p in shown(app) if p.alt.startswith("As it is: heatmap")]
    assert "; strongest at the " in before


def test_the_view_of_the_models_stays(app):
    app.switch_page("study/models.py").run()
    app.segmented_control(key="view").set_value("Limits").run()
    app.switch_page("study/dataset.py").run()
    app.switch_page("study/models.py").run()
    assert app.segmented_control(key="view").value == "Limits"
    app.switch_page("explain/trust.py").run()
    app.segmented_control(key="trust-view").set_value("Forgetting").run()
    app.switch_page("study/dataset.py").run()
    app.switch_page("explain/trust.py").run()
    assert app.segmented_control(key="trust-view").value == "Forgetting"


def test_all_models_are_asked_on_both_pages_or_on_neither(app, loading):
    press(app, "Clouds")
    app.toggle(key="ask_all").set_value(True).run()
    app.switch_page("study/dataset.py").run()  # AppTest loses what two neighbours share
    app.switch_page("explain/what_if.py").run()
    assert app.toggle(key="ask_all").value
    assert "Both answers are by `lens` alone; all models' are below." in words(app)
    app.toggle(key="ask_all").set_value(False).run()
    app.switch_page("study/dataset.py").run()
    app.switch_page("check/one_image.py").run()
    assert not app.toggle(key="ask_all").value


def test_what_a_net_is_built_of_stands_on_the_page_of_models_alone(app):
    title = read_card("lens").title
    assert title not in words(app)
    app.switch_page("study/models.py").run()
    assert title in words(app)


@pytest.mark.parametrize(
    ("ranks", "said"),
    [
        (0.2, "it depended on what these layers had learned"),
        (-0.2, "it depended on what these layers had learned"),
        (0.8, "hardly changed"),
        (-0.9, "The map shows the same places, reversed"),
        (-0.5, "changed in part"),
    ],
)
def test_what_a_rank_correlation_means(ranks, said):
    """A random sign of the last weights alone gives -1: no proof that anything was learned."""
    found = trust.meaning(ranks, 1, 9, empty=False)
    assert said in found
    assert ("A random sign alone can do this" in found) == (ranks < -0.7)


def test_what_is_forgotten_in_words():
    last = "the last layer, which gives the answer"
    assert trust.forgotten(1, 9) == last
    assert trust.forgotten(2, 9) == f"{last}, and the one layer before it"
    assert trust.forgotten(9, 9) == (
        f"{last}, and the 8 layers before it: all there are, down to the pixels"
    )
