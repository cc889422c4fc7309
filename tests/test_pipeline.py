import gc
import io
import json
import os
import shutil
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import encoders
import numpy as np
import pytest
from PIL import Image

from cifake_core import artifacts, images, pipeline
from cifake_core.calibration import Verdict
from cifake_core.errors import ArtifactError, ImageError
from cifake_core.explain import Method
from cifake_core.labels import FAKE, REAL
from cifake_core.samples import samples
from cifake_core.shelf import Shelf
from cifake_core.stability import Stability


def png(pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def noise(height=32, width=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def sample(name):
    return next(s.png for s in samples() if s.name == name)


def test_an_image_of_the_model_s_own_size_gets_a_verdict():
    result = pipeline.analyze(sample("Clouds"))
    calibration = pipeline.load("lens").card.calibration
    assert result.in_domain
    assert result.verdict is calibration.verdict(result.p_fake)
    assert result.p_fake == pytest.approx(float(calibration.p_fake(np.float64(result.logit))))
    assert bool(result.doubts) == (result.verdict is Verdict.UNCERTAIN)
    assert result.notes == ()


def test_the_model_sees_the_pixels_of_the_file():
    pixels = noise()
    np.testing.assert_array_equal(pipeline.analyze(png(pixels)).opened.prepared.pixels, pixels)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_a_file_that_asks_to_be_turned_is_judged_as_stored_and_shown_upright(form):
    stored = encoders.picture()
    plain = pipeline.analyze(encoders.oriented(form, 1))
    result = pipeline.analyze(encoders.oriented(form, 6))
    assert (result.opened.width, result.opened.height) == (48, 40)
    np.testing.assert_array_equal(result.opened.preview, np.rot90(stored, -1))
    np.testing.assert_array_equal(plain.opened.preview, stored)
    np.testing.assert_array_equal(result.opened.prepared.pixels, plain.opened.prepared.pixels)
    assert (result.logit, result.doubts) == (plain.logit, plain.doubts)
    assert result.notes == (images.AS_STORED, *plain.notes)
    assert (result.opened.turned, plain.opened.turned) == (True, False)


def test_a_large_picture_is_shown_upright_too():
    exif = Image.Exif()
    exif[274] = 8
    opened = pipeline.load("lens").open(encoders.encode(noise(600, 1200), "PNG", exif=exif))
    assert opened.preview.shape == (768, 384, 3)
    assert opened.prepared.crop == (300, 0, 600)


def test_a_thorough_look_adds_the_stability_and_nothing_else():
    quick = pipeline.analyze(sample("Clouds"))
    thorough = pipeline.analyze(sample("Clouds"), thorough=True)
    assert quick.stability is None
    assert thorough.stability.kept + len(thorough.stability.lost) == thorough.stability.total
    assert (thorough.verdict, thorough.p_fake) == (quick.verdict, quick.p_fake)
    assert thorough.as_dict()["stability"]["of"] == thorough.stability.total


def test_a_verdict_that_tiny_changes_reverse_is_none(monkeypatch):
    detector = pipeline.Detector("lens")
    analysis = pipeline.analyze(sample("Clouds"), detector)
    assert analysis.verdict is not Verdict.UNCERTAIN
    flipped = Stability(analysis.verdict, 13, ("1 px up",), (), (0.5,) * 14)
    monkeypatch.setattr(pipeline, "stability", lambda *_: flipped)
    again = detector.with_stability(analysis)
    assert again.verdict is Verdict.UNCERTAIN
    assert again.p_fake == analysis.p_fake
    assert "1 px up" in again.doubts[-1]


def test_a_doubt_from_outside_makes_uncertain():
    analysis = pipeline.doubted(pipeline.analyze(sample("Clouds")), "The models disagree.")
    assert analysis.verdict is Verdict.UNCERTAIN
    assert analysis.doubts == ("The models disagree.",)


@pytest.mark.parametrize("shape", [(480, 640), (33, 33), (31, 31), (64, 64), (32, 2000)])
def test_a_resampled_image_gets_no_verdict_and_hears_why(shape):
    result = pipeline.analyze(png(noise(*shape)))
    assert result.verdict is Verdict.UNCERTAIN
    assert not result.in_domain
    assert "exactly 32x32 pixels" in " ".join(result.doubts)
    assert result.notes


def test_reduction_is_told_in_words():
    notes = " ".join(pipeline.analyze(png(noise(320, 640))).notes)
    assert "central 320x320" in notes
    assert "50%" in notes
    assert "10.0-fold" in notes


def test_results_are_frozen():
    result = pipeline.analyze(png(noise()))
    with pytest.raises(AttributeError):
        result.p_fake = 0.0
    with pytest.raises(ValueError, match="read-only"):
        result.opened.prepared.pixels[:] = 0


def test_result_as_json_holds_no_pixels_or_names():
    result = pipeline.analyze(samples()[0].png)
    text = json.dumps(result.as_dict())
    assert len(text) < 2000
    assert json.loads(text)["verdict"] in {"real", "fake", "uncertain"}


@pytest.mark.parametrize("data", [b"", b"<html>", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff" * 9])
def test_bad_bytes_raise_an_image_error(data):
    with pytest.raises(ImageError):
        pipeline.analyze(data)


def test_unknown_model_is_named_as_such():
    with pytest.raises(ArtifactError, match="no model of that name"):
        pipeline.analyze(png(noise()), "no_such")


def test_a_batch_gives_the_same_as_one_by_one():
    detector = pipeline.load("lens")
    files = [png(noise(seed=i)) for i in range(9)] + [png(noise(99, 70))]
    together = detector.judge(detector.open(f) for f in files)
    for one, data in zip(together, files, strict=True):
        alone = pipeline.analyze(data, detector)
        assert one.logit == pytest.approx(alone.logit, abs=1e-4)
        assert one.verdict is alone.verdict
    assert detector.judge([]) == []


def test_many_threads_get_their_own_verdicts():
    files = [png(noise(seed=i)) for i in range(16)]
    expected = [pipeline.analyze(f).logit for f in files]
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda i: pipeline.analyze(files[i % 16]).logit, range(320)))
    np.testing.assert_allclose(got, np.tile(expected, 20), atol=1e-4)


def test_one_process_has_one_detector():
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: id(pipeline.load("lens")), range(32)))
    assert len(found) == 1


