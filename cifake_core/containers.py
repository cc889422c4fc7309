"""A short walk over an image file's container, before any decoder sees it.

It finds the size, the orientation and the number of frames, holds them against the limits, and
hands on only what makes the pixels: text, colour profiles, EXIF and thumbnails never reach a
decoder, so neither do the bombs hidden in them.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from typing import NamedTuple

from cifake_core.errors import BrokenImageError, ImageTooLargeError, UnsupportedImageError
from cifake_core.limits import (
    FORMATS,
    MAX_PARTS,
    MAX_PIXELS,
    MAX_SCANS,
    MAX_SIDE,
    MAX_WORK_BYTES,
)


class Lean(NamedTuple):
    """A container cut down to its pixels; ``work`` is the decoder's own buffers in bytes."""

    file: io.BytesIO
    size: tuple[int, int] | None = None
    orientation: int = 1
    frames: int = 1
    work: int = 0
    tags: dict[int, list[int]] | None = None  # TIFF only


def check_size(kind: str, width: int, height: int, pixel_bytes: int = 1, work: int = 0) -> None:
    if min(width, height) <= 0:
        raise BrokenImageError(f"This {kind} file says that its picture has no pixels.")
    pixels = width * height
    if pixels > MAX_PIXELS:
        raise ImageTooLargeError(
            f"The picture has {width} x {height} pixels; at most {MAX_PIXELS // 10**6} megapixels "
            "can be read. Make it smaller and try again."
        )
    if max(width, height) > MAX_SIDE:
        raise ImageTooLargeError(
            f"The picture has {width} x {height} pixels; no side may be longer than {MAX_SIDE}. "
            "Cut out a part of it and try with that."
        )
    # The decoder's buffers are gone by the time the RGB array is made.
    if pixel_bytes * pixels + max(work, 3 * pixels) > MAX_WORK_BYTES:
        raise ImageTooLargeError(
            f"At {width} x {height} pixels, this kind of {kind} file takes too much memory to "
            "decode. Save the picture smaller, or as a plain JPEG, and try again."
        )


def broken(kind: str) -> BrokenImageError:
    return BrokenImageError(
        f"This {kind} file is damaged, cut short or of a rare variant, so it cannot be read. "
        "Open it in a picture viewer, save it again and try with that."
    )


def _too_many(kind: str) -> ImageTooLargeError:
    return ImageTooLargeError(
        f"This {kind} file is cut into more parts than can be read in reasonable time. "
        "Open it in a picture viewer, save it again and try with that."
    )


