"""Names of programs, credits and the people in them."""

import pytest
from encoders import jpeg_with
from written import jpeg_xmp, said, xmp

from cifake_core.metadata_traces import ai_kind

GIVERS = ("Gemini Doe", "Imagen 3 / EFE", "Grok", "Courtesy of OpenAI", "Photo: Bruno Dalle / AFP")
GIVERS += ("Dalle Alpi srl", "Dall. Foto", "Studio Flux 1", "Leonardo Ai Bianchi", "Dall Edwards")
GIVERS += ("With Dalle Alpi", "Created by Dalle Alpi", "Photo by Dalle")
MADE = ("OpenAI DALLE", "Created by DALLE", "generated with dall e", "Bing DALLE", "DALL\u2013E 3")


@pytest.mark.parametrize("name", GIVERS)
def test_who_gives_a_photograph_is_no_generator(name):
    assert said(jpeg_with(jpeg_xmp(xmp(f'q:Credit="{name}"')))) == {}


@pytest.mark.parametrize("name", MADE)
def test_a_credit_that_names_a_generator(name):
    packet = xmp(f'q:Credit="{name}"')
    assert said(jpeg_with(jpeg_xmp(packet))) == {"generator": [name]}


def test_names_of_generators():
    for name in ("DALL-E", "DALL.E", "Dall E 3", "dalle-3", "Made with DALLE", "FLUX 1", "Flux2"):
        assert ai_kind(name) == "generator", name
    assert ai_kind("Dalle", program=True) == "generator"

    for name in ("DALL·E 3", "ChatGPT", "FLUX.1-dev", "stable-diffusion.cpp", "Google Imagen"):
        assert ai_kind(name) == "generator", name
    for name in ("Stable Cascade", "Qwen-Image-Edit", "Kandinsky 2.2", "PixArt-Σ", "PixArt-alpha"):
        assert ai_kind(name) == "generator", name
    for name in ("HunyuanDiT", "Kling AI", "krea.ai", "Playground v2.5", "runwayml", "Ideogram.ai"):
        assert ai_kind(name) == "generator", name
    for name in ("Adobe Photoshop 26.1", "Canon Firefly", "imagen", "Dallas", "f.lux", "HDR+"):
        assert ai_kind(name, program=True) is None, name
    for name in ("PixArt", "PixArt Imaging", "School playground", "Softdiffusers", "Reverie"):
        assert ai_kind(name, program=True) is None, name
    assert ai_kind("Kandinsky 1923") is None
    assert ai_kind("Imagen 4") is None
    assert ai_kind("Imagen 4", program=True) == "generator"


def test_a_generator_in_the_place_of_a_camera():
    for make, kind in (("Midjourney", "generator"), ("Canon", "camera")):
        assert said(jpeg_with(jpeg_xmp(xmp(f'q:Make="{make}"')))) == {kind: [make]}
