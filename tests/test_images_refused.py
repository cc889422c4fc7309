"""What must be refused, what must not, and how it is said."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import encoders
import hostile
import pytest
from PIL import Image

from cifake_core import containers, images
from cifake_core.errors import BrokenImageError, ImageError, ImageTooLargeError
from cifake_core.images import decode

PICTURE = encoders.picture()


# --- What is refused, and what is not ---


def test_every_hostile_file_has_an_expected_error() -> None:
    assert set(hostile.HOSTILE) == set(hostile.EXPECTED)


@pytest.mark.parametrize("name", hostile.HOSTILE)
def test_hostile_file_is_refused_in_plain_words(name: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode(hostile.HOSTILE[name]())
    message = str(caught.value)
    assert type(caught.value) is hostile.EXPECTED[name]
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert 20 < len(message) < 240
    assert message.endswith(".")
    assert "\n" not in message
    assert not any(word in message for word in ("Traceback", "Error", "PIL", "0x", "None"))


@pytest.mark.parametrize("name", hostile.ODD)
def test_odd_file_is_read(name: str) -> None:
    image = decode(hostile.ODD[name]())
    assert image.pixels.shape == (image.height, image.width, 3)
    assert image.format in images.FORMATS
    assert all(note.endswith(".") for note in image.notes)


@pytest.mark.parametrize(
    ("name", "word"),
    [("html", "HTML"), ("svg", "SVG"), ("pdf", "PDF"), ("zip", "ZIP"), ("heic", "HEIC")],
)
def test_message_names_what_the_file_is(name: str, word: str) -> None:
    with pytest.raises(ImageError, match=word):
        decode(hostile.HOSTILE[name]())


def test_limits_are_quoted() -> None:
    with pytest.raises(ImageTooLargeError, match=str(images.MAX_BYTES // 2**20)):
        decode(hostile.HOSTILE["too many bytes"]())
    with pytest.raises(ImageTooLargeError, match=f"{images.MAX_PIXELS // 10**6} megapixels"):
        decode(hostile.HOSTILE["huge PNG"]())


def test_pixel_limit_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoders.encode(PICTURE, "PNG")
    monkeypatch.setattr(containers, "MAX_PIXELS", 48 * 40)
    assert decode(data).width == 48
    monkeypatch.setattr(containers, "MAX_PIXELS", 48 * 40 - 1)
    with pytest.raises(ImageTooLargeError):
        decode(data)


@pytest.mark.parametrize("form", images.FORMATS)
def test_size_is_checked_without_pillows_own_limit(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(ImageTooLargeError):
        decode(hostile.huge_header(form))


def test_unforeseen_errors_become_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoders.encode(PICTURE, "PNG")
    for error, expected in [
        (RecursionError("secret"), BrokenImageError),
        (ZeroDivisionError("secret"), BrokenImageError),
        (MemoryError("secret"), ImageTooLargeError),
        (Image.DecompressionBombError("secret"), ImageTooLargeError),
    ]:

        def fail(*args: object, error: Exception = error, **kwargs: object) -> None:
            raise error

        monkeypatch.setattr(Image, "open", fail)
        with pytest.raises(expected) as caught:
            decode(data)
        assert "secret" not in str(caught.value)
        assert caught.value.__suppress_context__


def test_nothing_is_printed(tmp_path: object) -> None:
    code = """
import hostile
from cifake_core.images import decode
from cifake_core.errors import ImageError
for name, make in [*hostile.HOSTILE.items(), *hostile.ODD.items()]:
    if "megapixels" not in name:
        try:
            decode(make())
        except ImageError:
            pass
"""
    paths = [entry for entry in sys.path if entry]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{code}"],
        capture_output=True,
        check=True,
        timeout=300,
    )
    assert (done.stdout, done.stderr) == (b"", b"")


# --- Threads ---


def outcome(data: bytes) -> tuple:
    try:
        image = decode(data)
    except ImageError as error:
        return type(error), str(error)
    return image.pixels.tobytes(), image.mode, image.notes


def test_threads_agree() -> None:
    names = [name for name in hostile.ODD if "megapixels" not in name and "bomb" not in name]
    files = [hostile.ODD[name]() for name in names]
    files += [hostile.HOSTILE[name]() for name in ("html", "huge TIFF", "cut short JPEG")]
    alone = [outcome(data) for data in files]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(outcome, files * 8))
    assert together == alone * 8
