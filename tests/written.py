"""Image files that say something about themselves, made by hand."""

from __future__ import annotations

import json
import zlib

from encoders import chunk, picture, png_array, segment
from PIL import Image

from cifake_core import metadata

A1111 = (
    "a cat on a table\nNegative prompt: blurry\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Model: v1-4"
)
COMFY = json.dumps(
    {
        "3": {"class_type": "KSampler", "inputs": {"seed": 8, "cfg": 8}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd14.safetensors"}},
    }
)
XMP = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:q="http://ns.adobe.com/xap/1.0/" {attributes}>{elements}</rdf:Description>
</rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def xmp(attributes: str = "", elements: str = "") -> bytes:
    return XMP.format(attributes=attributes, elements=elements).encode()


def jpeg_xmp(packet: bytes) -> bytes:
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)


def text_chunk(keyword: str, text: str, name: bytes = b"tEXt") -> bytes:
    if name == b"zTXt":
        body = b"\0\0" + zlib.compress(text.encode())
    elif name == b"iTXt":
        body = b"\0\1\0en\0word\0" + zlib.compress(text.encode())
    else:
        body = b"\0" + text.encode()
    return chunk(name, keyword.encode() + body)


def png(*extra: bytes) -> bytes:
    return png_array(picture(), 2, *extra)


def exif(**extra: object) -> bytes:
    tags = Image.Exif()
    tags[0x010F], tags[0x0110], tags[0x0131] = "Canon", "Canon EOS 5D", "Firmware 1.1"
    inner = tags.get_ifd(0x8769)
    inner[0x9003], inner[0xA434] = "2024:05:06 07:08:09", "EF50mm"
    inner.update(extra.get("inner", {}))
    if extra.get("place"):
        tags.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 14.0), 3: "E", 4: (11.0, 34.0, 31.0)})
    return tags.tobytes()


def said(data: bytes) -> dict[str, list[str]]:
    """Kinds to values."""
    found: dict[str, list[str]] = {}
    for finding in metadata.read(data).findings:
        assert finding.label
        assert finding.worth.endswith(".")
        found.setdefault(finding.kind, []).append(finding.value)
    return found
