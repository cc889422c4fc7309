"""What an image file says about itself, and that no verdict hears of it."""

from __future__ import annotations

import json

import encoders
import numpy as np
import pytest
import signed
from encoders import chunk, encode, jpeg_with, picture, riff, segment
from PIL import Image
from written import A1111, COMFY, exif, jpeg_xmp, png, said, text_chunk, xmp

from cifake_core import images, metadata, pipeline
from cifake_core.metadata_traces import gist

TRAINED = signed.IPTC + "trainedAlgorithmicMedia"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_camera_date_and_software_but_no_place(form):
    data = encode(picture(), form, exif=exif(place=True))
    found = said(data)
    assert found["camera"] == ["Canon EOS 5D, lens EF50mm"]
    assert found["date"] == ["2024:05:06 07:08:09"]
    assert found["software"] == ["Firmware 1.1"]
    assert found["location"] == ["A location is stored"]
    assert "48" not in json.dumps(metadata.read(data).as_dict())
    assert metadata.read(data).unknown == ("generator", "credentials")


def test_absence_is_unknown():
    for form in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        found = metadata.read(encode(picture(), form))
        assert found.findings == ()
        assert found.as_dict() == {**dict.fromkeys(metadata.QUESTIONS, "unknown"), "findings": []}


@pytest.mark.parametrize("name", [b"tEXt", b"zTXt", b"iTXt"])
@pytest.mark.parametrize(
    ("keyword", "text", "value"),
    [
        ("parameters", A1111, " ".join(A1111.split())),
        ("prompt", COMFY, "model sd14.safetensors; steps: KSampler, CheckpointLoaderSimple"),
        ("workflow", '{"nodes": [{"type": "VAEDecode"}]}', "steps: VAEDecode"),
        ("invokeai_metadata", '{"app_version": "4"}', '{"app_version": "4"}'),
        ("Software", "NovelAI", "NovelAI"),
        ("Source", "Stable Diffusion XL 7BCCAA2C", "Stable Diffusion XL 7BCCAA2C"),
        ("Comment", '{"steps": 28, "sampler": "k_euler"}', '{"steps": 28, "sampler": "k_euler"}'),
        ("Description", "a cat --v 6.1 Job ID: 0a1b2c3d-4e5f", None),
        ("AIGC", '{"Label": "1"}', '{"Label": "1"}'),
    ],
)
def test_generators_in_png_texts(name, keyword, text, value):
    found = said(png(text_chunk(keyword, text, name)))
    assert found == {"generator": [value or text]}


def test_harmless_png_texts_are_no_generator():
    found = said(
        png(
            text_chunk("Software", "GIMP 3.0"),
            text_chunk("Comment", "My cat in the kitchen, 5 steps from the door"),
            text_chunk("Author", "Jane Doe"),
            text_chunk("Creation Time", "2024-01-02"),
        )
    )
    assert found == {
        "software": ["GIMP 3.0"],
        "date": ["2024-01-02"],
        "text": ["My cat in the kitchen, 5 steps from the door"],
    }


@pytest.mark.parametrize(
    ("keyword", "value", "kind"),
    [
        ("Title", "Gemini, the twins", "text"),
        ("Title", "Midjourney and I", "text"),
        ("Source", "Gemini", "text"),
        ("Source", "Gemini South telescope", "text"),
        ("Source", "Grok: a comic", "text"),
        ("Software", "Gemini", "generator"),
        ("Software", "gemini 2.5 Flash Image", "generator"),
        ("Software", "Google Gemini", "generator"),
        ("Software", "Grok", "generator"),
        ("Software", "Gemini Astronomy Toolkit", "software"),
        ("Software", "Grokker 2", "software"),
    ],
)
def test_only_names_of_programs_claim_a_generator(keyword, value, kind):
    assert list(said(png(text_chunk(keyword, value)))) == [kind]


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le", "ascii"])
def test_settings_in_exif_comment(encoding):
    name = b"ASCII\0\0\0" if encoding == "ascii" else b"UNICODE\0"
    for form in ("JPEG", "WEBP"):
        data = encode(picture(), form, exif=exif(inner={0x9286: name + A1111.encode(encoding)}))
        assert said(data)["generator"] == [" ".join(A1111.split())], form


