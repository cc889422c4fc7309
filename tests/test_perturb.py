"""The changes against sums done by hand: what each does to which pixel."""

import math

import numpy as np
import pytest

from cifake_core import perturb
from cifake_core.perturb import STRESS, TRANSFORMS

RNG = np.random.default_rng(3)
IMAGES = RNG.integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)


def flat(value, count=1, size=32):
    return np.full((count, size, size, 3), value, np.uint8)


def smooth():
    """(1, 32, 32, 3): red grows to the right, green downwards, blue along the diagonal."""
    y, x = np.mgrid[0:32, 0:32]
    return np.stack([x * 7, y * 7, (x + y) * 3], -1)[None].astype(np.uint8)


@pytest.mark.parametrize("change", STRESS, ids=lambda c: c.label)
def test_every_change_gives_a_new_batch_of_the_same_kind(change):
    before = IMAGES.copy()
    before.flags.writeable = False
    after = change.apply(before)
    assert after.shape == before.shape
    assert after.dtype == np.uint8
    assert not np.shares_memory(after, before)
    assert (after != before).any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(after, change.apply(before))
    assert change.apply(before[:0]).shape == (0, 32, 32, 3)


def test_jpeg_keeps_colours_in_their_place_and_loses_more_at_lower_quality():
    red = flat(0)
    red[..., 0] = 200
    assert np.abs(perturb.jpeg(red, 90).astype(int) - red).max() <= 4
    losses = [np.abs(perturb.jpeg(IMAGES, q).astype(int) - IMAGES).mean() for q in (95, 75, 30)]
    assert losses[0] < losses[1] < losses[2]


def test_noise_has_its_sigma_and_follows_the_seed():
    grey = flat(128, 20)
    spread = (perturb.noise(grey, 0.1).astype(float) - 128).std()
    assert spread == pytest.approx(25.5, rel=0.02)
    assert abs(perturb.noise(grey, 0.1).mean() - 128) < 0.3
    assert (perturb.noise(grey, 0.1, seed=1) != perturb.noise(grey, 0.1, seed=2)).any()
    one, other = perturb.noise(grey[:2], 0.1)
    assert (one != other).any()
    assert perturb.noise(flat(255), 0.1).max() == 255
    np.testing.assert_array_equal(perturb.noise(IMAGES, 0.0), IMAGES)


