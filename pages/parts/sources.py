"""Where an image can come from: an upload, the camera, the gallery, the data set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from cifake_core import images, render
from cifake_core.pipeline import Analysis, Detector
from cifake_core.samples import samples
from pages.parts import data_source, engine, pictures
from pages.parts.words import plain

_KEY = "source"


@dataclass(frozen=True, slots=True)
class Source:
    """What is being looked at. ``truth`` is the label where it is known, else None."""

    data: bytes
    words: str
    truth: int | None = None
    class_word: str = ""
    origin: str = "gallery"
    remark: str = ""
    name: str = ""  # of an uploaded file, as a stranger wrote it

    @property
    def said(self) -> str:
        """In Markdown, with a capital, the file's name as well."""
        words = f"{self.words[0].upper()}{self.words[1:]}"
        return f"{words} “{plain(self.name)}”" if self.name else words


def choose() -> Source | None:
    """Draw the ways to give an image; returns the latest one given in this session."""
    upload, camera = st.tabs([":material/upload: Upload", ":material/photo_camera: Camera"])
    with upload:
        # Any type is taken and its content checked: a type refused in the browser would leave
        # the widget in error for the rest of the session.
        st.file_uploader(
            "Drop an image here",
            key="upload",
            on_change=_take_widget,
            args=("upload", "your image"),
            max_upload_size=images.MAX_BYTES // 2**20,
            help=f"{', '.join(images.FORMATS)}; nothing is stored.",
        )
    with camera:
        st.caption("A camera's picture is far larger than 32x32 pixels, so it gets no verdict.")
        if st.toggle("Use the camera", key="camera_on"):
            st.camera_input(
                "Take a picture",
                key="camera",
                on_change=_take_widget,
                args=("camera", "your picture"),
            )
    _gallery()
    return st.session_state.get(_KEY)


def analysed(model: Detector) -> Analysis | None:
    """Draw the choice and, below it, which image it is or why it cannot be read."""
    chosen = choose()
    if chosen is None:
        return None
    result = engine.analysis(chosen.data, model)
    st.divider()
    if isinstance(result, str):
        st.error(result, icon=":material/broken_image:")
        return None
    picture, words = st.columns([1, 6], vertical_alignment="center", wrap=False)
    picture.image(
        pictures.url(render.enlarge(render.framed(result.opened.preview))),
        width="stretch",
        alt=f"{chosen.words}, small",
    )
    words.caption(f"{chosen.said}. {chosen.remark}")
    if not result.in_domain:
        st.info(
            f"{result.doubts[0]} What follows is about the model's raw reading, not a verdict to "
            "rely on.",
            icon=":material/info:",
        )
    return result


def _take_widget(key: str, words: str) -> None:
    given = st.session_state[key]
    if given is not None:
        name = given.name if key == "upload" else ""
        st.session_state[_KEY] = Source(given.getvalue(), words, origin=key, name=name)
    elif (now := st.session_state.get(_KEY)) and now.origin == key:
        del st.session_state[_KEY]  # it was removed; what was chosen since then stays


def _gallery() -> None:
    st.caption("Or try one of these:")
    data = data_source.opened()
    with st.container(horizontal=True, gap="small"):
        if data is not None:
            st.button(
                ":material/casino: Random CIFAKE image",
                on_click=_take_random,
                args=(data,),
                type="primary",
                help="From the test split; what it truly is stays hidden until you ask.",
            )
        for number, sample in enumerate(samples()):
            st.button(
                sample.name,
                key=f"sample{number}",
                on_click=_take_sample,
                args=(number,),
                help=f"{sample.alt}. Drawn by arithmetic: neither photograph nor AI-generated.",
            )
    if data is not None:
        return
    if data_source.opening():
        data_source.wait()
    else:
        st.caption(
            "These are all drawn, so “can't tell” is right for each. Images of CIFAKE itself can "
            "be drawn at random once the data set is on this machine; the README says how."
        )


def _take_sample(number: int) -> None:
    sample = samples()[number]
    st.session_state[_KEY] = Source(
        sample.png,
        f"the sample “{sample.name}”",
        remark="This picture was drawn by arithmetic. It is neither a photograph nor AI-generated, "
        "so “can't tell” is the right answer. Any other one is a mistake, however sure it sounds.",
    )


def _take_random(data) -> None:
    drawn = data_source.draw(data, np.random.default_rng())
    st.session_state[_KEY] = Source(
        drawn.data, "a random CIFAKE test image", drawn.label, drawn.class_word
    )
    st.session_state.pop("show_truth", None)
