"""Every page run by Streamlit's own AppTest, without a browser."""

import asyncio
import base64
import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import encoders
import hostile
import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from cifake_core import images, pipeline, render
from cifake_core.artifacts import read_card
from cifake_core.calibration import Verdict
from cifake_core.explain import Method
from cifake_core.labels import FAKE
from cifake_core.metrics import auroc
from cifake_core.samples import samples
from cifake_core.stability import Stability
from pages.parts import engine, evidence

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = ("photograph", "AI-generated", "Can't tell")


@pytest.fixture
def app(monkeypatch):
    st.cache_data.clear()  # all AppTests are one session
    monkeypatch.chdir(ROOT)
    yield AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=60)
    st.cache_data.clear()


def words(app) -> str:
    kinds = ("title", "header", "subheader", "markdown", "caption", "info", "warning", "error")
    return " ".join(element.value for kind in kinds for element in app.get(kind))


def press_sample(app, name):
    (number,) = [i for i, sample in enumerate(samples()) if sample.name == name]
    return app.button(f"sample{number}").click().run()


@pytest.mark.parametrize(
    ("program", "headless", "expected"),
    [("/x/streamlit_app.py", False, ["http://localhost:8501/"]), ("/x/streamlit_app.py", True, []),
     ("/x/uvicorn", False, [])],
)  # fmt: skip
def test_the_start_opens_a_browser(program, headless, expected, monkeypatch):
    import streamlit_app

    opened = []
    monkeypatch.setattr(streamlit_app.webbrowser, "open", opened.append)
    monkeypatch.setattr(streamlit_app, "SECONDS", 0)
    monkeypatch.setattr(sys, "argv", [program])
    options = {"server.headless": headless, "server.port": 8501}
    real = st.get_option
    monkeypatch.setattr(st, "get_option", lambda key: options.get(key, real(key)))

    async def served():
        async with streamlit_app.lifespan(streamlit_app.app):
            await asyncio.sleep(0.2)

    asyncio.run(served())
    assert opened == expected


def test_first_page_says_what_it_does(app):
    app.run()
    assert not app.exception
    assert app.title[0].value == "Real or AI-generated?"
    assert not app.error


@pytest.mark.parametrize("name", [s.name for s in samples()])
def test_every_sample_gets_an_answer(app, name):
    press_sample(app.run(), name)
    assert not app.exception
    assert any(answer in app.header[0].value for answer in ANSWERS)
    photographs = [s.name for s in samples() if s.credit]
    shown = words(app) + " ".join(box.value for box in app.warning)
    assert ("A photograph (" if name in photographs else "drawn by arithmetic") in shown
    # Of the drawings only random clouds have the spectrum and the compression of the data set's
    # images.
    known = [*photographs, "Clouds"]
    assert ("Probability of AI-generated" in words(app)) == (name in known)
    assert ("Can't tell" in app.header[0].value) == (name not in known)
    # A verdict on a drawing is wrong and so is “AI-generated” on a photograph. A box says so.
    wrong = name in known and not (name in photographs and "Real" in app.header[0].value)
    assert any("is a mistake" in box.value for box in app.warning) == wrong


def test_the_shipped_model_is_right_and_wrong_on_photographs_that_are_not_of_cifake(app):
    """The lesson of the first page: one that it knows, one that it is sure of and wrong."""
    app.run()
    for name in ("Cat", "Rocket"):
        press_sample(app, name)
        assert "Real: a photograph" in app.header[0].value
        assert not app.warning
    press_sample(app, "Astronaut")
    assert "AI-generated" in app.header[0].value
    assert "is a mistake" in app.warning[0].value


def test_the_raw_reading_of_a_strange_image_is_behind_a_click(app):
    press_sample(app.run(), "Rings")
    assert "raw reading" not in words(app)
    (raw,) = [t for t in app.toggle if t.key and t.key.startswith("raw-")]
    raw.set_value(True).run()
    assert "raw reading" in words(app)
    assert "not a verdict" in words(app)


