"""What callers of the library may hand over, and what they hear of the rest."""

from __future__ import annotations

import numpy as np
import pytest

from cifake_core import pipeline
from cifake_core.errors import ArtifactError
from cifake_core.explain import Method, from_cam
from cifake_core.labels import FAKE, REAL
from cifake_core.pipeline import Explain
from cifake_core.samples import samples

PNG = samples()[0].png


@pytest.mark.parametrize("target", ["REAL", "FAKE", 2, -1, 0.5])
def test_what_is_no_label_gets_no_heatmap(target):
    detector = pipeline.load()
    pixels = np.zeros((32, 32, 3), np.uint8)
    for ask in (
        lambda: Explain(Method.CAM, target),
        lambda: from_cam(np.ones((2, 2)), Method.CAM, target),
        lambda: detector.heatmap(pixels, Method.CAM, target),
        lambda: detector.heatmap(pixels, Method.OCCLUSION, target),
    ):
        with pytest.raises(ValueError, match="not for"):
            ask()


def test_a_method_may_be_named_by_its_word():
    assert Explain("occlusion").method is Method.OCCLUSION
    with pytest.raises(ValueError, match="lime"):
        Explain("lime")
    detector = pipeline.load()
    pixels = detector.open(PNG).prepared.pixels
    for target in (FAKE, REAL):
        named, meant = (detector.heatmap(pixels, m, target) for m in ("cam", Method.CAM))
        assert named.method is Method.CAM
        assert np.array_equal(named.values, meant.values)
    with pytest.raises(ValueError, match="lime"):
        detector.heatmap(pixels, "lime", FAKE)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_bytes_of_every_kind_are_judged(kind):
    given, plain = pipeline.analyze(kind(PNG)), pipeline.analyze(PNG)
    assert given.as_dict() == plain.as_dict()


def test_a_name_in_place_of_bytes_is_said():
    with pytest.raises(TypeError, match="bytes of an image file are wanted, not str"):
        pipeline.analyze("x.png")


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "../lens", ""])
def test_what_can_be_no_name_is_no_model(name):
    with pytest.raises(ArtifactError, match="no model of that name"):
        pipeline.load(name)


@pytest.mark.parametrize(
    "pixels", [np.zeros((32, 32, 3)), np.zeros((64, 64, 3), np.uint8), np.zeros((32, 32), np.uint8)]
)
def test_pixels_of_another_kind_are_said(pixels):
    with pytest.raises(ValueError, match="The model takes uint8 of shape"):
        pipeline.load().answer(pixels, False)


def test_what_holds_arrays_is_equal_to_itself_alone():
    one, other = (pipeline.analyze(PNG, explain=Explain(Method.CAM)) for _ in range(2))
    for a, b in (
        (one, other),
        (one.opened, other.opened),
        (one.opened.prepared, other.opened.prepared),
        (one.heatmap, other.heatmap),
    ):
        assert a == a
        assert a != b
        assert len({a, b, a}) == 2


def test_a_large_batch_is_read_in_parts_and_in_order(monkeypatch):
    detector = pipeline.load()
    two = [detector.open(sample.png) for sample in samples()[:2]]
    alone = [detector.judge([opened])[0].logit for opened in two]
    assert abs(alone[0] - alone[1]) > 0.1
    read, sizes = detector._read, []

    def noted(pixels):
        sizes.append(len(pixels))
        return read(pixels)

    monkeypatch.setattr(detector, "_read", noted)
    found = detector.judge(two[i % 2] for i in range(300))
    assert sizes == [256, 44]
    assert [a.logit for a in found] == pytest.approx(alone * 150, abs=1e-3)
    assert detector.judge([]) == []
