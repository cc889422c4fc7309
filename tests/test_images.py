"""Every kind of file becomes the right pixels, or one helpful sentence."""

from __future__ import annotations

import io

import encoders
import hostile
import numpy as np
import pytest
from PIL import Image, ImageCms

from cifake_core import images
from cifake_core.images import BACKGROUND, decode

PICTURE = encoders.picture()


def distance(pixels: np.ndarray, expected: np.ndarray) -> float:
    """Mean absolute difference, 0 to 255."""
    assert pixels.shape == expected.shape
    return float(np.abs(pixels.astype(float) - expected).mean())


def over_background(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    alpha = alpha[..., None] / 255
    return np.rint(colour * alpha + np.array(BACKGROUND) * (1 - alpha))


# --- The plain cases ---


@pytest.mark.parametrize(
    ("form", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "tiff_adobe_deflate"}, 0),
        ("TIFF", {"compression": "packbits"}, 0),
        ("TIFF", {"compression": "jpeg", "quality": 95}, 3),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 4),
        ("JPEG", {"quality": 95, "subsampling": 0}, 2),
        ("JPEG", {"quality": 95, "subsampling": 2}, 4),
        ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}, 2),
        ("GIF", {}, 12),
    ],
)
def test_pixels_of_each_format(form: str, options: dict, tolerance: float) -> None:
    image = decode(encoders.encode(PICTURE, form, **options))
    assert (image.format, image.width, image.height, image.notes) == (form, 48, 40, ())
    assert image.pixels.dtype == np.uint8
    assert image.pixels.flags.c_contiguous
    assert not image.pixels.flags.writeable
    assert distance(image.pixels, PICTURE) <= tolerance


def test_jpeg_pixels_do_not_depend_on_what_is_cut_away() -> None:
    data = encoders.encode(PICTURE, "JPEG", quality=75, icc_profile=bytes(500), comment=b"x")
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(decode(data).pixels, np.asarray(image.convert("RGB")))


def test_extensions_are_those_of_the_formats() -> None:
    known = Image.registered_extensions()
    assert {known[extension] for extension in images.EXTENSIONS} == set(images.FORMATS)


# --- Metadata ---


@pytest.mark.parametrize("name", ["exif cut", "exif noise", "exif in 9,000 parts", "icc"])
def test_broken_metadata_is_passed_over(name: str) -> None:
    image = decode(hostile.ODD[name]())
    assert distance(image.pixels, PICTURE) <= 2
    assert image.orientation == 1


# --- Transparency ---


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_alpha_is_laid_over_the_background(form: str) -> None:
    alpha = np.linspace(0, 255, 40 * 48).astype(np.uint8).reshape(40, 48)
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    image = decode(encoders.encode(np.dstack([PICTURE, alpha]), form, **options))
    expected = over_background(PICTURE, alpha)
    assert np.abs(image.pixels - expected).max() <= 1
    assert np.array_equal(image.pixels[0, 0], BACKGROUND)
    assert any("transparent" in note for note in image.notes)


def test_grey_alpha() -> None:
    alpha = np.linspace(0, 255, 40 * 48).astype(np.uint8).reshape(40, 48)
    grey = PICTURE[..., 0]
    image = decode(encoders.encode(Image.fromarray(np.dstack([grey, alpha]), "LA"), "PNG"))
    expected = over_background(np.repeat(grey[..., None], 3, 2), alpha)
    assert np.abs(image.pixels - expected).max() <= 1


def test_opaque_alpha_is_not_worth_a_note() -> None:
    alpha = np.full((40, 48), 255, np.uint8)
    image = decode(encoders.encode(np.dstack([PICTURE, alpha]), "PNG"))
    assert np.array_equal(image.pixels, PICTURE)
    assert image.notes == ()


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_transparent_palette_entry(form: str) -> None:
    indices = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    indices.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image = decode(encoders.encode(indices, form, transparency=1))
    expected = [[[10, 20, 30], BACKGROUND], [[70, 80, 90], BACKGROUND]]
    assert np.array_equal(image.pixels, expected)
    assert any("transparent" in note for note in image.notes)


def test_palette_with_an_alpha_for_each_entry() -> None:
    indices = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    indices.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image = decode(encoders.encode(indices, "PNG", transparency=bytes([255, 128, 0])))
    colours = np.array([[[10, 20, 30], [40, 50, 60], [70, 80, 90]]])
    expected = over_background(colours, np.array([[255, 128, 0]]))
    assert np.abs(image.pixels - expected).max() <= 1


def test_transparent_colour_of_a_16_bit_grey_png() -> None:
    values = np.array([[0, 1000, 40_000]], np.uint16)
    key = encoders.chunk(b"tRNS", (1000).to_bytes(2, "big"))
    pixels = decode(encoders.png_array(values, 0, key)).pixels
    assert np.array_equal(pixels[0, :, 0], [0, BACKGROUND[0], 40_000 >> 8])


@pytest.mark.parametrize(("depth", "key"), [(1, 1), (2, 1), (2, 3), (4, 7), (4, 0)])
def test_transparent_grey_of_few_bits(depth: int, key: int) -> None:
    """Every value in a row of its own."""
    most = 2**depth - 1
    rows = b"".join(bytes([0, value << (8 - depth)]) for value in range(most + 1))
    png = encoders.png(1, most + 1, depth, 0, rows, encoders.chunk(b"tRNS", bytes([0, key])))
    image = decode(png)
    grey = [BACKGROUND[0] if v == key else v * 255 // most for v in range(most + 1)]
    assert image.pixels[:, 0, 1].tolist() == grey
    assert any("transparent" in note for note in image.notes)


def test_transparent_colour_of_a_16_bit_png() -> None:
    values = np.array([[[1000, 2000, 3000], [30_000, 2000, 3000]]], np.uint16)
    key = encoders.chunk(b"tRNS", b"".join(v.to_bytes(2, "big") for v in (1000, 2000, 3000)))
    image = decode(encoders.png_array(values, 2, key))
    assert image.pixels.tolist() == [[list(BACKGROUND), [117, 7, 11]]]
    assert any("transparent" in note for note in image.notes)


# --- More than 8 bits ---

RAMP = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)