@pytest.mark.parametrize(
    ("thresholds", "reason"),
    [
        (
            {"real_to": 0.0, "fake_from": 1.0},
            "% for real is not enough for an answer: this model needs",
        ),
        ({}, "means nothing to a person turns the verdict round: mirrored, JPEG 90."),
    ],
    ids=["thin", "shaky"],
)
def test_cant_tell_comes_with_its_reason(app, monkeypatch, thresholds, reason):
    model = pipeline.load("lens")
    calibration = replace(model.card.calibration, **thresholds)
    monkeypatch.setattr(model, "card", replace(model.card, calibration=calibration))
    if not thresholds:
        shaky = Stability(Verdict.REAL, 12, ("mirrored", "JPEG 90"), (), (0.0,) * 14)
        monkeypatch.setattr(pipeline, "stability", lambda *_: shaky)
    press_sample(app.run(), "Clouds")
    assert "Can't tell" in app.header[0].value
    (warning,) = [w.value for w in app.warning]
    assert reason in warning


def test_what_an_answer_promises_is_said(app):
    press_sample(app.run(), "Clouds")
    error = read_card("lens").raw["calibration"]["promised_error"]
    said = " ".join(words(app).split())
    assert f"Of {1 / error:.0f} real photographs like those of CIFAKE at most about one is" in said


def test_the_stability_of_a_verdict_is_shown(app):
    press_sample(app.run(), "Clouds")
    assert "14 of 14 small changes keep the reading" in " ".join(
        b.value for b in app.get("markdown")
    )


def test_large_image_is_told_about_its_size(app):
    press_sample(app.run(), "Large sunset")
    assert "Can't tell" in app.header[0].value
    assert "reduced 15.0-fold" in words(app)


def drawn(app) -> list:
    """Every picture on the page as (H, W, 3) uint8, in order, with its caption."""
    found = [picture for element in app.get("image") for picture in element.proto.imgs]
    data = [base64.b64decode(picture.url.partition(",")[2]) for picture in found]
    return [
        (np.asarray(Image.open(io.BytesIO(png)).convert("RGB")), picture.caption)
        for png, picture in zip(data, found, strict=True)
    ]


def test_a_picture_that_asks_to_be_turned_is_shown_upright_and_judged_as_stored(app):
    stored = encoders.picture(32, 32)
    data = encoders.png_array(stored, 2, encoders.chunk(b"eXIf", encoders.exif(6)))
    app.run().file_uploader[0].upload("phone.png", data, "image/png").run()
    assert not app.exception
    assert [box.value for box in app.info].count(images.AS_STORED) == 1
    (shown,) = [p for p, caption in drawn(app) if "turned or mirrored, as the file" in caption]
    (seen,) = [p for p, caption in drawn(app) if caption.startswith("What the model sees")]
    np.testing.assert_array_equal(shown, render.enlarge(np.rot90(stored, -1)))
    np.testing.assert_array_equal(seen, render.enlarge(stored))
    app.switch_page("explain/what_if.py").run()
    assert not app.exception
    assert images.AS_STORED in [caption.value for caption in app.caption]


def test_an_image_that_asks_for_no_turn_hears_nothing_of_it(app):
    press_sample(app.run(), "Clouds")
    assert images.AS_STORED not in words(app)
    assert not [caption for _, caption in drawn(app) if "turned" in caption]


def test_upload_then_hostile_upload_then_upload(app):
    app.run()
    app.file_uploader[0].upload("sunset.png", samples()[0].png, "image/png").run()
    assert app.header
    first = app.header[0].value
    for name, make in list(hostile.HOSTILE.items())[:6]:
        data = make[0]() if isinstance(make, tuple) else make()
        app.file_uploader[0].upload(f"{name}.jpg", data, "image/jpeg").run()
        assert not app.exception, name
        assert len(app.error) == 1, name
        assert not app.header, name
    app.file_uploader[0].upload("sunset.png", samples()[0].png, "image/png").run()
    assert app.header[0].value == first


def test_heatmap_controls_work(app):
    press_sample(app.run(), "Ball")
    app.slider(key="opacity").set_value(90).run()
    app.selectbox(key="colours").set_value("cividis").run()
    assert not app.exception
    assert app.slider(key="opacity").value == 90


def test_a_run_of_a_page_leaves_kerass_session_alone(app):
    """Streamlit would clear it after every run, under everybody's heatmaps."""
    press_sample(app.run(), "Ball")
    engine.load_heatmaps(engine.detector()).result()
    import keras

    before = keras.layers.Flatten().name
    app.run()
    assert keras.layers.Flatten().name != before, "names are counted anew after clearing"


