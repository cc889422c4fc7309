import cv2
import numpy as np

from cifake_core import explain_compare


def test_difference_is_signed_and_white_where_maps_agree():
    low, high = np.zeros((2, 2)), np.ones((8, 8))  # maps need not be of one size
    green, purple = explain_compare.diverging(np.array([[1.0, -1.0]]))[0]
    assert (explain_compare.difference(high, low, 16) == green).all()
    assert (explain_compare.difference(low, high, 16) == purple).all()
    middle = explain_compare.difference(high / 3, low + 1 / 3, 16)
    assert (middle == middle[0, 0]).all()
    assert middle.min() > 230
    assert green[1] > max(green[0], green[2])
    assert purple[1] < min(purple[0], purple[2])


def test_difference_colours_are_even_steps_and_alike_on_both_sides():
    bar = explain_compare.difference_bar(201, 1).astype(np.float32) / 255
    lab = cv2.cvtColor(bar, cv2.COLOR_RGB2Lab)[0]
    steps = np.linalg.norm(np.diff(lab[::20], axis=0), axis=1)
    assert steps.max() - steps.min() < 1.5  # rounding to 8 bits
    np.testing.assert_allclose(lab[:, 0], lab[::-1, 0], atol=1)  # mirrored in grey
    assert lab[:, 0].argmax() == 100


def test_lines_run_where_a_map_crosses_its_levels():
    pixels = np.full((8, 8, 3), 100, np.uint8)
    ramp = np.tile(np.linspace(0, 1, 8), (8, 1))
    picture = explain_compare.contours(pixels, ramp, 384)
    fitted = cv2.resize(ramp.astype(np.float32), (384, 384))[192]
    for level in explain_compare.LEVELS:
        (at,) = np.flatnonzero((fitted[:-1] < level) & (fitted[1:] >= level)) + 1
        assert (picture[192, at] == 255).all()
    assert (picture[192, fitted < 0.2] == 100).all()
    assert (explain_compare.contours(pixels, np.zeros((8, 8)), 64) == 100).all()
