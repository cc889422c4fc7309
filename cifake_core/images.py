"""Uploaded bytes -> uint8 RGB pixels, safely.

An upload is hostile until shown otherwise, so it is read in three steps:

1. a walk over the container (:mod:`cifake_core.containers`) finds the size, the orientation and
   the number of frames, and hands on only what makes the pixels;
2. the size, and the memory that decoding takes, are held against :mod:`cifake_core.limits`;
3. Pillow decodes, and strips of rows become RGB one after another, so that no second full-size
   copy of the picture ever exists.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from cifake_core.containers import WALKS, broken, check_size, kind_of, orientation_of
from cifake_core.errors import BrokenImageError, ImageError, ImageTooLargeError
from cifake_core.limits import EXTENSIONS, FORMATS, MAX_BYTES, MAX_PIXELS, MAX_RLE

__all__ = [
    "AS_STORED", "EXTENSIONS", "FORMATS", "MAX_BYTES", "MAX_PIXELS", "DecodedImage", "decode",
    "upright",
]  # fmt: skip

BACKGROUND = (255, 255, 255)  # cut-outs are made for, and nearly always seen on, a white page
STRIP_PIXELS = 2**20
AS_STORED = (
    "The file asks to be shown turned or mirrored. The model judges the pixels as they are stored, "
    "so that no tag can change a verdict."
)

# Pillow warns and logs about odd metadata; neither may reach a terminal with bytes of an upload.
# Set once here: the context manager of `warnings` is not safe among threads.
warnings.filterwarnings("ignore", module=r"PIL\b")
logging.getLogger("PIL").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True, eq=False)
class DecodedImage:
    """One picture, as the file stores it; :func:`upright` shows it as a person would see it.

    Attributes:
        pixels: (H, W, 3) uint8, C-contiguous and read-only.
        format: One of :data:`FORMATS`.
        mode: Pillow's name of the pixel layout in the file.
        width: Columns, as stored.
        height: Rows, as stored.
        orientation: How the file asks to be shown, as in EXIF: 1 as it is, up to 8; not applied.
        notes: Plain sentences about what the file held and the pixels do not.
    """

    pixels: np.ndarray
    format: str
    mode: str
    width: int
    height: int
    orientation: int
    notes: tuple[str, ...]


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """(H, W, 3) pixels as stored -> as the file asks to be shown, C-contiguous.

    For eyes only: a tag that turned what the model sees would change the verdict.

    Args:
        orientation: 1 to 8, from EXIF 3.0, tag 274.
    """
    if orientation >= 5:  # 5 to 8 are 1 to 4 with rows and columns exchanged first
        pixels, orientation = pixels.transpose(1, 0, 2), orientation - 4
    rows = -1 if orientation in (3, 4) else 1
    columns = -1 if orientation in (2, 3) else 1
    return np.ascontiguousarray(pixels[::rows, ::columns])


def decode(data: bytes) -> DecodedImage:
    """Decode the first frame of an image file. Safe to call from many threads.

    Raises:
        UnsupportedImageError: Not an image, or a format outside :data:`FORMATS`.
        ImageTooLargeError: Over one of the limits of this module.
        BrokenImageError: Empty, damaged or cut short.
    """
    if not data:
        raise BrokenImageError("The file is empty. Choose another one, or copy it again.")
    if len(data) > MAX_BYTES:
        raise ImageTooLargeError(
            f"The file is larger than {MAX_BYTES // 2**20} MiB. "
            "Save the picture smaller, or as a JPEG, and try again."
        )
    kind = kind_of(data)
    try:
        return _decode(kind, data)
    except ImageError:
        raise
    except (MemoryError, Image.DecompressionBombError):
        raise ImageTooLargeError(
            f"Decoding this {kind} file would take too much memory. Save the picture smaller."
        ) from None
    except Exception:  # Pillow raises a dozen kinds of errors on malformed files
        raise broken(kind) from None


def _decode(kind: str, data: bytes) -> DecodedImage:
    lean = WALKS[kind](data)
    if lean.size:  # before Pillow: its WebP and GIF readers allocate the canvas when they open
        check_size(kind, *lean.size)
    with Image.open(lean.file, formats=[kind]) as im:
        pixels = im.width * im.height
        if kind == "WEBP":  # its decoder holds the canvas twice and a frame besides Pillow's copy
            turn = orientation_of(im.info.get("exif", b""))
            lean = lean._replace(frames=im.n_frames, orientation=turn, work=12 * pixels)
        pixel_bytes = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}.get(im.mode, 4)
        check_size(kind, *im.size, pixel_bytes, lean.work)
        codec, _, _, layout = im.tile[0] if im.tile else ("", (), 0, "")
        if codec == "bmp_rle" and max(pixels, len(data)) > MAX_RLE:
            raise ImageTooLargeError(
                f"A run-length compressed BMP may have {MAX_RLE // 10**6} megapixels at most. "
                "Save the picture as a PNG and try again."
            )
        mode = im.mode  # some readers change it while loading
        _scale_key(im, str(layout))
        im.load()
        rgb, transparent = _to_rgb(im, lean.tags or {})
    notes = [] if lean.orientation == 1 else [AS_STORED]
    if lean.frames > 1 and kind == "TIFF":
        notes.append("This file has more than one page; only the first was read.")
    elif lean.frames > 1:
        notes.append(
            f"This file is an animation with {lean.frames} frames; only the first was read."
        )
    if transparent:
        notes.append("Its transparent parts were laid over a white background.")
    if mode == "CMYK":
        notes.append("Its printing inks (CMYK) were converted to RGB, so colours are approximate.")
    elif mode in ("I", "F"):
        notes.append("Its values have more than 8 bits and were scaled to the range 0 to 255.")
    elif kind in ("PNG", "TIFF") and ";16" in str(layout):
        notes.append("Its 16-bit values were scaled to 8 bits.")
    height, width = rgb.shape[:2]
    return DecodedImage(rgb, kind, mode, width, height, lean.orientation, tuple(notes))


def _scale_key(im: Image.Image, layout: str) -> None:
    """Bring a PNG's transparent value to the depth that Pillow brings its pixels to."""
    key = im.info.get("transparency")
    if layout in ("L;2", "L;4") and isinstance(key, int):
        im.info["transparency"] = key * 255 // (2 ** int(layout[-1]) - 1)
    elif layout == "RGB;16B" and isinstance(key, tuple):
        im.info["transparency"] = tuple(value >> 8 for value in key)


