"""The blocks of an image file that are not pixels: EXIF, XMP, texts, Content Credentials.

The counterpart of :mod:`cifake_core.containers`, which leaves all of this out. The bytes are
hostile: parts, blocks and the size of each are bounded, and packed text is unpacked only so far.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from cifake_core.containers import JPEG_MARKER
from cifake_core.limits import MAX_PARTS

MAX_BLOCKS = 64
MAX_BLOCK = 2**20  # bytes of a block as it lies in the file
MAX_TEXT = 2**18  # bytes of a text, unpacked

XMP_KEYWORD = "XML:com.adobe.xmp"


class Block(NamedTuple):
    """One block; ``kind`` is "exif", "xmp", "text" or "credentials" (whose body is not kept).

    ``packed``: the body is zlib-compressed. ``keyword`` comes from the file.
    """

    kind: str
    body: bytes = b""
    keyword: str = ""
    packed: bool = False

    def text(self) -> bytes:
        """The body, unpacked up to MAX_TEXT bytes.

        Raises:
            zlib.error: it is damaged.
            ValueError: it is cut short.
        """
        if not self.packed:
            return self.body[:MAX_TEXT]
        unpacker = zlib.decompressobj()
        out = unpacker.decompress(self.body, MAX_TEXT)
        if not unpacker.eof and len(out) < MAX_TEXT:
            raise ValueError("cut short")
        return out


def blocks(kind: str, data: bytes) -> Iterator[Block]:
    """Walk over a file of a kind that :func:`cifake_core.containers.kind_of` names.

    Raises:
        struct.error, IndexError: the container is broken at this place; what came before counts.
    """
    walk = _WALKS.get(kind)
    return walk(data) if walk else iter(())  # BMP has no such blocks


_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"


def _jpeg(data: bytes) -> Iterator[Block]:
    at, signed = 2, False
    for _ in range(MAX_PARTS):
        found = JPEG_MARKER.search(data, at)
        if not found or found[1] in b"\xda\xd9":  # the pixels begin
            return
        start = found.end() + 2
        at = start + max(int.from_bytes(data[start - 2 : start], "big") - 2, 0)
        code, body = found[1][0], data[start:at]
        if code == 0xE1 and body.startswith(b"Exif\0\0"):
            yield Block("exif", body[6:])
        elif code == 0xE1 and body.startswith(_JPEG_XMP):
            yield Block("xmp", body[len(_JPEG_XMP) :])
        elif code == 0xEB and body.startswith(b"JP") and b"jumb" in body[:32] and not signed:
            signed = True  # of many segments, one tells
            yield Block("credentials")
        elif code == 0xFE:
            yield Block("text", body, "Comment")


def _png(data: bytes) -> Iterator[Block]:
    at = 8
    for _ in range(MAX_PARTS):
        if at + 8 > len(data):
            return
        length, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + min(length, MAX_BLOCK)] if name in _PNG_WANTED else b""
        at += 12 + length
        if name == b"IEND":
            return
        if name == b"caBX":
            yield Block("credentials")
        elif name == b"eXIf":
            yield Block("exif", body)
        elif name in (b"tEXt", b"zTXt", b"iTXt"):
            yield _png_text(name, body)


_PNG_WANTED = (b"tEXt", b"zTXt", b"iTXt", b"eXIf")


def _png_text(name: bytes, body: bytes) -> Block:
    keyword, _, rest = body.partition(b"\0")
    word, packed = keyword[:79].decode("latin-1"), name == b"zTXt"
    if name == b"zTXt":
        rest = rest[1:]
    elif name == b"iTXt":
        packed = rest[:1] == b"\1"
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    return Block("xmp" if word == XMP_KEYWORD else "text", rest, word, packed)


def _webp(data: bytes) -> Iterator[Block]:
    at = 12
    for _ in range(MAX_PARTS):
        if at + 8 > len(data):
            return
        name, length = struct.unpack_from("<4sI", data, at)
        body = at + 8
        at = body + length + length % 2
        if name == b"C2PA":
            yield Block("credentials")
        elif name == b"EXIF":
            yield Block(
                "exif", data[body : body + min(length, MAX_BLOCK)].removeprefix(b"Exif\0\0")
            )
        elif name == b"XMP ":
            yield Block("xmp", data[body : body + min(length, MAX_BLOCK)])


def _gif(data: bytes) -> Iterator[Block]:
    at = 13 + (6 << (data[10] & 7) if data[10] & 128 else 0)
    in_blocks, comment = False, None
    for _ in range(4 * MAX_PARTS):
        if at >= len(data):
            return
        if in_blocks:  # of data, each led by its length; an empty one is the last
            size = data[at]
            if comment is not None and len(comment) < MAX_TEXT:
                comment += data[at + 1 : at + 1 + size]
            in_blocks, at = size > 0, at + 1 + size
            if not in_blocks and comment is not None:
                yield Block("text", bytes(comment), "Comment")
                comment = None
        elif data[at] == 0x3B:
            return
        elif data[at] == 0x2C and at + 10 <= len(data):
            flags, in_blocks = data[at + 9], True
            at += 11 + (6 << (flags & 7) if flags & 128 else 0)
        elif data[at] == 0x21:
            label, name = data[at + 1 : at + 2], data[at + 3 : at + 14]
            if label == b"\xfe":
                comment = bytearray()
            elif label == b"\xff" and name.startswith(b"C2PA_GIF"):
                yield Block("credentials")
            elif label == b"\xff" and name == b"XMP DataXMP":
                # Bare text, and behind it bytes that lead a walk over blocks to its end.
                end = data.find(b"\x01\xff\xfe", at + 14, at + 14 + MAX_BLOCK)
                yield Block("xmp", data[at + 14 : max(end, at + 14)])
            at, in_blocks = at + 2, True
        else:
            at += 1


def _tiff(data: bytes) -> Iterator[Block]:
    yield Block("exif", data)  # whose tags 700 and 52545 are XMP and Content Credentials


_WALKS = {"JPEG": _jpeg, "PNG": _png, "WEBP": _webp, "GIF": _gif, "TIFF": _tiff}
