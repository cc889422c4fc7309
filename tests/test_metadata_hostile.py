"""Metadata from hostile bytes: nothing is raised, and time, memory and text are bounded."""

from __future__ import annotations

import os
import random
import struct
import sys
import zlib
from pathlib import Path

import hostile
import pytest
import signed
import test_bad_images
from encoders import chunk, encode, jpeg_with, picture, segment
from written import COMFY, exif, jpeg_xmp, png, said, text_chunk, xmp

from cifake_core import metadata
from cifake_core.metadata_blocks import MAX_BLOCKS, MAX_TEXT, blocks
from cifake_core.metadata_words import MAX_VALUE, clean


def test_packed_bombs_are_unpacked_a_little():
    for name in (b"zTXt", b"iTXt"):
        bomb = png(hostile.bomb_text(name))
        (block,) = blocks("PNG", bomb)
        assert len(block.text()) == MAX_TEXT
        assert metadata.read(bomb).findings == ()  # zeros say nothing


@pytest.mark.parametrize(
    "packet",
    [
        b'<!DOCTYPE x [<!ENTITY a "Midjourney">]><x q="1"><CreatorTool>&a;</CreatorTool></x>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>'.encode(
            "utf-16"
        ),
        b"<a>" * 100_000,
        b"<a>" * 1000 + b"</a>" * 1000,
        b"\x00\xff\xfe",
        xmp('q:CreatorTool="Midjourney"')[:-30],
        b'<?xml version="1.0" encoding="nonsense"?><x/>',
    ],
)
def test_xmp_that_is_refused(packet):
    found = said(png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)))
    assert "unreadable" in found
    assert found.get("generator", []) == (["Midjourney"] if b"xmpmeta" in packet else [])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        exif()[:60],
        b"II*\0" + struct.pack("<IHHHII", 8, 1, 0x010F, 2, 2**31, 8),
        # Its EXIF directory is itself, a thousand times.
        b"II*\0" + struct.pack("<IH", 8, 1000) + struct.pack("<HHII", 0x8769, 4, 1, 8) * 1000,
    ],
)
def test_damaged_exif(body):
    data = jpeg_with(segment(0xE1, b"Exif\0\0" + body))
    assert set(said(data)) <= {"unreadable"}


def test_damaged_blocks_do_not_hide_the_others():
    data = png(
        chunk(b"zTXt", b"Comment\0\0" + b"no zlib"),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 1000)[:-9]),
        chunk(b"eXIf", b"??"),
        text_chunk("Software", "GIMP"),
    )
    found = said(data)
    assert found["software"] == ["GIMP"]
    assert len(found["unreadable"]) == 2


def test_numbers_and_lengths_are_bounded():
    many = png(*[text_chunk("Comment", f"number {i} " + "x" * 9000) for i in range(500)])
    found = metadata.read(many)
    assert len(found.findings) <= metadata.MAX_FINDINGS
    assert all(len(finding.value) <= MAX_VALUE for finding in found.findings)
    assert any("More blocks" in finding.value for finding in found.findings)
    late = png(*[text_chunk("Author", "x")] * MAX_BLOCKS, text_chunk("Software", "GIMP"))
    assert "software" not in said(late)


def test_values_are_cleaned():
    assert clean("a\0b\x1b[31m\u202ec\u200bd\r\n e\u2028") == "a b [31m c d e"
    assert clean("e" + "\u0301" * 500) == "e\u0301\u0301"
    long = clean("start " + "x" * 10**6 + " end")
    assert len(long) <= MAX_VALUE
    assert long.startswith("start")
    assert long.endswith(" end")
    assert clean("\ud800") == ""


def test_bytes_that_are_no_image():
    for data in (b"", b"\xff", b"hello", b"<svg></svg>", b"\x89PNG\r\n\x1a\n"):
        assert metadata.read(data).findings == ()


