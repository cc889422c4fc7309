"""Covering the brightest spot of the heatmap, beside random ones, in raw scores."""

import re
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cifake_core import pipeline
from cifake_core.explain import Method
from cifake_core.samples import samples
from cifake_core.what_if import Cover, brightest
from pages.parts import what_if_cover
from pages.parts.words import signed

ROOT = Path(__file__).resolve().parents[2]
CAT = next(s.png for s in samples() if s.name == "Cat")


@pytest.fixture
def app(monkeypatch):
    st.cache_data.clear()  # all AppTests are one session
    monkeypatch.chdir(ROOT)
    app = AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=300)
    app.run().switch_page("explain/what_if.py").run()
    (number,) = [i for i, sample in enumerate(samples()) if sample.name == "Cat"]
    app.button(f"sample{number}").click().run()
    app.pills(key="what_if_change").set_value("Nothing")
    yield app.toggle(key="what_if_cover").set_value(True).run()
    st.cache_data.clear()


def click(app, label):
    (button,) = [b for b in app.button if b.label == label]
    return button.click().run()


def spot(app) -> list[tuple[int, int]]:
    return [app.slider(key=f"what_if_{way}_32").value for way in ("across", "down")]


def test_the_brightest_spot_is_covered_and_told_in_raw_scores(app):
    detector = pipeline.load("lens")
    analysis = pipeline.analyze(CAT, detector)
    pixels = analysis.opened.prepared.pixels
    values = detector.heatmap(pixels, Method.CAM, analysis.leans_to).values
    left, top = brightest(values, 32, 8, 8)
    click(app, "Cover the brightest spot")
    assert not app.exception
    assert spot(app) == [(left, left + 8), (top, top + 8)]
    app.segmented_control(key="what_if_scale").set_value("Raw score").run()
    assert not app.exception
    after = Cover(left, top, 8, 8).apply(pixels[None])
    # Turned, so that they grow with AI-generated.
    scores = (-detector.engine.logits(np.concatenate([pixels[None], after]))).tolist()
    captions = [p.caption for element in app.get("image") for p in element.proto.imgs]
    said = [re.match(r"raw score (\S+)", c).group(1) for c in captions if "raw score" in c]
    assert said == [signed(score) for score in scores]
    (told,) = [m.value for m in app.markdown if m.value.startswith("This cover moves")]
    assert f"raw score from {signed(scores[0])} to {signed(scores[1])}" in told
    assert told.count(f"**{signed(scores[1] - scores[0])}**") == 2  # it is the brightest one


def test_a_random_spot_has_the_same_size(app):
    app.slider(key="what_if_across_32").set_value((0, 10))
    app.slider(key="what_if_down_32").set_value((20, 26)).run()
    places = set()
    for _ in range(4):
        click(app, "Cover a random spot of the same size")
        (left, right), (top, bottom) = spot(app)
        assert (right - left, bottom - top) == (10, 6)
        places.add((left, top))
    assert not app.exception
    assert len(places) > 1
    assert any("random spots of that size" in m.value for m in app.markdown)


def test_the_comparison_by_hand():
    spots = np.array([7.0, 6.5, 5.0, 6.9])  # from 7: 0, 0.5, 2 and 0.1, on average 0.65
    said = what_if_cover.words("the score", 7.0, 6.0, 5.8, spots)
    assert said.startswith(
        "This cover moves the score from +7.00 to +6.00, by **\N{MINUS SIGN}1.00**"
    )
    assert "moves it by **\N{MINUS SIGN}1.20**" in said
    assert "4 random spots of that size move it by 0.65 on average, either way" in said
    assert "by 2.00 at most: the brightest spot counts for more than 3 of these 4." in said
    without = what_if_cover.words("the score", 7.0, 6.0, None, spots)
    assert "brightest" not in without
