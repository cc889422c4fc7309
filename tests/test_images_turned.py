"""A file's wish to be shown turned is kept for eyes, and never turns what is judged."""

from __future__ import annotations

import io
import struct

import encoders
import hostile
import numpy as np
import pytest
from PIL import Image, ImageOps

from cifake_core import images
from cifake_core.images import decode, upright

PICTURE = encoders.picture()
FORMS = ["JPEG", "PNG", "TIFF", "WEBP"]  # that can ask to be turned


def as_pillow_turns(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_keep_their_order_whatever_the_tag_says(form: str, orientation: int) -> None:
    data = encoders.oriented(form, orientation)
    image = decode(data)
    assert (image.width, image.height, image.orientation) == (48, 40, orientation)
    assert image.pixels.flags.c_contiguous
    assert np.abs(image.pixels.astype(int) - PICTURE).mean() <= (2 if form == "JPEG" else 0)
    assert np.array_equal(image.pixels, decode(encoders.oriented(form, 1)).pixels)
    assert image.notes == (() if orientation == 1 else (images.AS_STORED,))
    shown = upright(image.pixels, image.orientation)
    assert shown.flags.c_contiguous
    assert np.array_equal(shown, as_pillow_turns(data))


def test_upright_turns_clockwise_for_6() -> None:
    """By hand, so that it does not hang on Pillow alone: a phone held upright writes 6."""
    stored = np.array([[1, 2], [3, 4], [5, 6]], np.uint8)[..., None].repeat(3, 2)
    assert upright(stored, 6)[..., 0].tolist() == [[5, 3, 1], [6, 4, 2]]
    assert upright(stored, 8)[..., 0].tolist() == [[2, 4, 6], [1, 3, 5]]


def test_a_turned_picture_is_read_across_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "STRIP_PIXELS", 7 * 48)
    assert np.array_equal(decode(encoders.oriented("PNG", 6)).pixels, PICTURE)


def wrapped(form: str, body: bytes) -> bytes:
    """:data:`PICTURE` with this EXIF block; both keep its pixels as they are in a plain file."""
    if form == "JPEG":
        return encoders.jpeg_with(encoders.segment(0xE1, b"Exif\0\0" + body))
    return encoders.png_array(PICTURE, 2, encoders.chunk(b"eXIf", body))


def one_tag(kind: int, number: int, value: int) -> bytes:
    entry = struct.pack("<HHII", 274, kind, number, value)
    return b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)


MEANINGLESS = {
    "0": encoders.exif(0),
    "9": encoders.exif(9),
    "65535": encoders.exif(65535),
    "a byte": one_tag(1, 1, 6),
    "text": one_tag(2, 2, 0x36),
    "a long number": one_tag(4, 1, 6),
    "a type that is none": one_tag(99, 1, 6),
    "a list of four thousand million": one_tag(3, 2**32 - 1, 6),
    "a list elsewhere": one_tag(3, 3, 2**31),
    "no order": b"XX" + encoders.exif(6)[2:],
    "directory beyond the end": b"II*\0" + struct.pack("<I", 2**32 - 1),
    "65535 entries, cut": b"II*\0" + struct.pack("<IH", 8, 65535) + bytes(99),
    "nothing": b"",
}


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("name", MEANINGLESS)
def test_meaningless_orientation_is_passed_over(form: str, name: str) -> None:
    image = decode(wrapped(form, MEANINGLESS[name]))
    assert (image.orientation, image.notes) == (1, ())
    assert np.array_equal(image.pixels, decode(encoders.oriented(form, 1)).pixels)


@pytest.mark.parametrize(
    "entry", [(3, 1, 0), (3, 1, 9), (3, 1, 65535), (2, 2, 54), (3, 2**32 - 1, 6), (3, 9, 2**31)]
)
def test_meaningless_orientation_of_tiff_is_passed_over(entry: tuple[int, int, int]) -> None:
    data = bytearray(encoders.oriented("TIFF", 6))
    at = data.index(struct.pack("<HHI", 274, 3, 1))
    data[at : at + 12] = struct.pack("<HHII", 274, *entry)
    image = decode(bytes(data))
    assert (image.orientation, image.notes) == (1, ())
    assert np.array_equal(image.pixels, PICTURE)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_orientation_in_a_huge_block(form: str) -> None:
    """As long as a JPEG's segment can be; in a PNG, which has no such limit, 8 MB."""
    filler = bytes(65_000 if form == "JPEG" else 8_000_000)
    image = decode(wrapped(form, encoders.exif(6) + filler))
    assert image.orientation == 6
    assert np.array_equal(image.pixels, decode(encoders.oriented(form, 1)).pixels)


def test_orientation_of_an_exif_loop() -> None:
    image = decode(hostile.ODD["exif loop"]())
    assert image.orientation == 6
    assert np.array_equal(image.pixels, decode(encoders.oriented("JPEG", 1)).pixels)