@pytest.fixture
def four_models(tmp_path, monkeypatch):
    """Four models a, b, c, d, equal but for their names, and a shelf of our own."""
    monkeypatch.setattr(pipeline, "_shelf", Shelf(pipeline.MODELS_KEPT, pipeline.megabytes))
    shipped = artifacts.ASSETS / "models" / "lens"
    for name in "abcd":
        shutil.copytree(shipped, tmp_path / name)
        card = json.loads((shipped / "card.json").read_text()) | {"name": name}
        (tmp_path / name / "card.json").write_text(json.dumps(card))
    monkeypatch.setenv("CIFAKE_MODELS", str(tmp_path))
    return tmp_path


def test_three_models_stay_in_memory(four_models):
    first = weakref.ref(pipeline.load("a"))
    for name in "bc":
        pipeline.load(name)
    assert first() is pipeline.load("a")
    second = weakref.ref(pipeline.load("b"))
    third = weakref.ref(pipeline.load("c"))
    pipeline.load("a")
    pipeline.load("d")  # b was used longest ago
    gc.collect()
    assert second() is None
    assert first() is not None
    assert third() is not None


def test_a_model_that_has_left_the_shelf_goes_on_for_who_holds_it(four_models):
    held = pipeline.load("a")
    for name in "bcd":
        pipeline.load(name)
    assert pipeline.analyze(png(noise()), held).model == "a"
    assert pipeline.load("a") is held


def test_the_keras_side_goes_with_its_model(four_models, monkeypatch):
    made = []

    class Kept:
        def __init__(self, model, _):
            self.model = model
            made.append(weakref.ref(model))

    explainers_done()  # those of other tests, which would be taken for this one's
    monkeypatch.setattr(pipeline, "Explainer", Kept)
    assert pipeline.load("a").load_explainer().exception() is None
    gc.collect()
    assert made[0]() is not None
    for name in "bcd":
        pipeline.load(name)
    explainers_done()
    gc.collect()
    assert made[0]() is None


