"""The detector, the cached analyses, and TensorFlow's loading in the background."""

from __future__ import annotations

import gc
import hashlib
import threading

import streamlit as st

from cifake_core import pipeline
from cifake_core.errors import ArtifactError, ImageError
from cifake_core.explain import Heatmap, Method

_frozen = threading.Event()


def detector(name: str = "lens") -> pipeline.Detector:
    """The shared detector; a damaged model ends the page with one sentence."""
    try:
        return pipeline.load(name)
    except ArtifactError as error:
        st.error(f"The model cannot be used. {error}", icon=":material/error:")
        st.stop()


def analysis(data: bytes, model: pipeline.Detector) -> pipeline.Analysis | str:
    """The verdict on an image's bytes, or the sentence that says why there is none.

    Kept in the session by the SHA-256 of the bytes: Streamlit's own hashing samples large values,
    so that an image with one changed pixel could get another image's verdict.
    """
    return _analysis(hashlib.sha256(data).hexdigest(), model.card.name, data)


@st.cache_data(scope="session", max_entries=8, show_spinner=False)
def _analysis(sha256: str, model: str, _data: bytes) -> pipeline.Analysis | str:
    try:
        return pipeline.analyze(_data, detector(model))
    except ImageError as error:
        return str(error)


@st.cache_data(scope="session", max_entries=32, show_spinner=False)
def heatmap(
    sha256: str, model: str, method: Method, target: int, with_tf: bool, _analysis
) -> Heatmap:
    """Heatmap of an analysed image; ``with_tf`` is in the key because it decides who draws."""
    return detector(model).heatmap(_analysis.opened.prepared.pixels, method, target)


def load_heatmaps_in_background(model: pipeline.Detector) -> None:
    """Start importing TensorFlow, once; called after the first verdict is on the page."""
    model.load_explainer().add_done_callback(_freeze)


def _freeze(future) -> None:
    """Take what is loaded out of garbage collection: Streamlit collects after every run."""
    if future.exception() is None and not _frozen.is_set():
        _frozen.set()
        gc.collect()
        gc.freeze()