def test_comfyui_workflow_in_the_camera_tags():
    tags = Image.Exif()
    tags[0x010F], tags[0x0110] = 'workflow:{"nodes": []}', "prompt:" + COMFY
    found = said(encode(picture(), "WEBP", exif=tags.tobytes()))
    assert "camera" not in found
    assert found["generator"]


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (xmp('q:CreatorTool="Adobe Firefly 3"'), {"generator": ["Adobe Firefly 3"]}),
        (xmp("", "<q:CreatorTool>GIMP &amp; I</q:CreatorTool>"), {"software": ["GIMP & I"]}),
        (xmp(f'q:DigitalSourceType="{TRAINED}"'), {"generator": ["made by a generative model"]}),
        (
            xmp("", f'<q:DigitalSourceType rdf:resource="{TRAINED}"/>'),
            {"generator": ["made by a generative model"]},
        ),
        (
            xmp(f'q:DigitalSourceType="{signed.IPTC}digitalCapture"'),
            {"source": ["taken by a digital camera"]},
        ),
        (
            xmp('q:AISystemUsed="Any Generator 2" q:AIPromptInformation="a cat"'),
            {"generator": ["Any Generator 2", "a cat"]},
        ),
        (
            xmp("", f"<q:description>{A1111}</q:description>"),
            {"generator": [" ".join(A1111.split())]},
        ),
        (xmp("", "<q:description>A day out</q:description>"), {"text": ["A day out"]}),
        (xmp('q:Credit="Made with Google AI"'), {"generator": ["Made with Google AI"]}),
        (xmp('q:Credit="Edited with Google AI"'), {"part": ["Edited with Google AI"]}),
        (xmp('q:Credit="Apple Photos Clean Up"'), {"part": ["Apple Photos Clean Up"]}),
        (xmp('q:Credit="Jane Doe"'), {}),
        (xmp('q:Credit="Midjourney, edited by AI"'), {"generator": ["Midjourney, edited by AI"]}),
        (xmp('q:Credit="Made with OpenAI"'), {"generator": ["Made with OpenAI"]}),
        (xmp('q:Credit="OpenAI/DALL-E 3"'), {"generator": ["OpenAI/DALL-E 3"]}),
        (xmp('q:Make="Gemini" q:Model="XL"'), {"camera": ["Gemini XL"]}),
        (xmp('q:CreatorTool="Gemini"'), {"generator": ["Gemini"]}),
        (xmp('q:GPSLatitude="48,8.2N"'), {"location": ["A location is stored"]}),
        (
            xmp("", f"<q:UserComment><rdf:Alt><rdf:li>{A1111}</rdf:li></rdf:Alt></q:UserComment>"),
            {"generator": [" ".join(A1111.split())]},
        ),
        (
            xmp('q:provenance="https://example.org/m.c2pa"'),
            {"credentials": ["On a server that this file names"]},
        ),
    ],
)
def test_xmp(packet, expected):
    assert said(jpeg_with(jpeg_xmp(packet))) == expected


def test_xmp_in_every_format_that_has_it():
    packet = xmp('q:CreatorTool="Midjourney"')
    gif = encode(picture(), "GIF")
    head = 13 + (6 << (gif[10] & 7))
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    still = encode(picture(), "WEBP")[12:]
    for data in (
        png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)),
        riff((b"VP8 ", still[8:]), (b"XMP ", packet)),
        gif[:head] + b"!\xff\x0bXMP DataXMP" + packet + trailer + gif[head:],
        encode(picture(), "TIFF", tiffinfo={700: packet}),
    ):
        assert said(data) == {"generator": ["Midjourney"]}, data[:4]


def test_comments_of_jpeg_and_gif():
    gif = encode(picture(), "GIF", comment=b"Grandma's garden")
    assert said(gif) == {"text": ["Grandma's garden"]}
    assert said(jpeg_with(segment(0xFE, A1111.encode())))["generator"]


@pytest.mark.parametrize(
    "name",
    [
        *("Sora", "Reve", "Reve Image 1.0", "Kling 2.1", "ImageFX", "Krea", "Hunyuan 3.0"),
        *("Kandinsky 3", "diffusers 0.35.1", "Ideogram 3.0", "Draw Things"),
    ],
)
def test_words_for_people_and_things_are_generators_only_where_programs_are_named(name):
    assert said(png(text_chunk("Software", name))) == {"generator": [name]}
    tags = Image.Exif()
    tags[0x013B] = name  # the artist
    assert said(encode(picture(), "JPEG", exif=tags.tobytes())) == {}
    assert said(png(text_chunk("Author", name), text_chunk("Artist", name))) == {}
    assert said(jpeg_with(jpeg_xmp(xmp(f'q:Credit="{name}" q:creator="{name}"')))) == {}
    assert list(said(png(text_chunk("Source", name), text_chunk("Title", name)))) == ["text"]
    assert list(said(png(text_chunk("Software", f"My {name}")))) == ["software"]


def test_gist_of_a_workflow():
    assert gist('{"type": "a"}') == '{"type": "a"}'
    named = json.loads(COMFY)
    named["3"]["inputs"]["sampler_name"] = "dpmpp_2m"
    named["6"] = {"class_type": "CLIPTextEncode", "inputs": {"text": 'a "cat",\nasleep é'}}
    assert gist(json.dumps(named)) == (
        'first text “a "cat", asleep é”; model sd14.safetensors; sampler dpmpp_2m; '
        "steps: KSampler, CheckpointLoaderSimple, CLIPTextEncode"
    )


