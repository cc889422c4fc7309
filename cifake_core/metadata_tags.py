"""EXIF and XMP -> the few values that say where an image comes from; both from hostile bytes.

EXIF is read without recursion: the first directory and the two it points to. XMP goes through
expat, which loads nothing from outside; a document type, and with it every entity of a file's own,
is refused.
"""

from __future__ import annotations

import struct
from collections import Counter
from xml.parsers import expat

from cifake_core.metadata_blocks import MAX_BLOCK, MAX_TEXT

MAX_ENTRIES = 1000
MAX_DEPTH = 64
MAX_ELEMENTS = 2_000  # of a packet; an editor's long history has some hundreds
MAX_VALUES = 16  # different ones of a property

# EXIF 3.0, tables 4 to 9; 700 and 52545 in TIFF: XMP and C2PA; 40092: Windows' own comment.
TAGS = {
    0x010E: "description",
    0x010F: "make",
    0x0110: "model",
    0x0131: "software",
    0x0132: "changed",
    0x02BC: "xmp",
    0x9003: "taken",
    0x9286: "comment",
    0x9C9C: "windows comment",
    0xA434: "lens",
    0xCD41: "credentials",
}
_EXIF_DIRECTORY, _GPS_DIRECTORY = 0x8769, 0x8825
_TEXT_TYPES = (1, 2, 7, 129)  # bytes, ASCII, undefined, UTF-8


class Exif(dict[str, bytes]):
    """Names of :data:`TAGS` to their bytes; ``location``: a position is stored."""

    location = False
    damaged = False


def read_exif(body: bytes) -> Exif:
    """Read what :data:`TAGS` names of a TIFF structure; marks itself damaged where it is."""
    found = Exif()
    order = {b"II": "<", b"MM": ">"}.get(body[:2])
    try:
        if order is None:
            raise ValueError("no byte order")
        (start,) = struct.unpack_from(order + "I", body, 4)
        pointers = _directory(body, order, start, found)
        if (start := pointers.get(_EXIF_DIRECTORY)) is not None:
            _directory(body, order, start, found)
        if (start := pointers.get(_GPS_DIRECTORY)) is not None:
            (count,) = struct.unpack_from(order + "H", body, start)
            tags = [
                struct.unpack_from(order + "H", body, start + 2 + 12 * i)[0]
                for i in range(min(count, MAX_ENTRIES))
            ]
            found.location = bool({2, 4} & set(tags))  # latitude, longitude; their values stay
    except (struct.error, ValueError):
        found.damaged = True
    return found


def _directory(body: bytes, order: str, start: int, found: Exif) -> dict[int, int]:
    """Read one directory into ``found``; returns where it points to."""
    pointers = {}
    (count,) = struct.unpack_from(order + "H", body, start)
    for i in range(min(count, MAX_ENTRIES)):
        at = start + 2 + 12 * i
        tag, kind, number, value = struct.unpack_from(order + "HHII", body, at)
        if tag in (_EXIF_DIRECTORY, _GPS_DIRECTORY):
            pointers[tag] = value
        elif tag in TAGS and kind in _TEXT_TYPES and TAGS[tag] not in found:
            first = value if number > 4 else at + 8
            if first + number > len(body):
                found.damaged = True
            else:
                limit = MAX_BLOCK if TAGS[tag] == "xmp" else MAX_TEXT
                found[TAGS[tag]] = body[first : first + min(number, limit)]
    return pointers


def text_of(raw: bytes) -> str:
    """Text up to its end sign: UTF-8 if it is that, else Latin-1."""
    raw = raw.split(b"\0", 1)[0]
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def comment_of(raw: bytes) -> str:
    """An EXIF UserComment: 8 bytes of the encoding's name, then the text."""
    name, rest = raw[:8], raw[8:]
    if not name.startswith(b"UNICODE"):
        return text_of(rest if name.rstrip(b"\0 ") in (b"", b"ASCII", b"JIS") else raw)
    # The standard leaves the byte order open: zeros are the high bytes of plain letters.
    big = rest[0:512:2].count(0) >= rest[1:512:2].count(0)
    return rest.decode("utf-16-be" if big else "utf-16-le", "replace").split("\0", 1)[0]


class RefusedError(ValueError):
    """XMP with a document type, or nested beyond measure."""


def read_xmp(body: bytes, wanted: set[str]) -> tuple[list[tuple[str, str]], bool]:
    """Values of the properties whose local names are ``wanted``, in the order of the file.

    Args:
        body: an XMP packet in any encoding that expat knows.

    Returns:
        Pairs of local name and text, each once and at most MAX_VALUES of a name, and whether that
        is all there is.
    """
    found: dict[tuple[str, str], None] = {}  # a set that keeps its order
    count: Counter[str] = Counter()
    elements = 0
    path: list[str] = []
    texts: list[str] = []

    def keep(name: str, value: str) -> None:
        pair = (name, value.strip())
        if name in wanted and pair[1] and pair not in found:
            count[name] += 1
            if count[name] <= MAX_VALUES:
                found[pair] = None

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal elements
        elements += 1
        if len(path) >= MAX_DEPTH or elements > MAX_ELEMENTS:
            raise RefusedError
        texts.clear()
        path.append(name.rpartition(" ")[2])
        for key, value in attributes.items():
            local = key.rpartition(" ")[2]
            # <x:Prop rdf:resource="..."/> is a way to write a value that is an address.
            keep(path[-1] if local == "resource" else local, value)

    def end(_: str) -> None:
        name = path.pop()
        if name == "li" and len(path) > 1:  # <x:Prop><rdf:Seq><rdf:li>
            name = path[-2]
        keep(name, "".join(texts))
        texts.clear()

    def refuse(*_: object) -> None:
        raise RefusedError

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = texts.append
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(body.strip(b"\0 \t\r\n"), True)
    except (expat.ExpatError, ValueError, LookupError):
        return list(found), False
    return list(found), max(count.values(), default=0) <= MAX_VALUES
