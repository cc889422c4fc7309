"""What a page says is the very thing that it names: the truth, the answer explained, the scale."""

from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cifake_core import dataset, pipeline, render
from cifake_core.explain import Heatmap, Method
from cifake_core.labels import CLASSES, FAKE, REAL
from cifake_core.samples import samples
from pages.parts import data_source

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def app(monkeypatch):
    st.cache_data.clear()  # all AppTests are one session
    monkeypatch.chdir(ROOT)
    yield AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=120)
    st.cache_data.clear()


def press(app, name):
    (number,) = [i for i, sample in enumerate(samples()) if sample.name == name]
    return app.button(f"sample{number}").click().run()


def images(app) -> list:
    return [image for element in app.get("image") for image in element.proto.imgs]


def words(app) -> str:
    return " ".join(element.value for kind in ("markdown", "caption") for element in app.get(kind))


@pytest.mark.parametrize(("label", "word"), [(FAKE, "AI-generated"), (REAL, "real")])
def test_the_truth_of_a_random_image_is_that_of_its_folder(
    app, tiny_cifake, monkeypatch, label, word
):
    data = dataset.load(tiny_cifake)
    monkeypatch.setattr(data_source, "opened", lambda: data)
    row = int(np.flatnonzero(data.train.labels == label)[0])
    monkeypatch.setattr(data_source, "draw", lambda found, _: data_source.take(found, row))
    app.run()
    (button,) = [b for b in app.button if "Random CIFAKE image" in b.label]
    button.click().run()
    assert f"it is **{word}**" not in words(app)
    app.toggle(key="show_truth").set_value(True).run()
    kind = CLASSES[data.train.classes[row]]
    assert f"In CIFAKE it is **{word}**, of class *{kind}*." in words(app)


def test_the_heatmap_is_that_of_the_answer_asked_for(app):
    press(app.run(), "Cat")
    (key,) = [c.key for c in app.segmented_control if str(c.key).startswith("target-")]
    drawn = {}
    for target, word in ((FAKE, "AI-generated"), (REAL, "real"), (FAKE, "AI-generated")):
        app.segmented_control(key=key).set_value(target).run()
        assert not app.exception
        (found,) = [i for i in images(app) if f"evidence for {word}." in i.caption]
        assert drawn.setdefault(target, found.url) == found.url
    assert drawn[FAKE] != drawn[REAL]


def test_what_the_page_must_not_tell_is_not_in_the_heatmaps_target(app):
    """A strange image that leans towards real: which way it leans stays behind the click."""
    press(app.run(), "Ball")
    assert not pipeline.analyze(next(s.png for s in samples() if s.name == "Ball")).in_domain
    (control,) = [c for c in app.segmented_control if str(c.key).startswith("target-")]
    assert control.value == FAKE


def test_what_if_draws_both_heatmaps_of_the_answer_on_one_scale(app, monkeypatch):
    """Two pixels: twice as strong in the image as it is as in the changed one."""
    cat = pipeline.analyze(next(s.png for s in samples() if s.name == "Cat"))
    seen, overlay = [], render.overlay

    def made(self, pixels, method, target, progress=None):
        as_it_is = np.array_equal(pixels, cat.opened.prepared.pixels)
        values = np.full((8, 8), 0.1, np.float32)
        values[0, target] = 2.0 if as_it_is else 1.0
        return Heatmap(values, method, Method.CAM, target)

    monkeypatch.setattr(pipeline.Detector, "heatmap", made)
    monkeypatch.setattr(render, "overlay", lambda p, v, *a: seen.append(v) or overlay(p, v, *a))
    press(app.run().switch_page("explain/what_if.py").run(), "Cat")
    (key,) = [c.key for c in app.segmented_control if str(c.key).startswith("target-")]
    for target in (FAKE, REAL):
        seen.clear()
        app.segmented_control(key=key).set_value(target).run()
        assert not app.exception
        before, after = seen
        assert (before.max(), after.max()) == (1.0, 0.5)
        assert before[0, target] == 1.0
        said = [i.caption for i in images(app) if "peak" in i.caption]
        assert said == ["As it is: peak 100%", "Changed: peak 50%"]


def test_other_models_are_asked_as_thoroughly_as_the_picked_one(app, monkeypatch):
    with_stability = pipeline.Detector.with_stability

    def turned(self, analysis):
        found = with_stability(self, analysis)
        if self.card.name == "paper_cnn":
            return pipeline.doubted(found, "A tiny change turns it round, for this test.")
        return found

    monkeypatch.setattr(pipeline.Detector, "with_stability", turned)
    press(app.run(), "Cat")
    app.toggle(key="ask_all").set_value(True).run()
    assert not app.exception
    rows = {row[0]: row[1] for row in app.table[0].value.itertuples(index=False)}
    assert (
        rows["paper_cnn"].startswith(":material/help: Can't tell") or "Can't" in rows["paper_cnn"]
    )
    assert "Can't tell" not in rows["mobilenet_v2"]
