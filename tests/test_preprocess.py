import numpy as np
import pytest

from cifake_core.preprocess import prepare, shrink, size_doubt, size_notes


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_native_image_passes_untouched():
    image = noise(32, 32)
    prepared = prepare(image, 32)
    assert prepared.native
    assert prepared.reduction == 1
    np.testing.assert_array_equal(prepared.pixels, image)


def test_result_is_a_read_only_copy():
    image = noise(32, 32)
    prepared = prepare(image, 32)
    image[:] = 0
    assert prepared.pixels.any()
    with pytest.raises(ValueError, match="read-only"):
        prepared.pixels[0, 0, 0] = 1


def test_reduction_is_the_mean_over_areas():
    image = noise(96, 96)
    prepared = prepare(image, 32)
    means = image.reshape(32, 3, 32, 3, 3).mean((1, 3))
    assert not prepared.native
    assert prepared.reduction == 3
    assert np.abs(prepared.pixels - means).max() <= 0.5 + 1e-9


def test_fine_stripes_turn_grey_instead_of_aliasing():
    image = np.zeros((320, 320, 3), np.uint8)
    image[:, ::2] = 255
    assert np.abs(prepare(image, 32).pixels.astype(int) - 127.5).max() <= 1


@pytest.mark.parametrize(
    ("height", "width", "crop"), [(40, 100, (30, 0, 40)), (101, 40, (0, 30, 40))]
)
def test_central_square_is_used(height, width, crop):
    image = noise(height, width)
    prepared = prepare(image, 40)
    left, top, side = crop
    assert prepared.crop == crop
    np.testing.assert_array_equal(prepared.pixels, image[top : top + side, left : left + side])


def test_a_cut_out_is_not_native_though_nothing_is_resampled():
    image = noise(32, 50)
    prepared = prepare(image, 32)
    assert not prepared.native
    np.testing.assert_array_equal(prepared.pixels, image[:, 9:41])


@pytest.mark.parametrize("shape", [(1, 1), (5, 31), (1, 4000)])
def test_smaller_images_are_enlarged(shape):
    prepared = prepare(noise(*shape), 32)
    assert prepared.pixels.shape == (32, 32, 3)
    assert not prepared.native
    assert prepared.reduction < 1


def test_shrink_keeps_shape_and_small_images():
    small = noise(20, 10)
    assert shrink(small, 32) is small
    assert shrink(noise(100, 400), 40).shape == (10, 40, 3)
    assert shrink(noise(1, 5000), 100).shape == (1, 100, 3)


def notes(height: int, width: int) -> str:
    return " ".join(size_notes(width, height, prepare(noise(height, width), 32)))


@pytest.mark.parametrize("shape", [(32, 33), (40, 32)])
def test_a_cut_out_is_not_said_to_be_resampled(shape):
    doubt = size_doubt(prepare(noise(*shape), 32))
    assert "cut to that size. Its pixels are untouched" in doubt
    assert "another way" not in doubt
    assert "reduced" not in notes(*shape)


@pytest.mark.parametrize("shape", [(33, 33), (31, 31), (64, 32 * 9), (8, 32)])
def test_a_resampled_image_hears_that_it_was_brought_to_its_size_in_another_way(shape):
    doubt = size_doubt(prepare(noise(*shape), 32))
    assert "traces of one way of making and shrinking" in doubt
    assert "another way, and brought to this size in another" in doubt
    assert "cut to that size" not in doubt


def test_a_small_reduction_is_not_told_in_numbers_that_say_nothing():
    for side in (33, 39):
        assert "reduced a little" in notes(side, side)
        assert "-fold" not in notes(side, side)
    assert "1.2-fold: each pixel the model sees is the average of about 2 of" in notes(40, 40)


def test_shares_of_very_long_and_of_nearly_square_pictures():
    assert "less than 1% of the picture" in notes(8, 2000)
    assert ", 2% of the picture" in notes(8, 400)
    assert ", 99% of the picture" in notes(99, 100)
    assert "more than 99% of the picture" in notes(400, 401)