def _to_rgb(im: Image.Image, tags: dict[int, list[int]]) -> tuple[np.ndarray, bool]:
    """Make a loaded image a read-only (H, W, 3) uint8 array.

    Returns:
        The array, and whether any of it was transparent.
    """
    width, height = im.size
    step = max(1, STRIP_PIXELS // width)
    boxes = [(0, y, width, min(y + step, height)) for y in range(0, height, step)]
    out, transparent = np.empty((height, width, 3), np.uint8), False
    scale = _scaling(im, boxes, tags) if im.mode[0] in "IF" else None
    key = im.info.get("transparency")
    for box in boxes:
        strip, rows = im.crop(box), out[box[1] : box[3]]
        if scale:  # Pillow's own conversion would clip
            values = np.asarray(strip)
            rows[...] = scale(values)[..., None]
            if key is not None:
                rows[values == key] = BACKGROUND
                transparent |= bool((values == key).any())
        elif im.has_transparency_data:
            if strip.mode == "La":  # premultiplied; RGBA comes out of the readers as it should
                strip = strip.convert("LA")
            strip = strip.convert("RGBA")
            page = Image.new("RGB", strip.size, BACKGROUND)
            page.paste(strip, mask=strip)
            rows[...] = np.asarray(page)
            transparent |= strip.getextrema()[3][0] < 255
        else:
            rows[...] = np.asarray(strip.convert("RGB"))
    out.flags.writeable = False
    return out, transparent


def _scaling(
    im: Image.Image, boxes: list[tuple[int, int, int, int]], tags: dict[int, list[int]]
) -> Callable[[np.ndarray], np.ndarray]:
    """Choose how grey values of more than 8 bits become uint8: linear, monotone, unclipped."""
    flip = np.uint8(255 if tags.get(262) == [0] else 0)  # TIFF: white is zero
    if im.mode.startswith("I;16"):
        # The high byte, as Pillow does for 16-bit colour; 12-bit TIFF values fill 12 bits only.
        shift = 4 if tags.get(258) == [12] else 8
        return lambda values: (values >> shift).astype(np.uint8) ^ flip
    low, high = np.inf, -np.inf
    for box in boxes:
        values = np.asarray(im.crop(box))
        values = values[np.isfinite(values)]
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    # Such files do not say what white is: take the usual white above the values, or their range.
    whites = (1.0, 255.0, 65535.0) if im.mode == "F" else (255.0, 65535.0)
    white = next((white for white in whites if low >= 0 and high <= white), None)
    low, high = (0.0, white) if white else (low, high)

    def scale(values: np.ndarray) -> np.ndarray:
        values = np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low)
        return (
            np.rint((values - low) * (255 / (high - low) if high > low else 0)).astype(np.uint8)
            ^ flip
        )

    return scale
