"""Where the model looked: the heatmap, its controls, and what it says while TensorFlow loads."""

from __future__ import annotations

import streamlit as st

from cifake_core import render
from cifake_core.errors import CifakeLensError
from cifake_core.explain import BY_TENSORFLOW, METHOD_WORDS, Heatmap, Method
from cifake_core.pipeline import Analysis, Detector
from pages.parts import cam_lesson, engine, pictures, raw_reading
from pages.parts.heatmap_evidence import warning
from pages.parts.words import TARGETS

DRAWN_BY = dict.fromkeys(BY_TENSORFLOW, "drawn by tf-keras-vis") | {
    Method.CAM: "drawn by CAM, which gives the same picture for this model"
}

# What the method offered here does, after a sentence on what a feature map is.
ABOUT = {
    Method.GRADCAM: "Grad-CAM adds them up, each with the weight it has for the answer.",
    Method.GRADCAM_PLUS_PLUS: "Grad-CAM++ adds them up, too, but only with weights that speak for "
    "the answer, so that several spots survive.",
}


def show(analysis: Analysis, model: Detector) -> None:
    """Redrawn alone when a control moves, and anew once TensorFlow has loaded."""
    engine.redrawn_while_loading(_draw, analysis, model)


def _draw(analysis: Analysis, model: Detector, loading: bool) -> None:
    st.subheader("Where did it look?", anchor=False)
    if not analysis.in_domain:
        st.caption(
            "The model was not made for an image like this one. The map shows what it reacts to, "
            "not the reason for an answer."
        )
    controls, picture = st.columns([2, 3])
    with controls:
        target = raw_reading.choose_target(analysis, model)
        method = st.segmented_control(
            "Method",
            [Method.GRADCAM, Method.GRADCAM_PLUS_PLUS],
            format_func=METHOD_WORDS.get,
            default=Method.GRADCAM,
            required=True,
            key="method",
            persist_state="session",
        )
        opacity = st.slider(
            *("Opacity of the heatmap", 0, 100, 55, 5),
            format="%d%%",
            key="opacity",
            persist_state="session",
        )
        colours = st.selectbox(
            "Colours", list(render.COLOUR_MAPS), key="colours", persist_state="session"
        )
    with picture:
        heatmap = engine.heatmap(analysis, model, method, target)
        if heatmap is None:
            words = METHOD_WORDS[method]
            st.info(
                f"{words} of this model needs TensorFlow, which is loading."
                if loading
                else f"{words} of this model cannot be drawn (see below).",
                icon=":material/hourglass_top:" if loading else ":material/error:",
            )
        else:
            remark = _beside_the_other(analysis, model, heatmap) + warning(model.card, method)
            _picture(analysis, heatmap, opacity / 100, colours, remark)
            height, width = heatmap.values.shape
            controls.caption(
                f"Inside the net, small pictures ({height}x{width} here) each light up for one "
                f"pattern: **feature maps**. {ABOUT[method]}"
            )
    if method is Method.GRADCAM and model.engine.has_cam:
        cam_lesson.show(analysis, model, target, colours, loading)
    _loading_state(loading, model)


def _picture(
    analysis: Analysis, heatmap: Heatmap, opacity: float, colours: str, remark: str
) -> None:
    words = f"{METHOD_WORDS[heatmap.method]}, evidence for {TARGETS[heatmap.target]}"
    if heatmap.empty:
        st.info(
            f"{words}: nothing in this image speaks for that answer, so there is nothing to draw.",
            icon=":material/do_not_disturb_on:",
        )
        return
    pixels = analysis.opened.prepared.pixels
    picture = render.overlay(pixels, heatmap.normalised, opacity, colours)
    st.image(
        pictures.url(picture),
        width="stretch",
        alt=f"{words}: {pictures.describe(heatmap.normalised)}",
        caption=f"{words}. {heatmap.values.shape[0]}x{heatmap.values.shape[1]} positions, "
        f"{DRAWN_BY[heatmap.drawn_by]}.{remark}",
    )
    pictures.scale("most evidence in this image", colours)
    st.download_button(
        "Heatmap (PNG)",
        lambda: render.to_png(picture),  # made on the click: nothing lies on the server before
        "heatmap.png",
        "image/png",
        on_click="ignore",
        icon=":material/download:",
    )


def _beside_the_other(analysis: Analysis, model: Detector, heatmap: Heatmap) -> str:
    """How strong the map is, where both answers' maps are two sides of one, on one scale."""
    if heatmap.method is not Method.GRADCAM or not model.engine.has_cam:
        return ""
    if not raw_reading.told(analysis):  # it would say which way the model leans
        return ""
    both = {t: engine.heatmap(analysis, model, Method.CAM, t).peak for t in TARGETS}
    return f" {compared(both, heatmap.target)}"


def compared(peaks: dict[int, float], target: int) -> str:
    """The strongest spots of both answers' maps in a sentence; ``target``'s is shown, not empty."""
    (other,) = (t for t in peaks if t != target)
    word = TARGETS[other]
    if not peaks[other] > 0:
        return f"Nothing in this image speaks for *{word}*."
    share = peaks[target] / peaks[other]
    if share <= 1:
        said = "less than 1%" if share < 0.01 else f"{share:.0%}"
        return f"Its strongest spot is {said} of the strongest one for *{word}*."
    said = "less than 1%" if share > 100 else f"{1 / share:.0%}"
    return f"The strongest spot for *{word}* is {said} of this one."


def _loading_state(loading: bool, model: Detector) -> None:
    if loading:
        st.caption(
            ":material/hourglass_top: What draws some of the heatmaps (TensorFlow, tf-keras-vis) "
            "is still loading; they appear here by themselves."
        )
    elif model.explainer_ready:
        st.caption(":material/check: TensorFlow and tf-keras-vis are loaded.")
    elif model.engine.has_cam:
        st.caption(
            f":material/error: {failure(model)} So there is no Grad-CAM++; verdicts and Grad-CAM "
            "are not affected."
        )
    else:
        st.caption(
            f":material/error: {failure(model)} So there are no heatmaps of this model; verdicts "
            "are not affected."
        )


def failure(model: Detector) -> str:
    """Why what draws heatmaps is not there although nobody waits for it any more, a sentence."""
    future = engine.load_heatmaps(model)
    error = future.exception() if future.done() else None  # it may just be tried again
    return str(error) if isinstance(error, CifakeLensError) else "TensorFlow could not be loaded."
