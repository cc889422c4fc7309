"""The panel of what a file says about itself, run by AppTest."""

import pytest
import signed
from encoders import chunk, encode, jpeg_with, picture
from streamlit.testing.v1 import AppTest
from written import A1111, jpeg_xmp, png, text_chunk, xmp

EVIL = "**bold** [x](javascript:alert(1)) <img src=x onerror=alert(1)> :red[r] $e^x$ ![](//x/y)"


def panel(data: bytes) -> None:
    from pages.parts import origins

    origins.show(data)


def show(data: bytes) -> AppTest:
    app = AppTest.from_function(panel, kwargs={"data": data}, default_timeout=30).run()
    assert not app.exception
    return app


def ours(app: AppTest) -> str:
    """Everything that is drawn as Markdown."""
    kinds = ("markdown", "caption", "warning", "info", "error", "success", "subheader", "header")
    labels = [app.expander[0].label]
    return "\n".join([*labels, *(e.value for kind in kinds for e in app.get(kind))])


def test_findings_and_what_they_are_worth():
    app = show(png(text_chunk("parameters", A1111)))
    assert app.expander[0].label.endswith("itself: AI generator")
    assert [code.value for code in app.code] == [" ".join(A1111.split())]
    assert "None of them changes the verdict" in ours(app)
    assert "remove or forge" in ours(app)
    assert "Unknown:** Content Credentials, camera, date, software" in ours(app)


def test_a_stated_source_is_named_and_answers_nothing_else():
    app = show(jpeg_with(jpeg_xmp(xmp('q:DigitalSourceType="digitalCapture"'))))
    assert app.expander[0].label.endswith("itself: stated source")
    assert [code.value for code in app.code] == ["taken by a digital camera"]
    assert "AI generator, Content Credentials, camera, date, software" in ours(app)


def test_broken_signature_is_not_shown_as_if_it_held():
    data = signed.sign(encode(picture(), "JPEG"), "JPEG")
    app = show(data)
    assert app.expander[0].label.endswith("itself: AI generator, Content Credentials")
    assert "verified" not in ours(app)
    changed = bytearray(data)
    changed[-20] ^= 1
    app = show(bytes(changed))
    assert app.expander[0].label.endswith("itself: Content Credentials (not valid)")
    assert ":material/gpp_maybe: **Content Credentials: signature**" in ours(app)
    assert "verified" not in ours(app)


def test_ai_in_editing_is_not_said_to_be_a_generator():
    app = show(jpeg_with(jpeg_xmp(xmp('q:Credit="Edited with Google AI"'))))
    assert app.expander[0].label.endswith("itself: AI editing")
    assert "a photograph may well be under it" in ours(app)
    assert "Unknown:** AI generator," in ours(app)


def test_absence_reads_unknown():
    app = show(encode(picture(), "JPEG"))
    assert app.expander[0].label.endswith("itself: nothing, so its origin is unknown")
    assert "Unknown does not mean no" in ours(app)
    assert not app.code
    assert "AI generator, Content Credentials, camera, date, software" in ours(app)


@pytest.mark.parametrize("keyword", ["Software", "Comment", "parameters", EVIL[:70]])
def test_strangers_words_are_plain_text(keyword):
    app = show(png(text_chunk(keyword, EVIL + "\x1b\x00\u202e")))
    (code,) = app.code
    assert "onerror" in code.value
    assert not {"\x1b", "\x00", "\u202e"} & set(code.value)
    assert code.language in (None, "", "plaintext")
    for sign in ("onerror", "javascript", "bold", ":red", "$e"):
        assert sign not in ours(app)


def test_damaged_block_is_said():
    app = show(png(chunk(b"zTXt", b"Comment\0\0no zlib")))
    assert app.expander[0].label.endswith("itself: little")
    assert "A text that is packed is damaged" in ours(app)


def test_two_images_have_their_own_findings():
    images = [png(text_chunk("Software", name)) for name in ("GIMP", "Krita")]
    app = AppTest.from_function(both, kwargs={"data": images}, default_timeout=30).run()
    assert [code.value for code in app.code] == ["GIMP", "Krita"]


def both(data: list[bytes]) -> None:
    from pages.parts import origins

    for each in data:
        origins.show(each)


def test_what_was_not_read_in_time_is_tried_again(monkeypatch):
    from cifake_core import metadata
    from pages.parts import origins

    late = metadata.Finding("unreadable", "Not readable", metadata.NOT_IN_TIME, "")
    busy = metadata.Metadata((late,), in_time=False)
    answers = [busy, metadata.Metadata(), busy]
    monkeypatch.setattr(metadata, "read", lambda _: answers.pop(0))
    app = show(encode(picture(), "PNG"))
    app.run()
    assert "machine is busy" in ours(app)  # not at once, as each try makes others wait
    monkeypatch.setattr(origins, "AGAIN", 0)
    app.run()
    assert "machine is busy" not in ours(app)
    app.run()  # an answer is kept
    assert len(answers) == 1
