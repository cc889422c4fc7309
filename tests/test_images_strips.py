"""Large pictures are read strip by strip: each strip has its say."""

import io

import numpy as np
import pytest
from PIL import Image

from cifake_core import images
from cifake_core.images import decode


@pytest.fixture
def rows(monkeypatch):
    """One row at a time of pictures of 8 pixels in width."""
    monkeypatch.setattr(images, "STRIP_PIXELS", 8)


def stored(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def test_the_range_of_grey_is_that_of_all_strips(rows):
    """Over no usual white and below zero, so the range itself is what becomes 0 to 255."""
    values = np.repeat(np.array([[0.0], [100_000.0], [50_000.0]], np.float32), 8, 1)
    found = decode(stored(Image.fromarray(values), "TIFF")).pixels
    assert found[:, 0, 0].tolist() == [0, 255, 128]
    values[0] = -100_000
    found = decode(stored(Image.fromarray(values[[1, 0, 2]]), "TIFF")).pixels
    assert found[:, 0, 0].tolist() == [255, 0, 191]


def test_a_transparent_strip_is_told_of_though_the_last_is_not(rows):
    pixels = np.full((3, 8, 4), 255, np.uint8)
    pixels[0, :, 3] = 0
    notes = decode(stored(Image.fromarray(pixels), "PNG")).notes
    assert notes == decode(stored(Image.fromarray(pixels[::-1].copy()), "PNG")).notes
    assert len(notes) == 1
    pixels[0, :, 3] = 255
    assert decode(stored(Image.fromarray(pixels), "PNG")).notes == ()
