"""The page that changes an image, and the stability badge."""

import json
import re
import shutil
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import hostile
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cifake_core import pipeline
from cifake_core.artifacts import ASSETS
from cifake_core.calibration import Verdict
from cifake_core.perturb import FILLS
from cifake_core.samples import samples
from cifake_core.stability import Stability
from cifake_core.what_if import changes
from pages.parts import stability
from pages.parts.words import HEADLINES, percent

ROOT = Path(__file__).resolve().parents[2]
CHANGES = {change.name: change for change in changes(32)}
CLOUDS = next(s.png for s in samples() if s.name == "Clouds")


@pytest.fixture
def app(monkeypatch):
    st.cache_data.clear()  # all AppTests are one session
    monkeypatch.chdir(ROOT)
    app = AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=60)
    yield app.run().switch_page("explain/what_if.py").run()
    st.cache_data.clear()


def press(app, name="Ball"):
    (number,) = [i for i, sample in enumerate(samples()) if sample.name == name]
    return app.button(f"sample{number}").click().run()


def pick(app, change):
    return app.pills(key="what_if_change").set_value(change.title).run()


def ask_for_the_reading(app):
    (raw,) = [toggle for toggle in app.toggle if toggle.key.startswith("raw-")]
    return raw.set_value(True).run()


def captions(app) -> list[str]:
    return [picture.caption for element in app.get("image") for picture in element.proto.imgs]


def words(app) -> str:
    kinds = ("title", "header", "markdown", "caption", "info", "warning", "error")
    return " ".join(element.value for kind in kinds for element in app.get(kind))


def test_page_says_what_it_does_before_there_is_an_image(app):
    assert not app.exception
    assert app.title[0].value == "What if?"
    assert "Change an image" in words(app)
    assert not app.select_slider


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_from_end_to_end(app, change):
    pick(press(app, "Clouds"), change)
    for setting in (change.settings[0], change.settings[-1]):
        app.select_slider(key=f"what_if_{change.name}_32").set_value(setting).run()
        assert not app.exception
        assert len(app.get("plotly_chart")) == 1
        unchanged = setting == change.neutral and change.name != "jpeg"
        assert ("no pixel is changed" in words(app)) == unchanged, setting


def test_changed_readings_are_those_of_the_changed_pixels(app):
    pick(press(app, "Clouds"), CHANGES["crop"])
    detector = pipeline.load("lens")
    pixels = detector.open(CLOUDS).prepared.pixels
    app.select_slider(key="what_if_crop_32").set_value(9)
    app.toggle(key="what_if_cover").set_value(True).run()
    app.slider(key="what_if_across_32").set_value((0, 30))
    app.slider(key="what_if_down_32").set_value((2, 8))
    app.segmented_control(key="what_if_fill").set_value("black").run()
    assert not app.exception
    changed = CHANGES["crop"].apply(pixels[None], 9)
    changed[:, 2:8, :30] = 0
    p_fake = detector.card.calibration.p_fake(detector.engine.logits(changed))[0]
    pictures = [picture for element in app.get("image") for picture in element.proto.imgs]
    (shown,) = [p for p in pictures if p.alt.startswith("Changed: the 32x32 pixels")]
    assert shown.caption == f"the model's reading: {percent(p_fake)} AI-generated"
    assert "With that part covered" in words(app)


@pytest.mark.parametrize("fill", FILLS)
def test_all_or_nothing_may_be_covered(app, fill):
    press(app).pills(key="what_if_change").set_value("Nothing").run()
    assert "no pixel is changed" in words(app)
    assert not app.get("plotly_chart")
    app.toggle(key="what_if_cover").set_value(True).run()
    app.segmented_control(key="what_if_fill").set_value(fill)
    for span in ((0, 32), (5, 5)):
        app.slider(key="what_if_across_32").set_value(span).run()
        assert not app.exception
        assert ("no pixel is changed" in words(app)) == (span == (5, 5))


def test_hostile_upload_is_one_sentence_and_the_next_image_works(app):
    for name, make in list(hostile.HOSTILE.items())[:4]:
        data = make[0]() if isinstance(make, tuple) else make()
        app.file_uploader[0].upload(f"{name}.jpg", data, "image/jpeg").run()
        assert not app.exception, name
        assert len(app.error) == 1, name
        assert not app.select_slider
    press(app)
    assert not app.error
    assert app.select_slider


