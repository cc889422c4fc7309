"""Where the model looks before and after a change, on one scale."""

from __future__ import annotations

import hashlib

import numpy as np
import streamlit as st

from cifake_core import render
from cifake_core.explain import METHOD_WORDS, Heatmap, Method
from cifake_core.pipeline import Analysis, Detector
from pages.parts import engine, pictures, raw_reading
from pages.parts.heatmap_evidence import warning
from pages.parts.heatmaps import failure
from pages.parts.words import TARGETS


def sha256(pixels: np.ndarray) -> str:
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def show(analysis: Analysis, after: np.ndarray, model: Detector) -> None:
    before = analysis.opened.prepared.pixels
    st.header("Where does it look?", anchor=False)
    target = raw_reading.choose_target(analysis, model)
    # Asked before the maps are: it may end meanwhile.
    loaded = model.engine.has_cam or engine.load_heatmaps(model).done()
    maps = [of(pixels, model, target) for pixels in (before, after)]
    if None in maps:
        if loaded:
            st.caption(f":material/error: {failure(model)} So there is no heatmap.")
        else:
            _wait_for_tensorflow(model.card.name)
        return
    colours = pictures.colours()
    # One scale for both, so that fading evidence is seen to fade.
    peaks = [float(m.values.max()) for m in maps]
    if max(peaks) <= 0:
        st.info(
            f"Nothing speaks for {TARGETS[target]} in either image, so there is nothing to draw.",
            icon=":material/do_not_disturb_on:",
        )
        return
    for column, title, pixels, found, peak in zip(
        st.columns(2, wrap=False),
        ("As it is", "Changed"),
        (before, after),
        maps,
        peaks,
        strict=True,
    ):
        share = f"{peak / max(peaks):.0%}"
        where = "nothing to see" if found.empty else pictures.describe(found.normalised)
        column.image(
            pictures.url(render.overlay(pixels, found.values / max(peaks), 0.55, colours)),
            width="stretch",
            alt=f"{title}: heatmap, evidence for {TARGETS[target]}; its peak is {share}; {where}",
            caption=f"{title}: peak {share}",
        )
    method = maps[0].method
    pictures.scale(
        f"100%, the strongest evidence in either image. Drawn by {METHOD_WORDS[method]}; a method "
        f"can be wrong.{warning(model.card, method)}",
        colours,
    )
    st.page_link(
        "explain/trust.py",
        label="Can you believe a heatmap?",
        icon=":material/fact_check:",
    )


def of(pixels: np.ndarray, model: Detector, target: int) -> Heatmap | None:
    """CAM where the model has it, which needs no TensorFlow; else Grad-CAM, None until it can be.

    One method for both images: CAM and Grad-CAM differ by a factor.
    """
    if not model.engine.has_cam and not model.explainer_ready:
        return None
    method = Method.CAM if model.engine.has_cam else Method.GRADCAM
    return _heatmap(sha256(pixels), engine.key(model.card), method, target, pixels, model)


@st.cache_data(scope="session", max_entries=32, show_spinner=False)
def _heatmap(sha256: str, key: str, method: Method, target: int, _pixels, _model) -> Heatmap:
    return _model.heatmap(_pixels, method, target)


@st.fragment(run_every=engine.POLL)
def _wait_for_tensorflow(name: str) -> None:
    if engine.load_heatmaps(engine.detector(name)).done():
        st.rerun()
    st.caption(
        ":material/hourglass_top: Heatmaps of this model need TensorFlow, which is loading; they "
        "appear here by themselves."
    )
