"""The detectors, the cached analyses, and TensorFlow's loading in the background.

Models are kept by ``pipeline.load`` alone. What a session caches is keyed on the model's name, its
files' SHA-256 and its calibration, and holds no model.
"""

from __future__ import annotations

import gc
import hashlib
import json
import threading
from concurrent.futures import Future
from dataclasses import asdict

import streamlit as st

from cifake_core import catalogue, pipeline
from cifake_core.artifacts import Card
from cifake_core.errors import ArtifactError, ImageError
from cifake_core.explain import Heatmap, Method

DOMAIN = "cifake"
DEFAULT = "lens"

_frozen = threading.Event()


def cards() -> dict[str, Card | ArtifactError]:
    """The models for these images, the default one first; one with a bad card as its error."""
    found = catalogue.cards(DOMAIN)
    return {name: found[name] for name in sorted(found, key=lambda n: (n != DEFAULT, n))}


def detector(name: str = DEFAULT) -> pipeline.Detector:
    """The shared detector; a damaged model ends the page with one sentence."""
    try:
        with st.spinner("Loading the model …"):  # seen only if it takes time
            return pipeline.load(name)
    except ArtifactError as error:
        st.error(f"The model cannot be used. {error}", icon=":material/error:")
        st.stop()


def key(card: Card) -> str:
    """What a cached answer of a model depends on."""
    return json.dumps([card.name, card.raw["files"], asdict(card.calibration)], sort_keys=True)


def analysis(data: bytes, model: pipeline.Detector) -> pipeline.Analysis | str:
    """The verdict on an image's bytes, or the sentence that says why there is none.

    Kept in the session by the SHA-256 of the bytes: Streamlit's own hashing samples large values,
    so that an image with one changed pixel could get another image's verdict.
    """
    return _analysis(hashlib.sha256(data).hexdigest(), key(model.card), data, model)


@st.cache_data(scope="session", max_entries=8, show_spinner=False)
def _analysis(sha256: str, key: str, _data: bytes, _model) -> pipeline.Analysis | str:
    try:
        return pipeline.analyze(_data, _model)
    except ImageError as error:
        return str(error)


def heatmap(
    analysis: pipeline.Analysis, model: pipeline.Detector, method: Method, target: int
) -> Heatmap | None:
    """Heatmap of an analysed image; None if it needs TensorFlow, which is not loaded."""
    ready = model.explainer_ready
    if not ready and (method is Method.GRADCAM_PLUS_PLUS or not model.engine.has_cam):
        return None
    pixels = analysis.opened.prepared.pixels
    return _heatmap(analysis.opened.sha256, key(model.card), method, target, ready, pixels, model)


@st.cache_data(scope="session", max_entries=32, show_spinner=False)
def _heatmap(
    sha256: str, key: str, method: Method, target: int, with_tf: bool, _pixels, _model
) -> Heatmap:
    """``with_tf`` is in the key because it decides who draws."""
    return _model.heatmap(_pixels, method, target)


def load_heatmaps(model: pipeline.Detector) -> Future:
    """Start importing TensorFlow, once; called after the first verdict is on the page."""
    return model.load_explainer(_import_tensorflow)


def _import_tensorflow() -> None:
    """Take the libraries out of garbage collection: Streamlit collects after every run.

    Before any model is built, because a frozen model that leaves memory would never be collected.
    """
    if not _frozen.is_set():
        import tf_keras_vis.gradcam
        import tf_keras_vis.gradcam_plus_plus  # noqa: F401

        _frozen.set()
        gc.collect()
        gc.freeze()