def test_the_changed_image_gets_the_answer_that_it_would_get_as_a_file(app):
    """Noise on it: the reading stays sure, but the app would turn such a file away."""
    pick(press(app, "Clouds"), CHANGES["noise"])
    app.select_slider(key="what_if_noise_32").set_value(0.0).run()
    assert words(app).count(HEADLINES[Verdict.REAL]) == 2
    assert "Why no" not in words(app)
    app.select_slider(key="what_if_noise_32").set_value(0.03).run()
    detector = pipeline.load("lens")
    pixels = detector.open(CLOUDS).prepared.pixels
    _, verdict, reasons = detector.answer(
        CHANGES["noise"].apply(pixels[None], 0.03)[0], thorough=True
    )
    assert verdict is Verdict.UNCERTAIN
    assert words(app).count(HEADLINES[Verdict.REAL]) == 1
    assert words(app).count(HEADLINES[Verdict.UNCERTAIN]) == 1
    assert f"Why none to the changed image: {' '.join(reasons)}" in words(app)
    assert "faint traces" in words(app)
    assert "the change made on this page: it wiped those traces out" in words(app)
    press(app, "Rings")  # this one never had them
    assert "faint traces" in words(app)
    assert "wiped" not in words(app)


@pytest.mark.parametrize(
    ("thresholds", "reason"),
    [({"real_to": 0.0, "fake_from": 1.0}, "not enough"), ({}, "turns the verdict round: mirrored")],
)
def test_an_image_as_it_is_gets_one_answer_and_its_reason(app, monkeypatch, thresholds, reason):
    """The two pictures of an unchanged image are one picture."""
    detector = pipeline.load("lens")
    monkeypatch.setattr(
        detector,
        "card",
        replace(detector.card, calibration=replace(detector.card.calibration, **thresholds)),
    )
    if not thresholds:
        shaky = Stability(Verdict.REAL, 13, ("mirrored",), (), (0.0,) * 14)
        monkeypatch.setattr(pipeline, "stability", lambda *_: shaky)
    pick(press(app, "Clouds"), CHANGES["noise"])
    app.select_slider(key="what_if_noise_32").set_value(0.0).run()
    assert not app.exception
    assert words(app).count(HEADLINES[Verdict.UNCERTAIN]) == 2
    (why,) = [c.value for c in app.caption if "Why no answer to either" in c.value]
    assert reason in why


def test_a_large_image_is_read_with_a_warning(app, monkeypatch):
    press(app, "Large sunset")
    assert not app.exception
    assert "Only images of exactly 32x32 pixels" in words(app)
    assert "not a verdict to rely on" in words(app)
    assert "Why no answer to either: Only images of exactly" in words(app)
    assert app.select_slider
    # Also of models that would be sure of what it shrinks to.
    monkeypatch.setattr(pipeline.Detector, "answer", lambda *_, **__: (0.01, Verdict.REAL, ()))
    app.toggle(key="ask_all").set_value(True).run()
    assert not app.exception
    answers = [cell for row in app.table[0].value.itertuples(index=False) for cell in row[1:]]
    assert set(answers) == {"can't tell"}
    ask_for_the_reading(app)
    assert not app.exception
    answers = [cell for row in app.table[0].value.itertuples(index=False) for cell in row[1:]]
    assert all(cell.startswith("can't tell (reading ") for cell in answers)
    assert "As it is, the model's reading is" in words(app)


@pytest.mark.parametrize("name", ["Large sunset", "Rings"])
def test_numbers_on_a_strange_image_are_behind_a_click(app, name):
    press(app, name)
    assert "would look like an answer" in words(app)
    assert "reading: " not in " ".join(captions(app))
    assert "% AI-generated" not in words(app)
    assert not app.get("plotly_chart")
    ask_for_the_reading(app)
    assert not app.exception
    assert "not a verdict" in words(app)
    assert sum("the model's reading: " in caption for caption in captions(app)) == 2
    assert len(app.get("plotly_chart")) == 1
    press(app, "Clouds")
    assert "raw-" not in "".join(toggle.key for toggle in app.toggle)
    assert len(app.get("plotly_chart")) == 1


def test_heatmaps_say_who_drew_them_and_whether_to_believe_them(app, monkeypatch):
    press(app, "Clouds")
    assert any("Drawn by CAM; a method can be wrong." in caption for caption in captions(app))
    (link,) = app.get("page_link")
    assert link.proto.label == "Can you believe a heatmap?"
    pipeline.load("lens").load_explainer().result()
    monkeypatch.setattr(pipeline.load("lens").engine, "has_cam", False)
    app.run()
    assert any("Drawn by Grad-CAM; a method" in caption for caption in captions(app))


