"""The pictures that ship to try the page with: which they are, and what they were made from."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cifake_core import samples as module
from cifake_core.perturb import jpeg
from cifake_core.samples import PHOTOGRAPHS, samples


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def test_samples_are_the_same_every_time_and_have_words():
    first = [s.png for s in samples()]
    samples.cache_clear()
    assert [s.png for s in samples()] == first
    assert all(s.alt and s.name for s in samples())
    assert [s.name for s in samples() if s.credit] == [p.name for p in PHOTOGRAPHS]


def test_without_its_photographs_the_gallery_is_shorter(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    samples.cache_clear()
    assert [s.credit for s in samples()] == [""] * 7
    samples.cache_clear()


@pytest.mark.parametrize("photograph", PHOTOGRAPHS, ids=lambda p: p.name)
def test_photographs_are_those_that_scikit_image_has(photograph):
    if not os.environ.get("CIFAKE_REQUIRE_QUANTUS"):
        pytest.importorskip("skimage")  # see requirements-quantus.txt
    import skimage

    left, top, side = photograph.left, photograph.top, photograph.side
    with Image.open(Path(skimage.__file__).parent / "data" / photograph.source) as whole:
        square = whole.convert("RGB").crop((left, top, left + side, top + side))
    small = np.asarray(square.resize((32, 32), Image.Resampling.BICUBIC))
    (shipped,) = (s.png for s in samples() if s.name == photograph.name)
    assert np.array_equal(pixels(shipped), jpeg(small[None], 75)[0])