@pytest.mark.parametrize("sigma", [0.6, 1.0])
def test_blur_spreads_a_dot_as_a_gaussian_and_mirrors_at_edges(sigma):
    dot = flat(0)
    dot[0, 16, 16] = 255
    reach = np.arange(-3, 4)
    kernel = np.exp(-(reach**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    spread = perturb.blur(dot, sigma)[0, 13:20, 13:20, 1]
    assert np.abs(spread - 255 * np.outer(kernel, kernel)).max() <= 2
    assert perturb.blur(dot, sigma)[0, 16, 16, 0] < 255
    np.testing.assert_array_equal(perturb.blur(flat(90), sigma), flat(90))
    # A white column beside the edge counts twice for the pixel at the edge.
    column = flat(0)
    column[0, :, 1] = 255
    assert perturb.blur(column, sigma)[0, 16, 0, 0] == pytest.approx(2 * 255 * kernel[4], abs=2)


def test_brightness_adds_a_share_of_the_range_and_cuts():
    values = np.array([0, 100, 200, 240], np.uint8).reshape(1, 2, 2, 1).repeat(3, -1)
    brighter, darker = (perturb.brightness(values, c)[..., 0].ravel() for c in (0.2, -0.2))
    assert brighter.tolist() == [51, 151, 251, 255]
    assert darker.tolist() == [0, 49, 149, 189]


def test_contrast_scales_the_distance_from_128_and_cuts():
    values = np.array([0, 28, 128, 228], np.uint8).reshape(1, 2, 2, 1).repeat(3, -1)
    softer, harder = (perturb.contrast(values, f)[..., 0].ravel() for f in (0.75, 1.25))
    assert softer.tolist() == [32, 53, 128, 203]
    assert harder.tolist() == [0, 3, 128, 253]
    np.testing.assert_array_equal(perturb.contrast(IMAGES, 0), np.full_like(IMAGES, 128))


def test_shift_moves_right_and_down_and_mirrors_what_comes_in():
    image = smooth()
    moved = perturb.shift(image, 3, 1)
    np.testing.assert_array_equal(moved[0, 1:, 3:], image[0, :-1, :-3])
    assert moved[0, 5, :4, 0].tolist() == [21, 14, 7, 0]
    np.testing.assert_array_equal(moved[0, 0, 3:], image[0, 1, :-3])
    back = perturb.shift(image, -3, 0)
    np.testing.assert_array_equal(back[0, :, :-3], image[0, :, 3:])
    assert back[0, 5, -4:, 0].tolist() == [217, 210, 203, 196]
    np.testing.assert_array_equal(perturb.shift(image, 0, 0), image)


def test_resize_averages_areas_and_then_draws_lines_between():
    stripes = flat(0)
    stripes[:, :, ::2] = 200  # halving averages each pair of columns
    np.testing.assert_array_equal(perturb.resize(stripes, 16), flat(100))
    halves = flat(0, size=4)
    halves[:, :, 2:] = 160  # two columns of 0 and 160, then linear at 1/4 and 3/4 between
    assert perturb.resize(halves, 2)[0, 0, :, 0].tolist() == [0, 40, 120, 160]
    np.testing.assert_array_equal(perturb.resize(IMAGES, 32), IMAGES)


def test_settings_are_those_that_results_are_published_for():
    by_transform = {}
    for change in STRESS:
        by_transform.setdefault(change.transform, []).append(change.setting)
        assert change.unit
    assert by_transform.keys() == TRANSFORMS.keys()
    assert by_transform["jpeg"] == [90, 75, 50, 40, 30]
    assert by_transform["noise"] == [0.02, 0.04, 0.10]
    assert by_transform["blur"] == [0.4, 0.6, 1.0]
    assert math.isclose(sum(by_transform["brightness"]), 0, abs_tol=1e-12)
    assert by_transform["resize"] == [28]
    labels = [change.label for change in STRESS]
    assert len(set(labels)) == len(labels)
    assert {"JPEG 40", "noise 0.10", "blur 0.6"} <= set(labels)


def test_crop_enlarges_the_central_window_by_lines():
    image = flat(7, size=4)
    image[:, 1:3, 1], image[:, 1:3, 2] = 0, 160  # the window's two columns, at 1/4 and 3/4 between
    np.testing.assert_array_equal(perturb.crop(image, 2)[0, :, :, 0], [[0, 40, 120, 160]] * 4)
    np.testing.assert_array_equal(perturb.crop(IMAGES, 32), IMAGES)
    # No pixel of an even number is in the middle: the one before it is taken.
    one = IMAGES[:, 15:16, 15:16]
    np.testing.assert_array_equal(perturb.crop(IMAGES, 1), np.broadcast_to(one, IMAGES.shape))
    assert perturb.crop(IMAGES[:0], 8).shape == (0, 32, 32, 3)
    for side in (0, 33):
        with pytest.raises(ValueError, match="no window"):
            perturb.crop(IMAGES, side)


def test_cover_hides_the_rectangle_and_nothing_else():
    inside = np.zeros((32, 32), bool)
    inside[20:32, 4:10] = True  # rows from the top, columns from the left; the rest lies outside
    for fill in perturb.FILLS:
        hidden = perturb.cover(IMAGES, 4, 20, 6, 99, fill)
        assert hidden.dtype == np.uint8
        np.testing.assert_array_equal(hidden[:, ~inside], IMAGES[:, ~inside])
        assert (hidden[:, inside] != IMAGES[:, inside]).mean() > 0.9
        if fill == "noise":
            np.testing.assert_array_equal(hidden[0, inside], hidden[1, inside])
            assert hidden[0, inside].std() > 50
        else:
            assert (hidden[:, inside] == hidden[:, inside][:, :1]).all()
        np.testing.assert_array_equal(perturb.cover(IMAGES, 4, 20, 0, 5, fill), IMAGES)
    halves = flat(0)
    halves[:, 16:] = [100, 200, 50]
    covered = perturb.cover(halves, 0, 0, 1, 1)
    assert covered[0, 0, 0].tolist() == [50, 100, 25]
    assert perturb.cover(halves, 0, 0, 1, 1, "grey")[0, 0, 0].tolist() == [128] * 3
    assert perturb.cover(halves, 31, 31, 1, 1, "black")[0, 31, 31].tolist() == [0] * 3
    with pytest.raises(ValueError, match="not a rectangle"):
        perturb.cover(IMAGES, -1, 0, 4, 4)


def test_the_mean_that_covers_is_each_images_own():
    covered = perturb.cover(np.concatenate([flat(0), flat(200)]), 0, 0, 1, 1)
    assert covered[:, 0, 0, 0].tolist() == [0, 200]
