"""Where an image can come from: an upload, the camera, the gallery, the data set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.runtime.caching import clear_session_data_cache, clear_session_resource_cache
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from cifake_core import images, render
from cifake_core.calibration import Verdict
from cifake_core.pipeline import Analysis, Detector
from cifake_core.samples import samples
from pages.parts import data_source, engine, pictures
from pages.parts.words import plain

_KEY = "source"
_EMPTIED = "source-emptied"  # by origin: how often its widget was emptied from here
DRAWN = (
    "This picture was drawn by arithmetic. It is neither a photograph nor AI-generated, so “can't "
    "tell” is the right answer. Any other one is a mistake, however sure it sounds."
)
PHOTOGRAPH = (
    "It is not of CIFAKE, but was brought to 32x32 pixels and saved as the images of CIFAKE were. "
    "So “real” is right, and “AI-generated” is a mistake, however sure it sounds."
)

TRAINED = "The models were trained on it, so an answer that is right proves little."
SAMPLES = (
    "The first three are photographs, the others are drawn, so “can't tell” is right for those. "
    "None is AI-generated, as no image of CIFAKE may lie here: to see the model tell one of those, "
    "fetch the data set, “pip install kagglehub”, then “python -m cifake_core data fetch”. Its "
    "images then come at random."
)


@dataclass(frozen=True, slots=True)
class Source:
    """What is being looked at.

    ``truth`` is the label of an image of CIFAKE, else None; ``right`` is the right answer where
    ``remark`` says so.
    """

    data: bytes
    words: str
    truth: int | None = None
    class_word: str = ""
    origin: str = "gallery"
    remark: str = ""
    right: Verdict | None = None
    name: str = ""  # of an uploaded file, as a stranger wrote it
    file_id: str = ""  # by which Streamlit keeps what somebody gave

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
            "Drop one image here (for many: the command line)",
            key=_widget("upload"),
            on_change=_take_widget,
            args=("upload", "your image"),
            max_upload_size=images.MAX_BYTES // 2**20,
            help=f"{', '.join(images.FORMATS)}; nothing is stored.",
        )
    with camera:
        st.caption(
            "A camera's picture is far larger than 32x32 pixels, so it gets no verdict. Browsers "
            "let a page use the camera only over https, or on the computer itself that the page "
            "runs on: at a plain http address of the network it stays off."
        )
        if st.toggle("Use the camera", key="camera_on"):
            st.camera_input(
                "Take a picture",
                key=_widget("camera"),
                on_change=_take_widget,
                args=("camera", "your picture"),
            )
    chosen = st.session_state.get(_KEY)
    _gallery(chosen is not None)
    if chosen is not None and chosen.file_id:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.button(
                "Remove this image",
                icon=":material/close:",
                type="tertiary",
                on_click=_look_at,
                args=(None,),
                help="Takes it off all pages and out of this session's memory.",
            )
            st.caption("Your image stays, on all pages, until you remove it or give another.")
    return chosen


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
    if result.opened.turned:  # what the page shows below lies otherwise than this picture
        words.caption(images.AS_STORED)
    if not result.in_domain:
        st.info(
            f"{result.doubts[0]} What follows shows what the model reacts to, not a verdict to "
            "rely on.",
            icon=":material/info:",
        )
    return result


def _take_widget(origin: str, words: str) -> None:
    """Look at the file that was given.

    An empty widget says nothing: it is so for a moment whenever a file is dropped over another. If
    the image went, the whole page would go and come back, with its switches off.
    """
    given = st.session_state[_widget(origin)]
    if given is not None:
        name = given.name if origin == "upload" else ""
        data, number = given.getvalue(), given.file_id
        _look_at(Source(data, words, origin=origin, name=name, file_id=number))


def _look_at(chosen: Source | None) -> None:
    """From now on this is the image. Of one that somebody gave before nothing stays in memory."""
    before = st.session_state.pop(_KEY, None)
    if chosen is not None:
        st.session_state[_KEY] = chosen
    if before is None or not before.file_id:
        return
    context = get_script_run_ctx()
    # All that a session caches was worked out from an image.
    clear_session_data_cache(context.session_id)
    clear_session_resource_cache(context.session_id)
    if isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, before.file_id)
    if chosen is None or chosen.origin != before.origin:  # else its widget holds the new one
        emptied = st.session_state.setdefault(_EMPTIED, {})
        emptied[before.origin] = emptied.get(before.origin, 0) + 1


def _widget(origin: str) -> str:
    """The key of that widget. Only another key empties one."""
    return f"{origin}-{st.session_state.get(_EMPTIED, {}).get(origin, 0)}"


def _gallery(brief: bool) -> None:
    """``brief``: an image is there, and what the page says of it should be near."""
    data = data_source.opened()
    missing = data is None and not data_source.opening()
    st.caption("Or try one of these:", help=SAMPLES if missing and brief else None)
    with st.container(horizontal=True, gap="small"):
        if data is not None:
            st.button(
                ":material/casino: Random CIFAKE image",
                on_click=_take_random,
                args=(data,),
                help="One of those held out of the training; they served to choose between "
                "models. What it truly is stays hidden until you ask.",
            )
        # The photographs first: the only ones that have a right answer.
        for number, sample in sorted(enumerate(samples()), key=lambda item: not item[1].credit):
            st.button(
                sample.name,
                key=f"sample{number}",
                on_click=_take_sample,
                args=(number,),
                help=f"{sample.alt} ({sample.credit})"
                if sample.credit
                else f"{sample.alt}. Drawn by arithmetic: neither photograph nor AI-generated.",
            )
    if missing and not brief:
        st.caption(SAMPLES)
    elif data is None and not missing:
        data_source.wait()


def _take_sample(number: int) -> None:
    sample = samples()[number]
    if sample.credit:
        right, remark = Verdict.REAL, f"A photograph ({sample.credit}). {PHOTOGRAPH}"
    else:
        right, remark = Verdict.UNCERTAIN, DRAWN
    _look_at(Source(sample.png, f"the sample “{sample.name}”", remark=remark, right=right))


def _take_random(data) -> None:
    drawn = data_source.draw(data, np.random.default_rng())
    if drawn is None:
        st.toast("No image of the data set can be read now.", icon=":material/broken_image:")
        return
    words = "a random CIFAKE image, held out of the training"
    _look_at(Source(drawn.data, words, drawn.label, drawn.class_word))
    st.session_state.pop("show_truth", None)


def take_from_train(data, row: int) -> bool:
    """From now on this image of train is looked at; False if it cannot be read."""
    drawn = data_source.take(data, row)
    if drawn is None:
        return False
    remark = "" if data_source.is_held_out(data, row) else TRAINED
    words = "a CIFAKE image of train"
    _look_at(Source(drawn.data, words, drawn.label, drawn.class_word, remark=remark))
    st.session_state.pop("show_truth", None)
    return True
