"""Files that someone might upload and nobody should suffer from, made in memory.

``HOSTILE`` maps a name to a maker of bytes that must be refused, ``EXPECTED`` the same name to the
error it must be refused with; ``ODD`` maps names to makers of unusual files that must be read.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

import numpy as np
from encoders import (
    chunk,
    encode,
    exif,
    frames,
    grey_tiff,
    jpeg_with,
    oriented,
    picture,
    png,
    png_array,
    riff,
    segment,
    tiff,
)
from PIL import Image

from cifake_core import images
from cifake_core.errors import (
    BrokenImageError,
    ImageError,
    ImageTooLargeError,
    UnsupportedImageError,
)

Maker = Callable[[], bytes]
HOSTILE: dict[str, Maker] = {}
EXPECTED: dict[str, type[ImageError]] = {}
ODD: dict[str, Maker] = {}


def hostile(name: str, error: type[ImageError], make: Maker) -> None:
    HOSTILE[name] = make
    EXPECTED[name] = error


# --- Sizes and bombs ---


def patched_jpeg(width: int, height: int, **options: object) -> bytes:
    """A small JPEG whose header claims another size."""
    data = bytearray(encode(picture(), "JPEG", **options))
    at = max(data.find(b"\xff\xc0\0\x11"), data.find(b"\xff\xc2\0\x11"))
    struct.pack_into(">HH", data, at + 5, height, width)
    return bytes(data)


def huge_header(form: str, width: int = 60_000, height: int = 60_000) -> bytes:
    """A small file that claims 3,600 megapixels (WebP: 16,777,216 squared at the most)."""
    if form == "PNG":
        return png(width, height, 8, 2, bytes(1000))
    if form == "JPEG":
        return patched_jpeg(width, height)
    data = bytearray(encode(picture(), form))
    if form == "GIF":
        struct.pack_into("<HH", data, 6, width, height)
    elif form == "BMP":
        struct.pack_into("<II", data, 18, width, height)
    elif form == "TIFF":
        return grey_tiff(np.zeros((4, 4), np.uint8), t256=width, t257=height)
    elif form == "WEBP":
        size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        frame = riff_frame(encode(np.zeros((1, 1, 3), np.uint8), "WEBP", lossless=True))
        return riff((b"VP8X", b"\x02\0\0\0" + size), (b"ANIM", bytes(6)), (b"ANMF", frame))
    return bytes(data)


def riff_frame(still: bytes) -> bytes:
    """The body of an animation frame of 1 x 1 pixel around the chunk of a still WebP."""
    return bytes(12) + (10).to_bytes(3, "little") + b"\0" + still[12:]


def many_scans(count: int, side: int = 4096) -> bytes:
    """A progressive JPEG whose last scan is repeated, each an end-of-band run over all blocks."""
    data = encode(Image.new("L", (side, side)), "JPEG", progressive=True, quality=50)
    last = data.rfind(b"\xff\xda")
    return data[:last] + data[last:-2] * count + b"\xff\xd9"


def gif_frame_beyond_canvas() -> bytes:
    return (
        b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\0\0"
        b"!\xf9\x04\x08\0\0\0\0" + b"," + struct.pack("<4HB", 0, 0, 65535, 65535, 0)
        + b"\x02\x02\x44\x01\0;"
    )  # fmt: skip


def rle_bmp(width: int, height: int, body: bytes) -> bytes:
    palette = b"".join(bytes([v, 255 - v, v, 0]) for v in range(256))
    start = 14 + 40 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + info + palette + body


def strips_sharing_bytes() -> bytes:
    """5,000 compressed strips that are all the same 200 KB."""
    body, rows = zlib.compress(bytes(64)) + bytes(200_000), 5000
    return tiff(
        {
            256: ("I", [64]),
            257: ("I", [rows]),
            258: ("H", [8]),
            259: ("H", [8]),
            262: ("H", [1]),
            273: ("I", [-1] * rows),
            277: ("H", [1]),
            278: ("I", [1]),
            279: ("I", [len(body)] * rows),
        },
        body,
    )


def tiny_tiles() -> bytes:
    tags = {256: 5000, 257: 5000, 322: 1, 323: 1}
    values = np.zeros((4, 4), np.uint8)
    return grey_tiff(values, **{f"t{tag}": value for tag, value in tags.items()}, t259=5)


def noise_after(magic: bytes) -> bytes:
    return magic + random.Random(7).randbytes(4000)


_MAGIC = {
    "JPEG": b"\xff\xd8\xff",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "GIF": b"GIF89a",
    "WEBP": b"RIFF\x00\x10\x00\x00WEBPVP8 ",
    "TIFF": b"II*\0",
    "BMP": b"BM",
}

hostile("empty", BrokenImageError, lambda: b"")
hostile("one byte", UnsupportedImageError, lambda: b"\xff")
hostile("random bytes", UnsupportedImageError, lambda: random.Random(5).randbytes(5000))
hostile("text", UnsupportedImageError, lambda: b"Dear all,\nthe picture is attached.\n")
hostile("html", UnsupportedImageError, lambda: b"\n<!DOCTYPE html><html><body>404</body></html>")
hostile("svg", UnsupportedImageError, lambda: b'<?xml version="1.0"?><svg width="9"></svg>')
hostile("pdf", UnsupportedImageError, lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj")
hostile("zip", UnsupportedImageError, lambda: b"PK\x03\x04" + bytes(60))
hostile("heic", UnsupportedImageError, lambda: b"\0\0\0\x18ftypheic" + bytes(60))
hostile("video", UnsupportedImageError, lambda: b"\0\0\0\x18ftypisom" + bytes(60))
hostile("big tiff", UnsupportedImageError, lambda: b"II+\0\x08\0\0\0" + bytes(60))
hostile(
    "rare tiff compression",
    UnsupportedImageError,
    lambda: grey_tiff(np.zeros((4, 4), np.uint8), t259=34925),
)
hostile("too many bytes", ImageTooLargeError, lambda: _MAGIC["PNG"] + bytes(images.MAX_BYTES))
for _form in images.FORMATS:
    hostile(
        f"cut short {_form}",
        BrokenImageError,
        lambda form=_form: (lambda data: data[: len(data) * 2 // 3])(encode(picture(), form)),
    )
    hostile(
        f"huge {_form}",
        ImageTooLargeError,
        lambda form=_form: huge_header(form),
    )
    hostile(
        f"noise as {_form}",
        BrokenImageError,
        lambda form=_form: noise_after(_MAGIC[form]),
    )
hostile("zero PNG", BrokenImageError, lambda: png(0, 9, 8, 2, bytes(9)))
hostile("zero JPEG", BrokenImageError, lambda: patched_jpeg(9, 0))
hostile("zero GIF", BrokenImageError, lambda: b"GIF89a" + bytes(7) + b"," + bytes(9) + b"\x02\0;")
hostile("GIF script", BrokenImageError, lambda: b"GIF89a/*" + bytes(40) + b"*/=1;alert(1)")
hostile("frame beyond canvas", ImageTooLargeError, gif_frame_beyond_canvas)
hostile(
    "GIF of comments",
    ImageTooLargeError,
    lambda: b"GIF89a\1\0\1\0\0\0\0" + b"!\xfe\x01x\0" * 3_000_000 + b";",
)
hostile(
    "PNG of empty chunks",
    ImageTooLargeError,
    lambda: png(1, 1, 8, 0, b"\0\0", chunk(b"prVt", b"") * 1_500_000),
)
hostile(
    "JPEG of comments",
    ImageTooLargeError,
    lambda: jpeg_with(segment(0xFE, b"") * 2_000_000),
)
hostile("JPEG of scans", ImageTooLargeError, lambda: many_scans(300))
hostile(
    "coefficients",
    ImageTooLargeError,
    lambda: patched_jpeg(8000, 6000, progressive=True, subsampling=0),
)
hostile("run lengths", ImageTooLargeError, lambda: rle_bmp(7000, 7000, b"\0\0" * 99))
hostile("tiny tiles", ImageTooLargeError, tiny_tiles)
hostile(
    "huge tile",
    ImageTooLargeError,
    lambda: grey_tiff(np.zeros((4, 4), np.uint8), t322=60_000, t323=60_000, t259=5),
)
hostile("strips sharing bytes", BrokenImageError, strips_sharing_bytes)
hostile(
    "huge tag",
    ImageTooLargeError,
    lambda: tiff({256: ("I", [4]), 257: ("I", [4]), 273: ("I", [9] * 3_000_000)}, b""),
)


# --- Odd, and fine ---


def in_mode(mode: str) -> Image.Image:
    image = Image.fromarray(picture())
    if mode == "PA":
        return image.convert("RGBA").convert("PA")
    return image.convert(mode)


def bomb_text(name: bytes) -> bytes:
    """A chunk of 250 KB that inflates to 256 MB: zTXt, iTXt or iCCP."""
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(bytes(2**20)) for _ in range(256)) + packer.flush()
    head = b"Comment\0\x01\0\0\0" if name == b"iTXt" else b"Comment\0\0"
    return chunk(name, head + body)


def large(width: int, height: int, form: str = "JPEG") -> bytes:
    options = {"method": 0} if form == "WEBP" else {}
    return encode(Image.fromarray(picture(64, 48)).resize((width, height)), form, **options)


for _name in (b"zTXt", b"iTXt", b"iCCP"):
    ODD[f"{_name.decode()} bomb"] = lambda name=_name: png_array(picture(), 2, bomb_text(name))
for _form in ("GIF", "WEBP", "PNG", "TIFF"):
    ODD[f"frames {_form}"] = lambda form=_form: frames(form)
for _form, _modes in {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "TIFF": ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F"),
    "JPEG": ("L", "RGB", "CMYK"),
    "GIF": ("L", "P"),
    "BMP": ("1", "L", "P", "RGB"),
    "WEBP": ("RGB", "RGBA"),
}.items():
    for _mode in _modes:
        ODD[f"{_form} {_mode}"] = lambda form=_form, mode=_mode: encode(in_mode(mode), form)
for _side in range(1, 9):
    ODD[f"orientation {_side}"] = lambda side=_side: oriented("JPEG", side)
ODD["exif loop"] = lambda: jpeg_with(segment(0xE1, b"Exif\0\0" + exif(6, loop=True)))
ODD["exif cut"] = lambda: jpeg_with(segment(0xE1, b"Exif\0\0" + exif(6)[:15]))
ODD["exif noise"] = lambda: jpeg_with(segment(0xE1, noise_after(b"Exif\0\0II")))
ODD["exif in 9,000 parts"] = lambda: jpeg_with(segment(0xE1, b"Exif\0\0xy") * 9000)
ODD["icc"] = lambda: jpeg_with(segment(0xE2, b"ICC_PROFILE\0\x01\x01" + bytes(60_000)))
ODD["zip behind jpeg"] = lambda: jpeg_with() + b"PK\x03\x04" + bytes(500)
ODD["html in jpeg"] = lambda: jpeg_with(segment(0xFE, b"<script>alert(1)</script>"))
ODD["fill bytes in a row"] = lambda: jpeg_with(b"\xff" * 4_000_000 + b"\0")
ODD["progressive"] = lambda: jpeg_with(progressive=True)
ODD["wide"] = lambda: encode(picture(60_000, 1), "PNG")
ODD["tall"] = lambda: encode(picture(1, 60_000), "PNG")
ODD["small run lengths"] = lambda: rle_bmp(4, 2, b"\x04\x07\0\0\x04\x09\0\1")
hostile("endless row", ImageTooLargeError, lambda: png(50_000_000, 1, 8, 2, bytes(9)))
ODD["13 megapixels"] = lambda: large(4160, 3120)
ODD["24 megapixels"] = lambda: large(6000, 4000)
ODD["24 megapixels WEBP"] = lambda: large(6016, 4016, "WEBP")
ODD["50 megapixels"] = lambda: large(8192, 6144)
