import numpy as np
import pytest

from cifake_core.explain_occlusion import occlusion
from cifake_core.labels import FAKE, REAL

PIXELS = np.random.default_rng(4).integers(0, 256, (4, 4, 3)).astype(np.uint8)
WEIGHTS = np.random.default_rng(6).normal(size=(4, 4, 3))


def linear(batch: np.ndarray) -> np.ndarray:
    """A model whose logit is a weighted sum of the pixels: each drop can be written down."""
    return (batch * WEIGHTS).sum(axis=(1, 2, 3)) + 7.0


@pytest.mark.parametrize("target", [FAKE, REAL])
def test_patches_side_by_side_drop_what_they_hold(target):
    mean = np.rint(PIXELS.mean(axis=(0, 1)))
    sign = 1 if target == REAL else -1
    parts = sign * ((PIXELS - mean) * WEIGHTS).sum(axis=2)
    expected = np.empty((4, 4))
    for top in (0, 2):
        for left in (0, 2):
            place = np.s_[top : top + 2, left : left + 2]
            expected[place] = max(parts[place].sum(), 0)
    assert 0 < (expected > 0).sum() < 16
    got = occlusion(linear, PIXELS, target, window=2, stride=2)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_overlapping_patches_are_averaged_and_clipped_after_that():
    """A row of three pixels in effect: windows of two columns start at 0 and at 1."""
    pixels = np.zeros((3, 3, 3), np.uint8)
    pixels[:, :, 0] = [10, 4, 1]

    def logit(batch):
        return batch[..., 0].astype(float) @ np.array([1.0, -1.0, 2.0]) @ np.ones(3) / 3

    def drop(columns) -> float:  # of a window of two rows, filled with 0
        return 2 / 3 * sum(pixels[0, c, 0] * [1.0, -1.0, 2.0][c] for c in columns)

    left, right = drop((0, 1)), drop((1, 2))
    assert left > 0 > right
    got = occlusion(logit, pixels, REAL, window=2, stride=1, fill=np.zeros(3))
    np.testing.assert_allclose(got, np.tile([left, (left + right) / 2, 0], (3, 1)), rtol=1e-6)


def test_every_pixel_is_covered_and_progress_is_told():
    seen, told = [], []
    image = np.full((7, 7, 3), 200, np.uint8)

    def logit(batch):
        seen.extend(batch)
        return np.zeros(len(batch))

    fill = np.zeros(3)
    values = occlusion(
        logit, image, REAL, window=3, stride=3, fill=fill, progress=lambda *n: told.append(n)
    )
    assert not values.any()  # nothing speaks for the target
    covered = np.stack(seen[1:]).min(axis=(0, 3)) == 0
    assert covered.all()
    assert told == [(9, 9)]


def test_a_patch_larger_than_the_image_is_refused():
    with pytest.raises(ValueError, match="no patch"):
        occlusion(linear, PIXELS, REAL, window=5)


@pytest.mark.parametrize("sizes", [(2, 3), (2, 0), (2, -1), (0, 1)])
def test_patches_that_would_leave_pixels_out_are_refused(sizes):
    window, stride = sizes
    with pytest.raises(ValueError, match=r"no patch|apart"):
        occlusion(linear, PIXELS, REAL, window=window, stride=stride)
    assert np.isfinite(occlusion(linear, PIXELS, REAL, window=2, stride=2)).all()