def test_words_and_curve_hear_of_the_gate_as_the_verdict_does(app):
    """Under blur the reading stays; the app turns the picture away, and so must the words."""
    pick(press(app, "Clouds"), CHANGES["blur"])
    assert words(app).count(HEADLINES[Verdict.UNCERTAIN]) == 1
    assert re.search(
        r"From blur 0\.\d px up the answer is \*can't tell\*, because it is no longer like the "
        "images of CIFAKE",
        words(app),
    )
    assert "by the readings alone, however strange the image is? As it is, the model's" in words(
        app
    )
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    traces = {trace.get("name"): trace for trace in figure["data"]}
    assert len(traces["unlike CIFAKE"]["customdata"]) > 20
    assert len(traces["flip"]["customdata"]) >= 1


def test_choices_survive_other_images_and_other_pages(app):
    pick(press(app), CHANGES["noise"])
    app.select_slider(key="what_if_noise_32").set_value(0.12).run()
    press(app, "Rings")
    app.switch_page("study/dataset.py").run()
    app.switch_page("explain/what_if.py").run()
    assert not app.exception
    assert app.select_slider(key="what_if_noise_32").value == 0.12


def test_every_model_is_asked_and_a_damaged_one_says_so(app, tmp_path, monkeypatch):
    for name, bias in (("lens", 3.0), ("paper_cnn", -3.0), ("resnet50", 0.0)):
        folder = shutil.copytree(ASSETS / "models" / "lens", tmp_path / name)
        card = json.loads((folder / "card.json").read_text())
        card |= {"name": name, "title": f"{name}: a title"}
        # A large temperature leaves the bias alone to decide, whatever the image.
        card["calibration"] |= {"temperature": 1e6, "bias": bias, "real_to": 0.1, "fake_from": 0.9}
        (folder / "card.json").write_text(json.dumps(card))
    (tmp_path / "resnet50" / "model.onnx").write_bytes(b"")
    monkeypatch.setenv("CIFAKE_MODELS", str(tmp_path))
    press(app, "Clouds").pills(key="what_if_change").set_value("Nothing").run()
    assert "Stable: 14 of 14 small changes keep the reading" in words(app)
    app.toggle(key="ask_all").set_value(True).run()
    assert not app.exception

    def rows():
        return {r[0]: r[1:] for r in app.table[0].value.itertuples(index=False)}

    assert rows()["**lens**, picked"] == ("real (reading 4.7%)", "real (reading 4.7%)")
    assert "Both answers are by `lens` alone" in words(app)
    assert "is damaged" in rows()["resnet50"][0]
    # With noise, each model's gate turns it away; the reading is what it was.
    pick(app, CHANGES["noise"])
    assert rows()["**lens**, picked"] == ("real (reading 4.7%)", "can't tell (reading 4.7%)")
    assert rows()["paper_cnn"] == ("AI-generated (reading 95.3%)", "can't tell (reading 95.3%)")


def test_a_model_without_cam_says_what_its_heatmaps_wait_for(app, monkeypatch):
    pending = Future()
    load = pipeline.load

    def without_cam(name):
        model = load(name)
        monkeypatch.setattr(model.engine, "has_cam", False)
        monkeypatch.setattr(model, "_explainer", pending)
        return model

    monkeypatch.setattr(pipeline, "load", without_cam)
    press(app)
    assert not app.exception
    assert "Heatmaps of this model need TensorFlow, which is loading" in words(app)
    pending.set_exception(ImportError("no TensorFlow"))
    app.run()
    assert not app.exception
    assert "TensorFlow could not be loaded" in words(app)


@pytest.mark.parametrize(
    ("found", "headline", "detail"),
    [
        (
            Stability(Verdict.REAL, 14, (), (), (0.0,) * 14),
            "Stable: 14 of 14 small changes keep the reading",
            "reading of it as it is: *real*",
        ),
        (
            Stability(Verdict.FAKE, 11, ("mirrored",), ("JPEG 95", "JPEG 90"), (1.0,) * 14),
            "Shaky: 11 of 14 small changes keep the reading",
            "**Turned into its opposite** by mirrored.\n\n**Made “can't tell”** by JPEG 95 and "
            "JPEG 90.",
        ),
        (
            Stability(Verdict.UNCERTAIN, 12, (), (), (0.5,) * 14),
            "Undecided: 12 of 14 small changes leave it so",
            "2 of them would bring a verdict.",
        ),
    ],
)
def test_stability_in_words(found, headline, detail):
    assert stability.headline(found) == headline
    assert detail in stability.details(found)
