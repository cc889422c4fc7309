"""Stability with models that are sums done by hand."""

import numpy as np
import pytest

from cifake_core import perturb
from cifake_core.calibration import Calibration, Verdict
from cifake_core.images import decode
from cifake_core.samples import samples
from cifake_core.stability import TINY, stabilities, stability

PLAIN = Calibration(temperature=1, bias=0, real_to=0.1, fake_from=0.9)


def flat(value):
    return np.full((32, 32, 3), value, np.uint8)


def brighter_than(edge, slope):
    """A model whose logit grows with the mean grey level."""
    return lambda batch: slope * (batch.mean(axis=(1, 2, 3)) - edge)


def test_every_change_is_small_and_has_a_name_of_its_own():
    images = np.random.default_rng(5).integers(60, 190, (3, 32, 32, 3), dtype=np.uint8)
    assert 12 <= len({tiny.label for tiny in TINY}) == len(TINY) <= 16
    for tiny in TINY:
        after = tiny.apply(images)
        assert (after.shape, after.dtype) == (images.shape, np.uint8), tiny.label
        assert (after != images).any(axis=(1, 2, 3)).all(), tiny.label
        assert tiny.apply(images[:0]).shape == (0, 32, 32, 3)
    # Nor is any of them next to nothing, which would only add to what is kept.
    for sample in (s for s in samples() if s.credit):  # the photographs
        pixels = decode(sample.png).pixels
        for tiny in TINY:
            moved = np.abs(tiny.apply(pixels[None])[0].astype(int) - pixels).mean()
            assert moved >= 0.5, (sample.name, tiny.label)
    # Of an image without edges, none moves a pixel by more than 3% of the range.
    for tiny in TINY:
        assert np.abs(tiny.apply(images[:1] * 0 + 100).astype(int) - 100).mean() <= 7.7, tiny.label


def test_one_change_reverses_the_verdict():
    found = stability(brighter_than(127.95, 10), PLAIN, flat(129))  # logit 10.5, darker: -40
    assert found.verdict is Verdict.REAL
    assert (found.kept, found.total) == (13, 14)
    assert found.reversed == ("2% darker",)
    assert found.lost == ()
    p_fake = dict(zip((t.label for t in TINY), found.p_fake, strict=True))
    assert p_fake["2% darker"] == pytest.approx(1)
    assert p_fake["mirrored"] == pytest.approx(1 / (1 + np.exp(10.5)))


def test_one_change_leaves_the_verdict_undecided():
    found = stability(brighter_than(124, 1), PLAIN, flat(129))  # logit 5, darker: 0
    assert (found.verdict, found.kept) == (Verdict.REAL, 13)
    assert (found.reversed, found.lost) == ((), ("2% darker",))
    other_way = stability(brighter_than(134, 1), PLAIN, flat(129))
    assert (other_way.verdict, other_way.lost) == (Verdict.FAKE, ("2% brighter",))


def test_of_an_undecided_image_nothing_is_reversed_or_lost():
    found = stability(brighter_than(124, 1), PLAIN, flat(124))  # logit 0, brighter: 5, darker: -5
    assert found.verdict is Verdict.UNCERTAIN
    assert (found.kept, found.reversed, found.lost) == (12, (), ())


def test_changes_of_place_go_where_they_say():
    def first_column(batch):
        return batch[:, :, 0].mean(axis=(1, 2)) - 128.0

    image = flat(0)
    image[:, :16] = 255
    assert stability(first_column, PLAIN, image).reversed == ("mirrored",)
    image = flat(0)
    image[:, 0] = 255  # mirrored at the edge, so that only moving right hides the column
    moved = stability(first_column, PLAIN, image)
    assert set(moved.reversed) == {"1 px to the right", "1 px to the left", "mirrored"}

    def pixel(batch):
        return batch[:, 16, 16].mean(axis=1) - 128.0

    image = flat(0)
    image[17:19, 16] = 255
    assert pixel(TINY[3].apply(image[None]))[0] > 0  # what lies below comes with "1 px up"
    assert set(stability(pixel, PLAIN, image).reversed) == {"1 px up"}


def test_many_images_in_one_batch_are_judged_as_each_for_itself():
    images = np.random.default_rng(2).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    sizes = []

    def model(batch):
        sizes.append(len(batch))
        return 0.3 * batch[:, 3, 5, 1].astype(float) - 40

    together = stabilities(model, PLAIN, images)
    assert sizes == [4 * (1 + len(TINY))]
    assert together == [stability(model, PLAIN, image) for image in images]
    assert stabilities(model, PLAIN, images[:0]) == []


def test_each_change_does_what_it_is_called():
    """As the page tells which of them turn a verdict."""
    images = np.random.default_rng(2).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    by_label = {
        "1 px to the right": perturb.shift(images, 1, 0),
        "1 px to the left": perturb.shift(images, -1, 0),
        "1 px down": perturb.shift(images, 0, 1),
        "1 px up": perturb.shift(images, 0, -1),
        "mirrored": images[:, :, ::-1],
        "JPEG 95": perturb.jpeg(images, 95),
        "JPEG 90": perturb.jpeg(images, 90),
        "noise 1%": perturb.noise(images, 0.01, 0),
        "other noise 1%": perturb.noise(images, 0.01, 1),
        "blur 0.4 px": perturb.blur(images, 0.4),
        "2% brighter": perturb.brightness(images, 0.02),
        "2% darker": perturb.brightness(images, -0.02),
        "5% less contrast": perturb.contrast(images, 0.95),
        "5% more contrast": perturb.contrast(images, 1.05),
    }
    assert [tiny.label for tiny in TINY] == list(by_label)
    for tiny in TINY:
        np.testing.assert_array_equal(tiny.apply(images), by_label[tiny.label], tiny.label)
