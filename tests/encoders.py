"""Image files made by hand, where an encoder would refuse to write what a test needs."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image


def picture(width: int = 48, height: int = 40) -> np.ndarray:
    """A smooth (height, width, 3) uint8 picture in which every corner differs."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / max(width - 1, 1), y / max(height - 1, 1)
    return np.rint(np.stack([255 * x, 255 * y, 255 * (1 - x) * (1 - y)], 2)).astype(np.uint8)


def encode(image: Image.Image | np.ndarray, form: str, **options: object) -> bytes:
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes, interlace: int = 0
) -> bytes:
    """A PNG of filtered ``rows``; ``extra`` chunks go before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            *extra,
            chunk(b"IDAT", zlib.compress(rows, 1)),
            chunk(b"IEND", b""),
        ]
    )


def png_array(values: np.ndarray, colour: int, *extra: bytes) -> bytes:
    """A PNG of an (H, W[, C]) uint8 or uint16 array, unfiltered."""
    height, width = values.shape[:2]
    depth = 8 * values.itemsize
    lines = values.astype(values.dtype.newbyteorder(">")).reshape(height, -1)
    rows = b"".join(b"\0" + line.tobytes() for line in lines)
    return png(width, height, depth, colour, rows, *extra)


def tiff(tags: dict[int, tuple[str, list[int]]], pixels: bytes, order: str = "<") -> bytes:
    """A TIFF of one directory; a value list holding -1 stands for the offset of ``pixels``."""
    numbers = {"B": 1, "H": 3, "I": 4}
    start = 8 + 2 + 12 * len(tags) + 4
    late = b""
    spill = sum(
        len(values) * struct.calcsize(kind)
        for kind, values in tags.values()
        if len(values) * struct.calcsize(kind) > 4
    )
    entries = b""
    for tag, (kind, values) in sorted(tags.items()):
        values = [start + spill if value == -1 else value for value in values]
        body = struct.pack(f"{order}{len(values)}{kind}", *values)
        entries += struct.pack(order + "HHI", tag, numbers[kind], len(values))
        if len(body) > 4:
            entries += struct.pack(order + "I", start + len(late))
            late += body
        else:
            entries += body.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + struct.pack(order + "H", len(tags)) + entries + bytes(4) + late + pixels


def grey_tiff(values: np.ndarray, order: str = "<", **tags: int) -> bytes:
    """An uncompressed one-channel TIFF; ``tags`` are t<number>=value."""
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    body = values.astype(values.dtype.newbyteorder(order)).tobytes()
    height, width = values.shape
    entries = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [8 * values.itemsize]),
        259: ("H", [1]),
        262: ("H", [1]),
        273: ("I", [-1]),
        277: ("H", [1]),
        278: ("I", [height]),
        279: ("I", [len(body)]),
        339: ("H", [kind]),
    }
    entries |= {int(name[1:]): ("H", [value]) for name, value in tags.items()}
    return tiff(entries, body, order)


def exif(orientation: int, order: str = "<", *, loop: bool = False) -> bytes:
    """An EXIF block of one tag; with ``loop`` its next directory is itself."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHIHH", 274, 3, 1, orientation, 0)
    after = 8 if loop else 0
    return head + struct.pack(order + "IH", 8, 1) + entry + struct.pack(order + "I", after)


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg_with(*segments: bytes, **options: object) -> bytes:
    """A JPEG with extra segments right behind its start."""
    data = encode(picture(), "JPEG", quality=95, subsampling=0, **options)
    return data[:2] + b"".join(segments) + data[2:]


def oriented(form: str, orientation: int) -> bytes:
    """:func:`picture`, stored as it is, tagged with an EXIF orientation."""
    if form == "JPEG":
        return jpeg_with(segment(0xE1, b"Exif\0\0" + exif(orientation, ">")))
    if form == "PNG":
        return png_array(picture(), 2, chunk(b"eXIf", exif(orientation)))
    if form == "TIFF":
        return encode(picture(), "TIFF", tiffinfo={274: orientation})
    return encode(picture(), "WEBP", lossless=True, exif=exif(orientation))


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def frames(form: str, count: int = 3) -> bytes:
    """An animation whose first frame is pure red and whose others are not."""
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    pictures = [Image.new("RGB", (20, 12), colours[i % 3]) for i in range(count)]
    extra = {"lossless": True} if form == "WEBP" else {}
    return encode(pictures[0], form, save_all=True, append_images=pictures[1:], **extra)
