"""Hits, curves and similarities worked out by hand."""

import os

import numpy as np
import pytest

from cifake_core import faithfulness as f

BOX = (1, 1, 2)  # rows and columns 1 and 2


def test_a_map_is_brought_to_its_image_by_lines():
    """Twice as large: at 1/4 and 3/4 between two values, and the outermost as they are."""
    found = f.fit(np.array([[0, 4], [8, 12]]), 4)
    assert found.tolist() == [[0, 1, 3, 4], [2, 3, 5, 6], [6, 7, 9, 10], [8, 9, 11, 12]]


def test_hit_is_the_maximum_in_the_box():
    values = np.zeros((4, 4))
    values[2, 1] = 3
    assert f.hit(values, BOX) == 1
    values[0, 0] = 4
    assert f.hit(values, BOX) == 0
    assert f.hit(values, BOX, tolerance=1) == 1  # the corner is one pixel away


def test_a_shared_maximum_counts_by_its_share_and_an_empty_map_as_chance():
    values = np.zeros((4, 4))
    values[1, 1] = values[3, 3] = 2
    assert f.hit(values, BOX) == 0.5
    assert f.hit(np.zeros((4, 4)), BOX) == f.area_share(BOX, 4) == 4 / 16
    assert f.area_share(BOX, 4, tolerance=1) == 1
    assert f.area_share((0, 0, 2), 4, tolerance=1) == 9 / 16  # nothing beyond the edge


def test_mass_in_the_box():
    values = np.ones((4, 4))
    values[1, 1] = 5
    assert f.mass_share(values, BOX) == 8 / 20
    assert f.mass_share(np.zeros((4, 4)), BOX) == 4 / 16


def test_centre_blob_peaks_in_the_middle():
    blob = f.centre_blob(32)
    assert blob.sum() == pytest.approx(1)
    assert f.hit(blob, (12, 12, 8)) == 1
    assert f.hit(blob, (0, 0, 16)) == 0.25  # the four middle pixels are equal


def test_random_blobs_are_smooth_and_each_another():
    blobs = f.random_blobs(3, 32)
    assert blobs.shape == (3, 32, 32)
    np.testing.assert_array_equal(blobs, f.random_blobs(3, 32))
    for one in blobs:
        # Two pixels apart, noise blurred with a sigma of 2 correlates with exp(-2^2 / (4 * 2^2)).
        assert np.corrcoef(one[:, 2:].ravel(), one[:, :-2].ravel())[0, 1] > 0.6
    assert abs(np.corrcoef(blobs[0].ravel(), blobs[1].ravel())[0, 1]) < 0.4


def test_edges_are_where_brightness_jumps():
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, 4:] = 10
    assert (f.edges(pixels) == [0, 0, 0, 40, 40, 0, 0, 0]).all()  # weights 1, 2, 1 of ten


def test_order_is_strongest_first_and_shuffles_ties():
    assert f.order(np.array([[1.0, 4.0], [3.0, 2.0]])).tolist() == [1, 2, 3, 0]
    flat = f.order(np.zeros((8, 8)), seed=1)
    assert sorted(flat) == list(range(64))
    assert flat.tolist() != f.order(np.zeros((8, 8)), seed=2).tolist()


def test_deletion_and_insertion_of_a_model_that_sums_one_pixel_at_a_time():
    """Worth 8, 4, 2 and 1: pixels that go in that order leave 15, 7, 3, 1, 0."""
    worth = np.array([[8, 1], [2, 4]])
    pixels = np.full((2, 2, 3), 255, np.uint8)

    def score_of(batch):
        return (batch[..., 0] / 255 * worth).sum((1, 2))

    right, wrong = f.order(worth), f.order(-worth)
    deletion, insertion = f.deletion_insertion(
        score_of, pixels, [right, wrong], steps=4, replacement=np.zeros_like(pixels)
    )
    assert deletion.tolist() == [[15, 7, 3, 1, 0], [15, 14, 12, 8, 0]]
    assert insertion.tolist() == [[0, 8, 12, 14, 15], [0, 1, 3, 7, 15]]
    assert f.area(deletion).tolist() == [(7.5 + 7 + 3 + 1) / 4, (7.5 + 14 + 12 + 8) / 4]


def test_deleted_pixels_are_blurred_unless_told():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    seen = []

    def score_of(batch):
        seen.append(batch)
        return np.zeros(len(batch))

    f.deletion_insertion(score_of, pixels, [f.order(f.edges(pixels))], steps=2)
    first, last, half, back = seen[0]
    assert (first == pixels).all()
    assert (last == f.blurred(pixels)).all()
    assert last.std() < pixels.std() / 4
    kept = (half == first).all(-1)
    assert kept.sum() == pytest.approx(128, abs=2)  # by chance a blurred pixel may be as it was
    assert (half + back == first + last).all()


def test_spearman_by_hand():
    one, other = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 3.0], [2.0, 4.0]])
    assert f.spearman(one, one**3) == pytest.approx(1)
    assert f.spearman(one, -one) == pytest.approx(-1)
    assert f.spearman(one, other) == pytest.approx(1 - 6 * 2 / (4 * 15))  # 0.8
    # Ranks 1.5, 1.5, 3, 4 against 1, 2, 3, 4: covariance 4.5, variances 4.5 and 5.
    tied = np.array([[0.0, 0.0], [1.0, 2.0]])
    assert f.spearman(tied, one) == pytest.approx(4.5 / np.sqrt(4.5 * 5))
    assert f.spearman(one, np.zeros((2, 2))) == 0
    assert f.spearman(np.zeros((2, 2)), np.ones((2, 2))) == 1


def test_ssim_by_hand():
    rng = np.random.default_rng(1)
    one, other = rng.random((32, 32)), rng.random((32, 32))
    assert f.ssim(one, one) == pytest.approx(1)
    assert f.ssim(one, 7 * one) == pytest.approx(1)  # each is scaled by its maximum
    assert f.ssim(one, other) == pytest.approx(f.ssim(other, one))
    assert abs(f.ssim(one, other)) < 0.2
    # Flat maps of 1 and 0 have no structure: c1 / (1 + c1) is left.
    assert f.ssim(np.ones((32, 32)), np.zeros((32, 32))) == pytest.approx(1e-4 / (1 + 1e-4))


def test_ssim_weights_a_window_as_its_paper_does():
    """One window, a dot in its middle and the dot's negative.

    A Gaussian of 1.5 pixels gives the middle p of the weight. So the means are p and 1 - p, both
    variances v = p (1 - p), and the covariance -v.
    """
    p = 1 / np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2)).sum() ** 2
    assert p == pytest.approx(0.0708, abs=1e-4)
    v, c1, c2 = p * (1 - p), 0.01**2, 0.03**2
    dot = np.zeros((11, 11))
    dot[5, 5] = 1
    expected = (2 * v + c1) * (c2 - 2 * v) / ((p**2 + (1 - p) ** 2 + c1) * (2 * v + c2))
    assert f.ssim(dot, 1 - dot) == pytest.approx(expected)


def test_ssim_is_that_of_scikit_image():
    if not os.environ.get("CIFAKE_REQUIRE_QUANTUS"):
        pytest.importorskip("skimage")  # see requirements-quantus.txt
    from skimage import metrics

    rng = np.random.default_rng(2)
    one = f.fit(rng.random((8, 8)), 32)
    other = f.fit(rng.random((8, 8)), 32)
    theirs = metrics.structural_similarity(
        *(v.astype(np.float64) / v.max() for v in (one, other)),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert f.ssim(one, other) == pytest.approx(theirs, abs=1e-6)
