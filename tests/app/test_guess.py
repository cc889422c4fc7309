"""Guessing before the model answers, and the count of who was right."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cifake_core.calibration import Verdict
from cifake_core.labels import FAKE
from cifake_core.samples import samples
from pages.parts import guess
from pages.parts.guess import Guess

ROOT = Path(__file__).resolve().parents[2]
REAL, AI, UNSURE = Verdict.REAL, Verdict.FAKE, Verdict.UNCERTAIN


@pytest.fixture
def app(monkeypatch):
    st.cache_data.clear()  # all AppTests are one session
    monkeypatch.chdir(ROOT)
    yield AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=300).run()
    st.cache_data.clear()


def press(app, name):
    (number,) = [i for i, sample in enumerate(samples()) if sample.name == name]
    return app.button(f"sample{number}").click().run()


def say(app, answer):
    return app.button(f"guess_{answer}").click().run()


def words(app) -> str:
    kinds = ("header", "subheader", "markdown", "caption", "info", "warning")
    return " ".join(element.value for kind in kinds for element in app.get(kind))


def pictures(app) -> int:
    return sum(len(element.proto.imgs) for element in app.get("image"))


def test_the_answer_stays_hidden_until_the_guess(app):
    assert not app.toggle(key="guess_first").value
    app.toggle(key="guess_first").set_value(True).run()
    press(app, "Astronaut")
    assert not app.exception
    assert [h.value for h in app.header] == ["What do you say?"]
    assert pictures(app) == 1
    assert not app.subheader  # no heatmap either
    for secret in ("Probability", "photograph (", "is a mistake", "NASA"):
        assert secret not in words(app)
    say(app, REAL)
    assert not app.exception
    assert "AI-generated" in app.header[0].value
    shown = words(app)
    assert "You said *real*. In truth it is **real**." in shown
    assert "You: **1 of 1** right. The model: **0 of 1** right." in shown
    assert "Where did it look?" in shown
    assert not [b for b in app.button if b.key and b.key.startswith("guess_")]


def test_an_image_counts_once_a_drawn_one_never_and_the_count_can_start_again(app):
    app.toggle(key="guess_first").set_value(True).run()
    say(press(app, "Cat"), AI)
    assert "You: **0 of 1** right. The model: **1 of 1** right." in words(app)
    say(press(app, "Clouds"), REAL)
    assert "neither a photograph nor AI-generated, so it does not count" in words(app)
    assert "You: **0 of 1** right." in words(app)
    press(app, "Cat")  # not asked again
    assert "You said *AI-generated*" in words(app)
    assert "You: **0 of 1** right. The model: **1 of 1** right." in words(app)
    app.switch_page("study/models.py").run()
    app.switch_page("check/one_image.py").run()
    assert app.toggle(key="guess_first").value
    assert "You: **0 of 1** right." in words(app)
    (again,) = [b for b in app.button if b.label == "Start the count again"]
    again.click().run()
    assert "You: " not in words(app)
    assert app.header[0].value == "What do you say?"


def test_an_upload_is_guessed_too_without_a_truth(app):
    app.toggle(key="guess_first").set_value(True).run()
    cat = next(s.png for s in samples() if s.name == "Cat")
    app.file_uploader[0].upload("mine.png", cat, "image/png").run()
    assert "mine" not in words(app)
    say(app, UNSURE)
    assert not app.exception
    assert "You said *can't tell*. What it truly is, only you may know" in words(app)
    assert "You: " not in words(app)


def test_of_a_random_image_the_truth_is_told_after_the_guess(app, monkeypatch, tiny_cifake):
    from cifake_core import dataset
    from pages.parts import data_source

    data = dataset.load(tiny_cifake)
    file = (tiny_cifake / "train/FAKE/0005 (6).jpg").read_bytes()
    monkeypatch.setattr(data_source, "opened", lambda: data)
    monkeypatch.setattr(data_source, "draw", lambda *_: data_source.Drawn(file, FAKE, "dog"))
    app.run().toggle(key="guess_first").set_value(True).run()
    (button,) = (b for b in app.button if "Random CIFAKE image" in b.label)
    button.click().run()
    assert "dog" not in words(app)
    say(app, AI)
    assert "In truth it is **AI-generated**, of class *dog*." in words(app)
    assert "You: **1 of 1** right." in words(app)
    assert not [t for t in app.toggle if t.key == "show_truth"]


def test_the_tally_by_hand():
    guesses = [
        Guess(REAL, REAL, REAL),
        Guess(AI, REAL, UNSURE),
        Guess(UNSURE, AI, AI),
        Guess(AI, AI, AI),
        Guess(REAL, None, REAL),  # nobody knows
        Guess(REAL, REAL, None),  # the model has not answered yet
    ]
    assert guess.tally(guesses) == (
        "You: **2 of 4** right (1 can't tell). The model: **3 of 4** right (1 can't tell)."
    )
    assert guess.tally(guesses[4:]) == ""
