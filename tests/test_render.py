import cv2
import numpy as np
import pytest

from cifake_core import render


def test_enlarge_repeats_pixels():
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    big = render.enlarge(pixels, 6)
    assert big.shape == (6, 6, 3)
    for y in range(6):
        for x in range(6):
            np.testing.assert_array_equal(big[y, x], pixels[y // 3, x // 3])


def test_strips_are_framed_and_other_pictures_are_not():
    strip = np.zeros((400, 1, 3), np.uint8)
    framed = render.framed(strip)
    assert framed.shape == (400, 200, 3)
    np.testing.assert_array_equal(framed[:, 99:100], strip)
    photo = np.zeros((30, 40, 3), np.uint8)
    np.testing.assert_array_equal(render.framed(photo), photo)


def test_overlay_shows_image_alone_and_map_alone():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    values = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    np.testing.assert_array_equal(render.overlay(pixels, values, opacity=0), render.enlarge(pixels))
    alone = render.overlay(pixels, values, opacity=1)
    other = render.overlay(np.zeros_like(pixels), values, opacity=1)
    np.testing.assert_array_equal(alone, other)
    half = render.overlay(pixels, values, opacity=0.5).astype(int)
    mean = (alone.astype(int) + render.enlarge(pixels)) / 2
    assert np.abs(half - mean).max() <= 1


def test_strongest_place_of_the_map_is_brightest():
    values = np.zeros((8, 8), np.float32)
    values[1, 6] = 1
    picture = render.overlay(np.zeros((32, 32, 3), np.uint8), values, opacity=1)
    brightness = picture.astype(int).sum(-1)
    y, x = np.unravel_index(brightness.argmax(), brightness.shape)
    assert (y * 8 // 384, x * 8 // 384) == (1, 6)


@pytest.mark.parametrize("name", render.COLOUR_MAPS)
def test_colour_maps_grow_steadily_in_lightness(name):
    bar = render.scale_bar(name, width=256, height=1)
    lightness = cv2.cvtColor(bar, cv2.COLOR_RGB2LAB)[0, :, 0].astype(int)
    assert (np.diff(lightness) >= -2).all()
    assert lightness[-1] - lightness[0] > 120


def test_png_round_trip_keeps_channel_order():
    pixels = np.zeros((4, 5, 3), np.uint8)
    pixels[..., 0] = 200
    decoded = cv2.imdecode(np.frombuffer(render.to_png(pixels), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decoded[..., ::-1], pixels)


@pytest.mark.parametrize("p_fake", [0.0, 0.37, 1.0])
def test_probability_bar_has_three_zones_and_a_marker(p_fake):
    bar = render.probability_bar(p_fake, 0.2, 0.8, width=1000)
    real, unsure, fake = (
        tuple(bytes.fromhex(render.ANSWER_COLOURS[k][1:])) for k in ("real", "uncertain", "fake")
    )
    row = [tuple(int(v) for v in c) for c in bar[0]]
    assert row[100] == real
    assert row[600] == unsure
    assert row[900] == fake
    # Told apart without colours, too: a dark line lies between them.
    assert {at for at, c in enumerate(row) if c == (20, 20, 20) and 150 < at < 850} >= {
        207,
        208,
        790,
        791,
    }
    white = np.flatnonzero((bar[18] == 255).all(-1))
    assert abs(white.mean() - (14 + p_fake * 971)) <= 1.5


@pytest.mark.parametrize("real_to", [0.0374, 0.2])
def test_a_sure_answers_marker_stands_in_its_own_zone(real_to):
    """Also where a model says "real" or "AI-generated" only at the very ends."""
    for p_fake, answer in ((0.0, "real"), (1.0, "fake")):
        row = render.probability_bar(p_fake, real_to, 1 - real_to)[18]
        colour = np.frombuffer(bytes.fromhex(render.ANSWER_COLOURS[answer][1:]), np.uint8)
        zone = np.flatnonzero((row == colour).all(-1))
        marker = np.flatnonzero((row == 20).all(-1))
        marker = marker[marker < 360] if p_fake == 0 else marker[marker > 360]
        middle = marker[abs(marker - np.median(marker)) <= 9]
        assert zone.min() < middle.min() < middle.max() < zone.max()