def assert_scaled(pixels: np.ndarray, values: np.ndarray) -> None:
    """All 256 levels are used, in order, and none of them piles up as clipping would do."""
    assert np.array_equal(pixels[..., 0], pixels[..., 2])
    grey = pixels[..., 0].ravel()[np.argsort(values, axis=None, kind="stable")]
    counts = np.bincount(grey, minlength=256)
    assert (np.diff(grey.astype(int)) >= 0).all()
    assert counts.min() > 0
    assert counts.max() <= 2 * values.size / 256


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_grey(order: str) -> None:
    for data in (encoders.grey_tiff(RAMP, order), encoders.png_array(RAMP, 0)):
        image = decode(data)
        assert image.mode.startswith("I;16")
        assert_scaled(image.pixels, RAMP)
        assert any("16-bit" in note for note in image.notes)


def test_12_bit_grey_is_not_nearly_black() -> None:
    values = np.arange(4096, dtype=np.uint16)
    packed = np.stack([values[::2] >> 4, (values[::2] & 15) << 4 | values[1::2] >> 8], 1)
    body = np.concatenate([packed, values[1::2, None] & 255], 1).astype(np.uint8).tobytes()
    tags = {256: 64, 257: 64, 258: 12, 259: 1, 262: 1, 273: -1, 277: 1, 278: 64, 279: len(body)}
    data = encoders.tiff({tag: ("I", [value]) for tag, value in tags.items()}, body)
    assert_scaled(decode(data).pixels, values.reshape(64, 64))


def test_white_is_zero() -> None:
    pixels = decode(encoders.grey_tiff(RAMP, t262=0)).pixels
    assert_scaled(255 - pixels, RAMP)


@pytest.mark.parametrize(
    "values",
    [
        RAMP.astype(np.int32),
        RAMP.astype(np.int32) * 30_000,
        RAMP.astype(np.int32) - 30_000,
        RAMP.astype(np.float32) / 65535,
        RAMP.astype(np.float32) / 257,
        RAMP.astype(np.float32) * 1e20 - 1e24,
    ],
)
def test_32_bit_grey(values: np.ndarray) -> None:
    image = decode(encoders.grey_tiff(values))
    assert image.mode in ("I", "F")
    assert_scaled(image.pixels, values)
    assert any("scaled" in note for note in image.notes)


def test_floats_that_are_no_numbers() -> None:
    values = np.array([[0, 0.5, 1, np.nan, np.inf, -np.inf]], np.float32)
    pixels = decode(encoders.grey_tiff(values)).pixels
    assert pixels[0, :, 0].tolist() == [0, 128, 255, 0, 255, 0]
    nothing = decode(encoders.grey_tiff(np.full((2, 2), np.nan, np.float32)))
    assert not nothing.pixels.any()


def test_16_bit_colour() -> None:
    values = PICTURE.astype(np.uint16) * 257
    image = decode(encoders.png_array(values, 2))
    assert np.array_equal(image.pixels, PICTURE)
    assert any("16-bit" in note for note in image.notes)


def test_one_bit() -> None:
    bits = PICTURE[..., 0] > 100
    for form in ("PNG", "BMP", "TIFF"):
        pixels = decode(encoders.encode(Image.fromarray(bits), form)).pixels
        assert np.array_equal(pixels, np.repeat(bits[..., None] * np.uint8(255), 3, 2))


# --- Other colour spaces ---


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk(form: str) -> None:
    options = {"quality": 95, "subsampling": 0} if form == "JPEG" else {}
    image = decode(encoders.encode(hostile.in_mode("CMYK"), form, **options))
    assert image.mode == "CMYK"
    assert distance(image.pixels, PICTURE) < 4
    assert any("CMYK" in note for note in image.notes)


def test_lab() -> None:
    profiles = [ImageCms.createProfile(name) for name in ("sRGB", "LAB")]
    transform = ImageCms.buildTransform(*profiles, "RGB", "LAB")
    lab = ImageCms.applyTransform(Image.fromarray(PICTURE), transform)
    assert distance(decode(encoders.encode(lab, "TIFF")).pixels, PICTURE) < 5


@pytest.mark.parametrize("mode", ["YCbCr", "RGBX", "PA", "P"])
def test_other_modes_of_tiff(mode: str) -> None:
    image = decode(encoders.encode(hostile.in_mode(mode), "TIFF"))
    assert distance(image.pixels, PICTURE) < 20


def test_run_lengths() -> None:
    pixels = decode(hostile.ODD["small run lengths"]()).pixels
    assert pixels[1, 0].tolist() == [7, 248, 7]  # BMP stores the last row first
    assert pixels[0, 3].tolist() == [9, 246, 9]


# --- Frames ---


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_only_the_first_frame_is_read_and_this_is_said(form: str) -> None:
    image = decode(encoders.frames(form, 12))
    assert np.array_equal(image.pixels, np.full((12, 20, 3), (255, 0, 0)))
    expected = "more than one page" if form == "TIFF" else "an animation with 12 frames"
    assert len(image.notes) == 1
    assert expected in image.notes[0]
    assert "only the first" in image.notes[0]