def test_choices_survive_other_images_and_other_pages(app):
    press_sample(app.run(), "Ball")
    app.slider(key="opacity").set_value(90).run()
    app.selectbox(key="colours").set_value("cividis").run()
    app.segmented_control(key="method").set_value(Method.GRADCAM_PLUS_PLUS).run()
    press_sample(app, "Rings")
    app.switch_page("study/dataset.py").run()
    app.switch_page("check/one_image.py").run()
    assert not app.exception
    assert app.slider(key="opacity").value == 90
    assert app.selectbox(key="colours").value == "cividis"
    assert app.segmented_control(key="method").value == Method.GRADCAM_PLUS_PLUS


def test_dataset_page(app):
    app.run().switch_page("study/dataset.py").run()
    assert not app.exception
    assert app.title[0].value == "The data set"
    assert {m.value for m in app.metric} >= {"50,000", "10,000", "378", "920", "38"}
    assert "hardly a cue" in words(app)
    assert "partly cancel out" in words(app)
    near = evidence.read("dataset")["nearly_in_train"]
    assert (
        f"Beside these, {near['REAL']} photographs and {near['FAKE']} AI-generated images of test "
        "are nearly the same as one of train" in words(app)
    )
    assert "not on this machine" in words(app)
    counts = evidence.read("dataset")["histograms"]["file_size"]["counts"]
    for word, larger in (("cat", "AI-generated images"), ("bird", "Photographs")):
        app.selectbox(key="size-class").set_value(word).run()
        assert not app.exception
        kinds = [counts[f"train/{label}/{word}"] for label in ("REAL", "FAKE")]
        sizes = [np.repeat(np.arange(len(kind)), kind) for kind in kinds]
        chance = auroc(np.concatenate(sizes), np.repeat([False, True], [len(s) for s in sizes]))
        assert f"Within *{word}*: {larger} tend to be the larger files" in words(app)
        assert f"a chance of **{max(chance, 1 - chance):.2f}**" in words(app)


def test_dataset_page_browses_a_small_set(app, tiny_cifake, monkeypatch):
    from cifake_core import dataset
    from pages.parts import data_source

    data = dataset.load(tiny_cifake)
    monkeypatch.setattr(data_source, "opened", lambda: data)
    app.run().switch_page("study/dataset.py").run()
    assert not app.exception
    app.selectbox(key="browse-class").set_value("truck").run()
    assert not app.exception
    assert "not on this machine" not in words(app)
    app.segmented_control(key="browse-kind-2").set_value(FAKE).run()
    app.number_input(key="browse-number-10").set_value(3)
    (check,) = [b for b in app.button if b.label == "Check this one"]
    check.click().run()
    assert not app.exception
    assert app.title[0].value == "Real or AI-generated?"
    trucks = np.flatnonzero((data.train.classes == 9) & (data.train.labels == FAKE))
    given = app.session_state["source"]
    assert given.data == (tiny_cifake / data.train.names[trucks[2]]).read_bytes()
    assert (given.truth, given.class_word) == (FAKE, "truck")
    held_out = trucks[2] in dataset.validation_indices(data.train)
    assert bool(given.remark) != held_out


def test_first_paint_and_first_verdict_import_no_tensorflow():
    """TensorFlow is asked for only after the verdict; here the asking is held back."""
    code = """
import sys
from concurrent.futures import Future
from streamlit.testing.v1 import AppTest
from cifake_core import pipeline
asked = []
pending = Future()
pipeline.Detector.load_explainer = lambda self, before=None: asked.append(1) or pending
app = AppTest.from_file("pages/router.py", default_timeout=60).run()
assert not app.exception and not asked
app.button("sample0").click().run()
assert not app.exception and app.header and asked
assert any("is still loading" in c.value for c in app.caption)
heavy = {"tensorflow", "keras", "tf_keras_vis"} & set(sys.modules)
assert not heavy, heavy
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]


def test_damaged_model_is_one_sentence(app, monkeypatch, tmp_path):
    monkeypatch.setenv("CIFAKE_MODELS", str(tmp_path))
    app.run()
    assert not app.exception
    assert "model cannot be used" in app.error[0].value