@pytest.mark.parametrize(
    ("word", "said_of_it"),
    [
        ("digitalCapture", "taken by a digital camera"),
        ("DIGITALCAPTURE", "taken by a digital camera"),
        ("negativeFilm", "digitised from film"),
        ("print", "digitised from a print"),
        ("digitalArt", "drawn by a person with digital tools"),
        ("algorithmicMedia", "made by an algorithm that was not trained on images"),
        ("minorHumanEdits", "edited a little by a person"),
        ("screenCapture", "a picture of a screen"),
        ("unheardOf", "unheardOf"),
    ],
)
def test_a_stated_source_answers_for_no_camera_and_no_program(word, said_of_it):
    """In XMP and, signed, in Content Credentials: with a worth of its own."""
    by_xmp = metadata.read(jpeg_with(jpeg_xmp(xmp(f'q:DigitalSourceType="{signed.IPTC}{word}"'))))
    (finding,) = by_xmp.findings
    assert (finding.kind, finding.value) == ("source", said_of_it)
    assert "whoever wrote the file says" in finding.worth
    assert by_xmp.unknown == metadata.QUESTIONS
    by_c2pa = metadata.read(signed.sign(encode(picture(), "PNG"), "PNG", word))
    (finding,) = (found for found in by_c2pa.findings if found.kind == "source")
    assert finding.value == f"created: {said_of_it} (An <b>agent</b>)"
    assert finding.worth.startswith("How the picture was made, as whoever wrote the file says")
    assert "Signed" in finding.worth
    assert {"generator", "camera", "software"} <= set(by_c2pa.unknown)


@pytest.mark.parametrize(
    ("word", "said_of_it"),
    [
        ("compositeWithTrainedAlgorithmicMedia", "edited with a generative model"),
        ("compositeSynthetic", "put together, with synthetic parts"),
    ],
)
def test_ai_in_editing_is_no_generator(word, said_of_it):
    """In XMP and, signed, in Content Credentials: a photograph may be under it."""
    for found in (
        metadata.read(jpeg_with(jpeg_xmp(xmp(f'q:DigitalSourceType="{signed.IPTC}{word}"')))),
        metadata.read(signed.sign(encode(picture(), "PNG"), "PNG", word)),
    ):
        (finding,) = (each for each in found.findings if each.kind == "part")
        assert said_of_it in finding.value
        assert "a photograph may well be under it" in finding.worth
        assert "generator" in found.unknown


# --- The verdict does not hear of it ---


def with_metadata(data: bytes) -> dict[str, bytes]:
    """The same 32x32 pixels with other words around them."""
    if data.startswith(b"\x89PNG"):
        head, rest = data[:33], data[33:]
        return {
            "text": head + text_chunk("parameters", A1111) + rest,
            "packed": head + text_chunk("prompt", COMFY, b"zTXt") + rest,
            "camera": head + chunk(b"eXIf", exif(place=True)) + rest,
            "xmp": head
            + text_chunk("XML:com.adobe.xmp", xmp('q:Make="Canon"').decode(), b"iTXt")
            + rest,
            "signed": signed.sign(data, "PNG"),
            **{
                f"orientation {way}": head + chunk(b"eXIf", encoders.exif(way)) + rest
                for way in range(2, 9)
            },
        }
    camera = segment(0xE1, b"Exif\0\0" + exif().removeprefix(b"Exif\0\0"))
    generator = jpeg_xmp(xmp('q:CreatorTool="Midjourney"'))
    added = {
        "camera": camera,
        "generator": generator,
        "both": camera + generator,
        "comment": segment(0xFE, A1111.encode()),
        "app11": segment(0xEB, b"JP\0\1\0\0\0\1\0\0\0\x20jumb" + bytes(20)),
        "profile": segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(300)),
        **{
            f"orientation {way}": segment(0xE1, b"Exif\0\0" + encoders.exif(way))
            for way in range(2, 9)
        },
    }
    made = {name: data[:2] + extra + data[2:] for name, extra in added.items()}
    return made | {"signed": signed.sign(data, "JPEG")}


def judged(data: bytes) -> dict:
    """All that an analysis says but what names the file's own bytes."""
    found = pipeline.analyze(data)
    said = {**found.as_dict(), "logit": found.logit, "p_fake": found.p_fake}
    return {key: value for key, value in said.items() if key != "sha256"}


def assert_unmoved(data: bytes) -> None:
    plain = judged(data)
    for name, changed in with_metadata(data).items():
        turned = name.startswith("orientation")
        heard = metadata.read(changed) != metadata.read(data)
        assert heard or turned or name == "profile"
        found = judged(changed)
        if turned:  # said once, and nothing else is another
            assert found["notes"].count(images.AS_STORED) == 1, name
            found["notes"].remove(images.AS_STORED)
        assert found == plain, name


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_metadata_never_changes_the_verdict(form):
    """Added, changed or stripped: the same logit to the last bit."""
    noise = np.random.default_rng(4).integers(0, 128, (32, 32, 3), dtype=np.uint8)
    for image in (noise, picture(32, 32)):
        assert_unmoved(encode(image, form))
        turned = judged(encode(np.rot90(image), form))  # so a tag that is obeyed would be seen
        assert turned["logit"] != judged(encode(image, form))["logit"]


def test_metadata_never_changes_the_verdict_on_cifake(real_cifake):
    rows = range(0, len(real_cifake.train), len(real_cifake.train) // 4)
    images = [(real_cifake.root / str(real_cifake.train.names[row])).read_bytes() for row in rows]
    assert {judged(data)["verdict"] for data in images} >= {"real", "fake"}
    for data in images:
        assert_unmoved(data)
