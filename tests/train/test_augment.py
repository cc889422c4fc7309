from __future__ import annotations

import cv2
import numpy as np
import pytest

from train.augment import augment, jpeg_round_trip, mix
from train.config import Config

NOTHING = {"flip": False, "shift": 0}


def changed(batch: np.ndarray, seed: int = 0, **settings) -> np.ndarray:
    config = Config("lens", 1, **(NOTHING | settings))
    return augment(batch, config, np.random.default_rng(seed))


@pytest.fixture
def batch() -> np.ndarray:
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (40, 4, 4, 3), np.uint8)
    return np.stack([cv2.resize(c, (32, 32), interpolation=cv2.INTER_CUBIC) for c in coarse])


EVERYTHING = {"flip": True, "shift": 3, "blur": 0.5, "noise": 0.5, "jpeg": 0.5}


def test_result_depends_on_the_seed_alone_and_the_batch_is_left_as_it_was(batch):
    before = batch.copy()
    first, again, other = (changed(batch, seed, **EVERYTHING) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(batch, before)
    assert first.dtype == np.uint8
    assert first.shape == batch.shape


def test_nothing_asked_for_is_nothing_done(batch):
    assert np.array_equal(changed(batch), batch)


def test_read_only_memory_is_no_obstacle(batch):
    batch.setflags(write=False)
    assert changed(batch, **EVERYTHING).shape == batch.shape


def test_flip_mirrors_about_half_of_the_images_left_to_right(batch):
    out = changed(batch, flip=True)
    kept = [np.array_equal(o, b) for o, b in zip(out, batch, strict=True)]
    mirrored = [np.array_equal(o, b[:, ::-1]) for o, b in zip(out, batch, strict=True)]
    assert np.all(np.logical_xor(kept, mirrored))
    assert 10 <= sum(mirrored) <= 30


def test_shift_moves_each_image_by_whole_pixels_with_reflected_edges(batch):
    out = changed(batch, shift=3)
    found = set()
    for image, moved in zip(batch, out, strict=True):
        padded = np.pad(image, ((3, 3), (3, 3), (0, 0)), mode="reflect")
        at = [
            (r - 3, c - 3)
            for r in range(7)
            for c in range(7)
            if np.array_equal(padded[r : r + 32, c : c + 32], moved)
        ]
        assert len(at) == 1
        found.add(at[0])
    rows, columns = zip(*found, strict=True)
    assert len(found) > 15
    assert {min(rows), max(rows), min(columns), max(columns)} == {-3, 3}


def test_crop_cuts_a_square_from_anywhere_in_each_image_and_changes_no_pixel(batch):
    out = changed(batch, crop=28)
    assert out.shape == (len(batch), 28, 28, 3)
    found = set()
    for image, square in zip(batch, out, strict=True):
        at = [
            (r, c)
            for r in range(5)
            for c in range(5)
            if np.array_equal(image[r : r + 28, c : c + 28], square)
        ]
        assert len(at) == 1
        found.add(at[0])
    rows, columns = zip(*found, strict=True)
    assert set(rows) == set(columns) == set(range(5))
    assert np.array_equal(changed(batch, crop=32), batch)


@pytest.mark.parametrize("crop", [0, 24])
@pytest.mark.parametrize("shift", [0, 4])
def test_shift_and_crop_are_what_one_index_for_all_images_gives(shift, crop):
    """Runs that were begun before each image had its own slice go on as they were."""

    def windows(images: np.ndarray, size: int) -> np.ndarray:
        count, side = images.shape[:2]
        rows, columns = (
            rng.integers(0, side - size + 1, (count, 1)) + np.arange(size) for _ in range(2)
        )
        return images[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]

    images = np.random.default_rng(4).integers(0, 256, (64, 32, 32, 3), np.uint8)
    rng = np.random.default_rng(0)
    expected, wide = images, ((0, 0), (shift, shift), (shift, shift), (0, 0))
    if shift:
        expected = windows(np.pad(images, wide, mode="reflect"), 32)
    # Where nothing else is asked for, these chances are still drawn.
    for _ in ("blur", "noise", "jpeg"):
        rng.random(len(images))
    if crop:
        expected = windows(expected, crop)
    assert np.array_equal(changed(images, shift=shift, crop=crop), expected)


def test_blur_takes_detail_away_and_keeps_the_mean(batch):
    noisy = np.random.default_rng(0).integers(0, 256, batch.shape, np.uint8)
    out = changed(noisy, blur=1.0, blur_sigma=(0.8, 0.8)).astype(float)
    step = np.abs(np.diff(out, axis=2)).mean() / np.abs(np.diff(noisy.astype(float), axis=2)).mean()
    assert step < 0.5
    assert abs(out.mean() - noisy.mean()) < 1
    weak = changed(noisy, blur=1.0, blur_sigma=(0.3, 0.3)).astype(float)
    assert np.abs(weak - noisy).mean() < np.abs(out - noisy).mean()


def test_noise_has_the_asked_for_spread_and_no_bias():
    grey = np.full((64, 32, 32, 3), 128, np.uint8)
    difference = changed(grey, noise=1.0, noise_sigma=(0.05, 0.05)).astype(float) - 128
    assert difference.std() == pytest.approx(0.05 * 255, rel=0.02)
    assert abs(difference.mean()) < 0.2


def test_noise_is_clipped_and_does_not_wrap_around():
    for level in (0, 255):
        flat = np.full((8, 32, 32, 3), level, np.uint8)
        out = changed(flat, noise=1.0, noise_sigma=(0.05, 0.05)).astype(int)
        assert np.abs(out - level).max() < 128


def test_jpeg_keeps_the_order_of_the_channels():
    flat = np.zeros((2, 32, 32, 3), np.uint8)
    flat[0, ..., 0], flat[1, ..., 2] = 200, 200
    out = changed(flat, jpeg=1.0).astype(int)
    assert np.abs(out - flat).max() < 12


def test_jpeg_of_lower_quality_is_further_away(batch):
    noisy = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    gaps = [
        np.abs(jpeg_round_trip(noisy, quality).astype(int) - noisy).mean()
        for quality in (95, 70, 40)
    ]
    assert gaps[0] < gaps[1] < gaps[2]
    fine = changed(batch, jpeg=1.0, jpeg_quality=(95, 95))
    assert np.array_equal(fine, [jpeg_round_trip(image, 95) for image in batch])


@pytest.mark.parametrize("kind", ["jpeg", "noise", "blur"])
def test_chance_is_for_each_image(kind):
    many = np.random.default_rng(0).integers(0, 256, (400, 8, 8, 3), np.uint8)
    settings = {"blur_sigma": (0.8, 0.8), "noise_sigma": (0.1, 0.1), kind: 0.25}
    touched = (changed(many, **settings) != many).any(axis=(1, 2, 3))
    assert 70 <= touched.sum() <= 130


def test_vertical_flip_turns_about_half_of_the_images_upside_down(batch):
    out = changed(batch, flip_vertical=True)
    turned = [np.array_equal(o, b[::-1]) for o, b in zip(out, batch, strict=True)]
    kept = [np.array_equal(o, b) for o, b in zip(out, batch, strict=True)]
    assert np.all(np.logical_xor(kept, turned))
    assert 10 <= sum(turned) <= 30


def test_rotation_and_zoom_leave_the_middle_where_it_is():
    # A disc about the middle looks the same however it is turned; zoomed, its area changes.
    y, x = np.mgrid[:33, :33] - 16
    disc = np.repeat((255 * (x**2 + y**2 < 64)).astype(np.uint8)[None, ..., None], 3, axis=-1)
    discs = np.repeat(disc, 30, axis=0)
    turned, zoomed = changed(discs, rotation=90.0), changed(discs, zoom=0.2)
    area = discs[0].sum()
    assert np.abs(turned.sum(axis=(1, 2, 3)) / area - 1).max() < 0.03
    shares = zoomed.sum(axis=(1, 2, 3)) / area
    assert 0.8**2 - 0.05 < shares.min() < 0.85
    assert 1.15 < shares.max() < 1.2**2 + 0.05


def test_rotation_turns_by_at_most_the_angle_given():
    bar = np.zeros((1, 33, 33, 3), np.uint8)
    bar[0, 16, 20:] = 255  # from the middle to the right
    tips = []
    for seed in range(40):
        rows, _ = np.nonzero(changed(bar, seed, rotation=15.0)[0, :, 28:31, 0] > 60)
        tips.append(rows.mean() - 16)
    # 13 pixels from the middle, 15 degrees are 3.5 pixels up or down.
    assert 2 < max(tips) <= 4
    assert -4 <= min(tips) < -2


def test_light_changes_brightness_and_contrast_about_mid_grey():
    grey = np.full((30, 4, 4, 3), 100, np.uint8)
    exact = changed(grey, light=1.0, brightness=(0.1, 0.1), contrast=(0.5, 0.5))
    assert np.all(exact == round((100 - 127.5) * 0.5 + 127.5 + 25.5))
    spread = changed(grey, light=0.5)[:, 0, 0, 0].astype(int)
    assert 5 <= (spread == 100).sum() <= 25
    assert spread.min() < 80
    assert spread.max() > 120
    assert changed(grey, light=1.0, brightness=(1, 1), contrast=(1, 1)).max() == 255


@pytest.mark.parametrize("kind", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}])
def test_a_target_is_mixed_like_its_pixels(kind):
    targets = np.tile(np.float32([[0], [1]]), (100, 1))
    images = np.full((200, 16, 16, 3), 255, np.uint8) * targets.astype(np.uint8)[..., None, None]
    rng, shares = np.random.default_rng(5), []
    for _ in range(4):
        mixed, new = mix(images, targets, Config("lens", 1, **kind), rng)
        assert mixed.dtype == np.uint8
        assert new.dtype == np.float32
        np.testing.assert_allclose(mixed.mean(axis=(1, 2, 3)) / 255, new[:, 0], atol=0.002)
        np.testing.assert_array_equal(mixed.reshape(200, -1, 3).std(axis=2), 0)
        shares.append((new > 0.05) & (new < 0.95))
    assert 0.15 < np.mean(shares) < 0.6, "half of the partners are of the same label"


def test_cutmix_pastes_one_box_whose_mean_area_is_half():
    """Without edges: sides are the root of the area, whose mean is that of Beta(a, a)."""
    images = np.arange(256, dtype=np.uint8)[:, None, None, None] * np.ones((1, 32, 32, 3), np.uint8)
    config = Config("lens", 1, cutmix=1.0)
    mixed, kept = mix(images, np.ones((256, 1), np.float32), config, np.random.default_rng(0))
    assert np.array_equal(kept, np.ones((256, 1)))
    pasted = (mixed != images).all(axis=3)
    for inside in pasted:
        rows, columns = inside.any(axis=1), inside.any(axis=0)
        assert np.array_equal(inside, rows[:, None] & columns)
    assert 0.25 < pasted.mean() < 0.45, "some of each box lies outside"