def explainers_done():
    for thread in threading.enumerate():
        if thread.name == "explainer":
            thread.join()


def test_a_model_exported_anew_is_loaded_anew(four_models):
    before = pipeline.load("a")
    path = four_models / "a" / "card.json"
    card = json.loads(path.read_text())
    card["calibration"]["bias"] += 1
    path.write_text(json.dumps(card))
    os.utime(path, ns=(0, 0))
    after = pipeline.load("a")
    assert after.card.calibration.bias == pytest.approx(before.card.calibration.bias + 1)


def test_what_is_to_happen_before_keras_happens_first(four_models, monkeypatch):
    order = []
    monkeypatch.setattr(artifacts, "load_keras", lambda _: order.append("keras"))
    monkeypatch.setattr(pipeline, "Explainer", lambda *_: order.append("explainer"))
    pipeline.load("a").load_explainer(lambda: order.append("before")).result()
    assert order == ["before", "keras", "explainer"]


@pytest.mark.parametrize("target", [None, FAKE, REAL])
def test_heatmap_on_request(target):
    result = pipeline.analyze(
        png(noise()), explain=pipeline.Explain(Method.GRADCAM_PLUS_PLUS, target)
    )
    assert result.heatmap.drawn_by is Method.GRADCAM_PLUS_PLUS
    assert result.heatmap.target == (result.leans_to if target is None else target)
    assert min(result.heatmap.values.shape) >= 8


def test_grad_cam_before_and_after_tensorflow_is_the_same_picture():
    data = samples()[1].png
    cold = pipeline.Detector("lens")
    before = pipeline.analyze(data, cold, explain=pipeline.Explain()).heatmap
    assert before.drawn_by is Method.CAM
    cold.load_explainer().result()
    after = pipeline.analyze(data, cold, explain=pipeline.Explain()).heatmap
    assert after.drawn_by is Method.GRADCAM
    np.testing.assert_allclose(before.normalised, after.normalised, atol=2e-3)


def test_cam_of_a_model_without_it_is_one_sentence(monkeypatch):
    detector = pipeline.Detector("lens")
    monkeypatch.setattr(detector.engine, "has_cam", False)
    with pytest.raises(ArtifactError, match="no class activation map"):
        detector.heatmap(noise(), Method.CAM, REAL)


def test_a_failed_explainer_leaves_verdicts_alone_and_can_be_tried_again(monkeypatch):
    detector = pipeline.Detector("lens")
    with monkeypatch.context() as broken:
        broken.setitem(sys.modules, "tf_keras_vis.gradcam", None)
        assert isinstance(detector.load_explainer().exception(), ImportError)
    assert pipeline.analyze(png(noise()), detector).verdict in set(Verdict)
    assert isinstance(detector.load_explainer().exception(), ImportError)  # not at every look
    monkeypatch.setattr(pipeline, "RETRY_SECONDS", 0)
    assert detector.load_explainer().exception() is None


def test_a_failed_explainer_is_logged_once_with_its_reason(monkeypatch, caplog, four_models):
    weights = four_models / "a" / artifacts.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    detector = pipeline.Detector("a")
    for _ in range(3):
        assert isinstance(detector.load_explainer().exception(), ArtifactError)
    (record,) = [r for r in caplog.records if r.name == pipeline.__name__]
    assert "heatmaps of a could not be loaded" in record.getMessage()
    assert "is damaged or was replaced" in str(record.exc_info[1])


def test_a_data_set_file_reaches_the_model_as_it_was_trained_on(real_cifake):
    detector = pipeline.load("lens")
    train = real_cifake.train
    for row in range(0, len(train), 499):
        data = (real_cifake.root / str(train.names[row])).read_bytes()
        opened = detector.open(data)
        np.testing.assert_array_equal(opened.prepared.pixels, train.images[row])


def test_a_strange_image_is_told_why_also_where_its_reading_is_thin():
    detector = pipeline.load("lens")
    assert detector._verdict(0.5, ("It is odd.",)) == (Verdict.UNCERTAIN, ("It is odd.",))