# As in test_bad_images: one child reads thousands of files, watched from outside.
READING = test_bad_images.CHILD.replace(
    "from cifake_core.images import decode", "from cifake_core.metadata import read"
).replace("image = decode(data)", "found = read(data).as_dict()")
READING = READING.replace(
    'fine = image.pixels.shape == (image.height, image.width, 3) and not image.notes.count("")',
    "fine = len(found['findings']) <= 24 and len(json.dumps(found)) < 99_999",
)


def mutations():
    rng = random.Random(20_241_118)
    sources = [
        encode(picture(), form, exif=exif(place=True, inner={0x9286: b"ASCII\0\0\0" + b"x" * 50}))
        for form in ("JPEG", "PNG", "WEBP", "TIFF")
    ]
    sources.append(png(*[text_chunk("prompt", COMFY, n) for n in (b"tEXt", b"zTXt", b"iTXt")]))
    sources.append(jpeg_with(jpeg_xmp(xmp('q:CreatorTool="Midjourney"', "<q:Make>A</q:Make>"))))
    sources.append(encode(picture(), "GIF", comment=b"Grandma's garden"))
    for number in range(700):
        yield f"mutation {number}", test_bad_images.damaged(sources[number % len(sources)], rng)
    signed_jpeg = signed.sign(encode(picture(), "JPEG"), "JPEG")
    for number in range(30):
        changed = bytearray(signed_jpeg)
        for _ in range(3):
            changed[rng.randrange(20, 2500)] = rng.randrange(256)
        yield f"signed {number}", bytes(changed)


def test_hostile_files_and_corpus(monkeypatch, capsys):
    assert "decode" not in READING
    monkeypatch.setattr(test_bad_images, "CHILD", READING)
    monkeypatch.setattr(test_bad_images, "OUTCOMES", {"ok"})
    monkeypatch.setattr(test_bad_images, "PEAK_MB", 256)
    monkeypatch.setattr(test_bad_images, "SECONDS", 10.0)  # a child of a child takes its start
    makers = {**hostile.HOSTILE, **hostile.ODD}
    groups = {
        "hostile": ((name, make()) for name, make in makers.items() if "megapixels" not in name),
        "mutations": mutations(),
    }
    if where := os.environ.get("CIFAKE_BAD_IMAGES"):
        groups["bad images"] = test_bad_images.corpus(Path(where))
    for name, files in groups.items():
        found = test_bad_images.run(files)
        with capsys.disabled():
            print(f"\nmetadata of {name}: {found}", file=sys.stderr)
        assert found.bad == []
        assert found.stderr == b""


def history(*agents: str) -> bytes:
    """A JPEG whose editor noted each step, and after them all that a model made the picture."""
    steps = "".join(
        f"<rdf:li><q:softwareAgent>{agent}</q:softwareAgent></rdf:li>" for agent in agents
    )
    made = "<q:DigitalSourceType>trainedAlgorithmicMedia</q:DigitalSourceType>"
    return jpeg_with(jpeg_xmp(xmp("", f"<q:History><rdf:Seq>{steps}</rdf:Seq></q:History>{made}")))


def test_a_long_history_hides_nothing_that_comes_after_it():
    found = said(history(*["Editor 1"] * 400))
    assert found == {"software": ["Editor 1"], "generator": ["made by a generative model"]}
    found = said(history(*[f"Editor {i}" for i in range(400)]))
    assert found["generator"] == ["made by a generative model"]
    assert found["unreadable"] == [
        "Part of the XMP block is damaged, not allowed or more than is read here"
    ]


def test_no_kind_of_finding_is_crowded_out():
    found = metadata._Found()
    for kind in metadata.KINDS[::-1]:
        for number in range(9):
            found.add(kind, "label", f"{kind} {number}", "worth")
    shown = found.metadata()
    assert len(shown.findings) == metadata.MAX_FINDINGS
    kinds = [finding.kind for finding in shown.findings]
    assert list(dict.fromkeys(kinds)) == list(metadata.KINDS)
    assert kinds == sorted(kinds, key=metadata.KINDS.index)
    assert shown.unknown == ()
    firsts = [f.value for f in shown.findings if f.kind == "generator"]
    assert firsts == ["generator 0", "generator 1", "generator 2"]
