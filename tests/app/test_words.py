"""Strangers' words on a page."""

import string
from itertools import pairwise

import pytest

from pages.parts.sources import Source
from pages.parts.words import listed, plain, stress


@pytest.mark.parametrize("name", ["cat.png", "é ü 猫.jpg", "*b* `c` [x](y) $a$ :smile: <img>.png"])
def test_a_file_name_is_shown_as_it_is_and_never_as_markdown(name):
    shown = plain(name)
    assert shown.replace("\\", "") == name.replace("\\", "")
    for before, sign in pairwise(shown):
        if sign in string.punctuation and sign != "\\":
            assert before == "\\", sign


def test_long_names_and_control_characters():
    assert len(plain("a" * 500)) == 56
    assert plain("a" * 500).startswith("a" * 40 + "…")
    assert plain("a\nb\x1b[31mc\u202ed").count("\N{REPLACEMENT CHARACTER}") == 3


def test_a_source_says_its_files_name():
    assert Source(b"", "your image", name="a_b.png").said == "Your image “a\\_b\\.png”"
    assert Source(b"", "the sample “Ball”").said == "The sample “Ball”"


def test_lists_as_people_say_them():
    assert [listed("abc"[:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]


def test_noise_is_in_percent_and_other_labels_stay():
    assert [stress(x) for x in ("noise 0.02", "noise 0.10", "blur 0.6", "JPEG 40")] == [
        *("noise 2%", "noise 10%", "blur 0.6", "JPEG 40")
    ]