_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)
_OTHERS = (
    (b"II+\0", "a BigTIFF picture"),
    (b"MM\0+", "a BigTIFF picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\1\0", "a Windows icon"),
    (b"8BPS", "a Photoshop document"),
    (b"%PDF", "a PDF document"),
    (b"PK\3\4", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a packed archive"),
    (b"7z\xbc\xaf", "a packed archive"),
    (b"Rar!", "a packed archive"),
    (b"\x1a\x45\xdf\xa3", "a video"),
    (b"RIFF", "a sound or a video"),
)
_HEIF = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis")


def kind_of(data: bytes) -> str:
    """Name the format by its first bytes, or raise and say what the file looks like instead."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    text = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    what = next((name for magic, name in _OTHERS if data.startswith(magic)), None)
    if data[4:8] == b"ftyp":
        what = "a HEIC or AVIF picture" if data[8:12] in _HEIF else "a video"
    elif text.startswith((b"<svg", b"<?xml", b"<!--")) and b"<svg" in text:
        what = "an SVG drawing"
    elif text.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<!--")):
        what = "a web page (HTML)"
    elif not what and text and not re.search(rb"[^\t\r\n\x20-\x7e]", text):
        what = "text"
    raise UnsupportedImageError(
        (f"This looks like {what}, which is not read here. " if what else "This is not an image. ")
        + f"Use a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} picture."
    )


# --- Containers: how large, which way up, how many frames, and nothing that is not pixels ---


def orientation_of(exif: bytes) -> int:
    """Read tag 274 of the first directory of EXIF or TIFF; 1 where it is missing or broken."""
    try:
        exif = exif.removeprefix(b"Exif\0\0")
        order = {b"II": "<", b"MM": ">"}[exif[:2]]
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, number, value = struct.unpack_from(order + "HHIH", exif, at)
            if tag == 274:
                return value if (kind, number) == (3, 1) and 1 <= value <= 8 else 1
    except (KeyError, struct.error):
        pass
    return 1


# A marker may be led by fill bytes; RSTn, TEM and the stuffed FF 00 carry no segment.
# No "+" for the fill bytes: a long run of them would be gone through once for each of its bytes.
JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")


def _walk_jpeg(data: bytes) -> Lean:
    kept, view, at = [data[:2]], memoryview(data), 2
    size, orientation, scans, first_scan = None, 1, 0, 0
    components, coefficients, streams = 0, 0, False
    for _ in range(MAX_PARTS):
        found = JPEG_MARKER.search(data, at)
        if not found or found[1] == b"\xd9":
            break
        code, start, body = found[1][0], found.start(1) - 1, found.end() + 2
        at = body + max(int.from_bytes(data[body - 2 : body], "big") - 2, 0)
        if code == 0xDA:
            scans, first_scan = scans + 1, first_scan or start
            # One scan of all components is decoded as it comes; else every coefficient is kept.
            streams = streams and scans == 1 and data[body] == components
        elif 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            if size:
                raise broken("JPEG")
            height, width, components = struct.unpack_from(">HHB", data, body + 1)
            size, streams = (width, height), code not in (0xC2, 0xCA)
            coefficients = _coefficient_bytes(data[body + 6 : at], width, height)
        elif code == 0xE1 and data[body : body + 6] == b"Exif\0\0" and orientation == 1:
            orientation = orientation_of(data[body:at])
        if not first_scan and (code < 0xE0 or code in (0xE0, 0xEE)):  # tables, frame, JFIF, Adobe
            kept.append(view[start:at])
    else:
        raise _too_many("JPEG")
    if scans > MAX_SCANS:
        raise _too_many("JPEG")
    if not first_scan or not size or sum(map(len, kept)) > 2**18:
        raise broken("JPEG")
    end = found.end() if found else len(data)  # what follows, such as a phone's video, is left out
    file = io.BytesIO(b"".join([*kept, view[first_scan:end]]))
    return Lean(file, size, orientation, work=0 if streams else coefficients)


def _coefficient_bytes(components: bytes, width: int, height: int) -> int:
    """Memory of a JPEG's coefficients: 64 of 2 bytes in a block, blocks by subsampling."""
    factors = [(byte >> 4, byte & 15) for byte in components[1::3]]
    across = -(-width // (8 * max(h for h, _ in factors)))
    down = -(-height // (8 * max(v for _, v in factors)))
    return 128 * across * down * sum(h * v for h, v in factors)


def _walk_png(data: bytes) -> Lean:
    kept, view, at, orientation, frames = [data[:8]], memoryview(data), 8, 1, 1
    for _ in range(MAX_PARTS):
        length, name = struct.unpack_from(">I4s", data, at)
        body, end = at + 8, at + 12 + length
        if name in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            kept.append(view[at:end])
        elif name == b"eXIf":
            orientation = orientation_of(data[body : body + min(length, 2**16)])
        elif name == b"acTL":
            (frames,) = struct.unpack_from(">I", data, body)
        at = end
        if name == b"IEND" or at >= len(data):
            break
    else:
        raise _too_many("PNG")
    if data[12:16] != b"IHDR":
        raise broken("PNG")
    size = struct.unpack_from(">II", data, 16)
    return Lean(io.BytesIO(b"".join(kept)), size, orientation, frames)


def _walk_gif(data: bytes) -> Lean:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = screen = 13 + (6 << (flags & 7) if flags & 128 else 0)
    control, size, first, frames, in_blocks = b"", (0, 0), 0, 0, False
    for _ in range(4 * MAX_PARTS):
        if at >= len(data):
            break
        if in_blocks:  # of data, each led by its length; an empty one is the last
            in_blocks = data[at] > 0
            at += 1 + data[at]
        elif data[at] == 0x3B:
            break
        elif data[at] == 0x2C and at + 10 <= len(data):
            x, y, w, h, flags = struct.unpack_from("<4HB", data, at + 1)
            if not frames:  # Pillow grows the canvas where the frame is beyond it
                first, size = at, (max(width, x + w), max(height, y + h))
            frames, in_blocks = frames + 1, True
            at += 11 + (6 << (flags & 7) if flags & 128 else 0)
        elif data[at] == 0x21:
            if data[at + 1 : at + 3] == b"\xf9\x04" and not frames:
                # Only its transparent colour: a "disposal" would allocate a second canvas.
                control = b"!\xf9\x04" + bytes([data[at + 3] & 1]) + data[at + 4 : at + 7] + b"\0"
            at, in_blocks = at + 2, True
        else:  # junk between the parts
            at += 1
    else:
        if not frames:
            raise _too_many("GIF")
    if not frames:
        raise broken("GIF")
    lean = b"".join([data[:screen], control, memoryview(data)[first:]])
    return Lean(io.BytesIO(lean), size, frames=frames)


def _walk_webp(data: bytes) -> Lean:
    if data[12:16] == b"VP8X":
        size = (
            1 + int.from_bytes(data[24:27], "little"),
            1 + int.from_bytes(data[27:30], "little"),
        )
    elif data[12:16] == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        size = (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    else:
        if data[12:16] != b"VP8 " or data[23:26] != b"\x9d\x01\x2a":
            raise broken("WEBP")
        width, height = struct.unpack_from("<HH", data, 26)
        size = (width & 0x3FFF, height & 0x3FFF)
    return Lean(io.BytesIO(data), size)


def _walk_bmp(data: bytes) -> Lean:
    (header,) = struct.unpack_from("<I", data, 14)
    if header not in (12, 40, 52, 56, 64, 108, 124):
        raise broken("BMP")
    width, height = struct.unpack_from("<HH" if header == 12 else "<Ii", data, 18)
    return Lean(io.BytesIO(data), (width, abs(height)))  # a negative height: first row on top


# Sizes, layout, strips or tiles, palette and the codecs' own settings. All other tags are left out,
# the orientation too: Pillow would turn the pixels by it.
_TIFF_TAGS = {
    *(256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320),
    *(322, 323, 324, 325, 338, 339, 347, 530, 532),
}
# None, the CCITT family, LZW, JPEG, deflate, PackBits; rarer ones decode with fewer safeguards.
_TIFF_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}


def _walk_tiff(data: bytes) -> Lean:
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    end = start + 2 + 12 * count
    tags, kept = {}, []
    for at in range(start + 2, end, 12):
        tag, _, number = struct.unpack_from(order + "HHI", data, at)
        if tag in _TIFF_TAGS and tag not in tags:
            if number > MAX_PARTS:
                raise _too_many("TIFF")
            tags[tag] = _tiff_integers(data, at, order)
            kept.append(data[at : at + 12])
    file = io.BytesIO(data)
    file.seek(start)
    file.write(struct.pack(order + "H", len(kept)) + b"".join(kept) + bytes(4))  # no next page
    pages = 2 if any(data[end : end + 4]) else 1

    def first(tag: int, default: int) -> int:
        return (tags.get(tag) or [default])[0]

    if first(259, 1) not in _TIFF_COMPRESSIONS:
        raise UnsupportedImageError(
            "This TIFF file is compressed in a rare way that is not read here. "
            "Save the picture as a PNG or JPEG and try again."
        )
    width, height, samples = first(256, 0), first(257, 0), first(277, 1)
    check_size("TIFF", width, height)
    part_w, part_h = first(322, width), first(323, min(first(278, height), height))
    check_size("TIFF", part_w, part_h)
    planes = samples if first(284, 1) == 2 else 1
    if -(-width // part_w) * -(-height // part_h) * max(planes, 1) > MAX_PARTS:
        raise _too_many("TIFF")
    work = 0
    if first(259, 1) != 1:
        # Parts that share their bytes would have the same data decoded over and over.
        if not 0 < sum(tags.get(279, []) + tags.get(325, [])) <= len(data):
            raise broken("TIFF")
        work = part_w * part_h * max(4, samples * max(tags.get(258) or [1]) // 8)
    return Lean(file, (width, height), orientation_of(data), pages, work, tags)


def _tiff_integers(data: bytes, at: int, order: str) -> list[int]:
    """Read the values of the directory entry at ``at``; [] if they are not unsigned integers."""
    kind, number = struct.unpack_from(order + "HI", data, at + 2)
    if kind not in (1, 3, 4):
        return []
    layout = f"{order}{number}{'_B_HI'[kind]}"
    at += 8
    if struct.calcsize(layout) > 4:
        (at,) = struct.unpack_from(order + "I", data, at)
    return list(struct.unpack_from(layout, data, at))


WALKS: dict[str, Callable[[bytes], Lean]] = {
    "JPEG": _walk_jpeg,
    "PNG": _walk_png,
    "WEBP": _walk_webp,
    "GIF": _walk_gif,
    "BMP": _walk_bmp,
    "TIFF": _walk_tiff,
}
