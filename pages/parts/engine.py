"""The detectors, the cached analyses, and TensorFlow's loading in the background.

Models are kept by ``pipeline.load`` alone. What a session caches is keyed on the model's name, its
files' SHA-256 and its calibration, and holds no model.
"""

from __future__ import annotations

import gc
import hashlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict

import streamlit as st

from cifake_core import catalogue, pipeline
from cifake_core.artifacts import Card
from cifake_core.errors import ArtifactError, ImageError
from cifake_core.explain import BY_TENSORFLOW, Heatmap, Method
from cifake_core.progress import Progress

DOMAIN = "cifake"
DEFAULT = "lens"
# Seconds between looks whether something has loaded. All of a class look, and on a busy server
# a look that meets the end of a run can cost what that run still had to send (Streamlit 1.67).
POLL = 3.7

_frozen = threading.Event()
Draw = Callable[[pipeline.Analysis, pipeline.Detector, bool], None]  # the last: still loading


def cards() -> dict[str, Card | ArtifactError]:
    """The models for these images, the default one first; one with a bad card as its error."""
    found = catalogue.cards(DOMAIN)
    return {name: found[name] for name in sorted(found, key=by_default_first)}


def by_default_first(name: str) -> tuple[bool, str]:
    """Sorts models' names."""
    return name != DEFAULT, name


def detector(name: str = DEFAULT) -> pipeline.Detector:
    """The shared detector; a damaged model ends the page with one sentence."""
    try:
        with st.spinner("Loading the model …"):  # seen only if it takes time
            return pipeline.load(name)
    except ArtifactError as error:
        st.error(f"The model cannot be used. {error}", icon=":material/error:")
        st.stop()


def keep(name: str) -> None:
    """Put a model back among those in memory, after others were asked."""
    with suppress(ArtifactError):  # replaced while the page is open: the next run says so
        pipeline.load(name)


def key(card: Card) -> str:
    """What a cached answer of a model depends on."""
    return json.dumps([card.name, card.raw["files"], asdict(card.calibration)], sort_keys=True)


def analysis(data: bytes, model: pipeline.Detector) -> pipeline.Analysis | str:
    """The verdict on an image's bytes, with its stability, or the sentence on why there is none.

    Kept in the session by the SHA-256 of the bytes: Streamlit's own hashing samples large values,
    so that an image with one changed pixel could get another image's verdict.
    """
    return _analysis(hashlib.sha256(data).hexdigest(), key(model.card), data, model)


@st.cache_data(scope="session", max_entries=8, show_spinner=False)
def _analysis(sha256: str, key: str, _data: bytes, _model) -> pipeline.Analysis | str:
    try:
        return pipeline.analyze(_data, _model, thorough=True)
    except ImageError as error:
        return str(error)


def heatmap(
    analysis: pipeline.Analysis,
    model: pipeline.Detector,
    method: Method,
    target: int,
    progress: Progress | None = None,
) -> Heatmap | None:
    """Heatmap of an analysed image; None if it needs TensorFlow, which is not loaded.

    ``progress`` hears of the passes of a slow method, unless the heatmap is there already.
    """
    with_tf = method in BY_TENSORFLOW and model.explainer_ready
    by_cam = method is Method.GRADCAM and model.engine.has_cam
    if method in BY_TENSORFLOW and not with_tf and not by_cam:
        return None
    kept = _heatmap(analysis.opened.sha256, key(model.card), method, target, with_tf)
    if not kept:
        pixels = analysis.opened.prepared.pixels
        kept.append(model.heatmap(pixels, method, target, progress))
    return kept[0]


@st.cache_resource(scope="session", max_entries=64, show_spinner=False)
def _heatmap(sha256: str, key: str, method: Method, target: int, with_tf: bool) -> list[Heatmap]:
    """A place for a heatmap; ``with_tf`` is in the key because it decides who draws.

    Empty at first: a cached function may not draw on a progress bar.
    """
    return []


def load_heatmaps(model: pipeline.Detector) -> Future:
    """Start importing TensorFlow, once; called after the first verdict is on the page."""
    return model.load_explainer(_import_tensorflow)


def redrawn_while_loading(
    draw: Draw, analysis: pipeline.Analysis, model: pipeline.Detector
) -> None:
    """A fragment: drawn alone when a control moves, and anew once TensorFlow has loaded."""
    loading = not load_heatmaps(model).done()
    # What a fragment is given lives on in the session. It holds the model only while that loads,
    # so that a model which has left memory is not kept alive by everybody who looked at it.
    held = model if loading else None
    st.fragment(_drawn)(draw, analysis, model.card.name, held)
    if loading:
        st.fragment(_waiting, run_every=POLL)(model.card.name, held)


def _drawn(
    draw: Draw, analysis: pipeline.Analysis, name: str, held: pipeline.Detector | None
) -> None:
    model = held or detector(name)
    loading = not load_heatmaps(model).done()
    if loading != bool(held):
        st.rerun()  # nobody need wait any more, or must again
    draw(analysis, model, loading)


def _waiting(name: str, held: pipeline.Detector | None) -> None:
    """Draws nothing itself, so that it costs next to nothing."""
    if load_heatmaps(held or detector(name)).done():
        st.rerun()


def _import_tensorflow() -> None:
    """Keep what Streamlit does after every run away from the libraries.

    It collects garbage, so they are taken out of that: before any model is built, because a frozen
    model that leaves memory would never be collected. And it calls ``keras.backend.clear_session``,
    by which TensorFlow forgets its kernels, also under a heatmap that somebody else waits for: each
    run of any visitor would make the next heatmap many times slower.
    """
    if not _frozen.is_set():
        import keras
        import tf_keras_vis.layercam  # brings Grad-CAM and Grad-CAM++
        import tf_keras_vis.saliency
        import tf_keras_vis.scorecam  # noqa: F401

        keras.backend.clear_session = lambda *_, **__: None
        _frozen.set()
        gc.collect()
        gc.freeze()
