"""Heatmaps of one image in a row, what two of them disagree on, and what each frequency does."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cifake_core import explain_compare, faithfulness, render
from cifake_core.explain import METHOD_WORDS, SLOW, Heatmap, Method
from cifake_core.pipeline import Analysis, Detector
from pages.parts import engine, pictures, raw_reading, spectral
from pages.parts.heatmap_evidence import warning
from pages.parts.heatmaps import failure
from pages.parts.words import TARGETS

PER_ROW = 3
KEEP = {"persist_state": "session"}
DEFAULT = (Method.GRADCAM, Method.LAYERCAM, Method.OCCLUSION)
LOOKS = ("Colours", "Lines")
ALIKE = 0.005  # of the scale: less is rounding
# What each method does, and who described it.
ABOUT = {
    Method.CAM: (
        "Adds up the last feature maps, each with the weight that it has in the answer.",
        "[Zhou et al. 2016](https://arxiv.org/abs/1512.04150)",
    ),
    Method.GRADCAM: (
        "Weights each feature map by how much the answer would move with it, on average.",
        "[Selvaraju et al. 2017](https://arxiv.org/abs/1610.02391)",
    ),
    Method.GRADCAM_PLUS_PLUS: (
        "Like Grad-CAM, but only what speaks for the answer counts, so that several spots survive.",
        "[Chattopadhay et al. 2018](https://arxiv.org/abs/1710.11063)",
    ),
    Method.LAYERCAM: (
        "Like Grad-CAM, but every place in a feature map has a weight of its own.",
        "[Jiang et al. 2021](https://doi.org/10.1109/TIP.2021.3089943)",
    ),
    Method.SCORECAM: (
        "Shows the model only what one feature map covers, and weights the map by the answer.",
        "[Wang et al. 2020](https://arxiv.org/abs/1910.01279)",
    ),
    Method.SMOOTHGRAD: (
        "Where a change of a pixel would move the answer most, either way: averaged over noisy "
        "copies, the same for both answers.",
        "[Smilkov et al. 2017](https://arxiv.org/abs/1706.03825)",
    ),
    Method.OCCLUSION: (
        "Covers one patch after another with the mean colour and watches the answer fall.",
        "[Zeiler & Fergus 2014](https://arxiv.org/abs/1311.2901)",
    ),
}


def show(analysis: Analysis, model: Detector) -> None:
    """Redrawn alone when a control moves, and anew once TensorFlow has loaded."""
    engine.redrawn_while_loading(_draw, analysis, model)
    st.header("Which fineness of detail does it look at?", anchor=False)
    spectral.show(analysis, model)


def _draw(analysis: Analysis, model: Detector, loading: bool) -> None:
    offered = [m for m in Method if m is not Method.CAM or model.engine.has_cam]
    target = raw_reading.choose_target(analysis, model)
    methods = st.pills(
        "Methods",
        offered,
        selection_mode="multi",
        format_func=METHOD_WORDS.get,
        default=DEFAULT,
        key=f"side-methods-{model.engine.has_cam}",
        help=f"{', '.join(METHOD_WORDS[m] for m in offered if m in SLOW)} ask the model many "
        "times and may take seconds.",
        **KEEP,
    )
    look, opacity, colours = _looks()
    if not methods:
        st.info("Pick a method to see its heatmap.", icon=":material/touch_app:")
        return
    found: dict[Method, Heatmap] = {}
    # Rows of equal cells, so that pictures of one row are of one size.
    methods = [m for m in offered if m in methods]
    for start in range(0, len(methods), PER_ROW):
        columns = st.columns(PER_ROW)
        for method, column in zip(methods[start : start + PER_ROW], columns, strict=False):
            with column:
                heatmap = _one(analysis, model, method, target, loading)
                if heatmap is not None:
                    _picture(analysis, heatmap, look, opacity, colours)
                    found[method] = heatmap
    if look == "Colours":
        pictures.scale(
            "most evidence. Each map is scaled to its own strongest spot, so colours compare "
            "places, not methods.",
            colours,
            directed=methods != [Method.SMOOTHGRAD],
        )
    else:
        st.caption(
            "Lines run where a map crosses 25% (thin), 50% and 75% (thick) of its own maximum."
        )
    if not {Method.SMOOTHGRAD, Method.OCCLUSION}.issuperset(methods):
        st.markdown(
            "**Feature maps** are small pictures inside the net; each lights up for one pattern. "
            "The CAM methods add them up, each in its own way:"
        )
    for method in methods:
        sentence, source = ABOUT[method]
        st.markdown(
            f"- **{METHOD_WORDS[method]}.** {sentence} {source}{warning(model.card, method)}"
        )
    _difference({m: h for m, h in found.items() if not h.empty})


def _looks() -> tuple[str, float, str]:
    with st.expander("How the maps are drawn"):
        look = st.segmented_control(
            "Shown as", LOOKS, default=LOOKS[0], required=True, key="side-look", **KEEP
        )
        opacity = st.slider(
            *("Opacity of the heatmaps", 0, 100, 60, 5), format="%d%%", key="side-opacity", **KEEP
        )
        colours = st.selectbox("Colours", list(render.COLOUR_MAPS), key="colours", **KEEP)
    return look, opacity / 100, colours


def _one(
    analysis: Analysis, model: Detector, method: Method, target: int, loading: bool
) -> Heatmap | None:
    """One heatmap, with a bar while a slow method works; None says on the page what it needs."""
    words, place = METHOD_WORDS[method], st.empty()

    def progress(done: int, total: int) -> None:
        place.progress(done / total, f"{words} …")

    heatmap = engine.heatmap(analysis, model, method, target, progress if method in SLOW else None)
    place.empty()
    if heatmap is None:
        st.info(
            f"**{words}** needs TensorFlow, which is loading; it appears here by itself."
            if loading
            else f"**{words}** cannot be drawn. {failure(model)}",
            icon=":material/hourglass_top:" if loading else ":material/error:",
        )
    return heatmap


def _picture(analysis: Analysis, heatmap: Heatmap, look: str, opacity: float, colours: str) -> None:
    words, pixels = METHOD_WORDS[heatmap.method], analysis.opened.prepared.pixels
    caption = f"**{words}**"
    if heatmap.empty:
        picture, said = render.enlarge(pixels), "nothing speaks for that answer"
        caption += f": empty, {said}"
    else:
        said = pictures.describe(heatmap.normalised)
        if look == "Lines":
            picture = explain_compare.contours(pixels, heatmap.normalised)
        else:
            picture = render.overlay(pixels, heatmap.normalised, opacity, colours)
    st.image(
        pictures.url(picture),
        width="stretch",
        alt=f"{words}, evidence for {TARGETS[heatmap.target]}: {said}",
        caption=caption,
    )


def furthest(difference: np.ndarray, first: str, second: str) -> str:
    """Where one of two maps is most above the other, either way, in words."""
    said = [
        f"{name} is furthest ahead at the {pictures.ninth(ahead)}"
        for name, ahead in ((first, difference), (second, -difference))
        if ahead.max() > ALIKE
    ]
    return ", ".join(said) or "both are alike"


def _difference(found: dict[Method, Heatmap]) -> None:
    if len(found) < 2:
        return
    st.header("Where do two of them differ?", anchor=False)
    left, right = st.columns(2)
    names = list(found)
    key = "-".join(names)
    one = left.selectbox("First", names, format_func=METHOD_WORDS.get, key=f"side-first-{key}")
    others = [m for m in names if m is not one]
    other = right.selectbox(
        "Second", others, format_func=METHOD_WORDS.get, key=f"side-second-{key}-{one}"
    )
    maps = [found[m].normalised for m in (one, other)]
    size = max(len(m) for m in maps)
    fitted = [faithfulness.fit(m, size) for m in maps]
    ranks = faithfulness.spearman(*fitted)
    first, second = METHOD_WORDS[one], METHOD_WORDS[other]
    picture, words = st.columns(2)
    picture.image(
        pictures.url(explain_compare.difference(*maps)),
        width="stretch",
        alt=f"{first} minus {second}: green where {first} is stronger, purple where {second} is; "
        + furthest(fitted[0] - fitted[1], first, second),
    )
    with words:
        st.metric("Rank correlation", f"{ranks:.2f}", help="1: same order of spots; 0: none.")
        st.image(
            pictures.url(explain_compare.difference_bar()),
            width="stretch",
            alt="Scale of the difference: purple on the left, near-white in the middle, green",
            caption=f"purple: {second} stronger · white: both alike · green: {first} stronger",
        )
        if ranks > 0.999:
            st.caption(
                "Both maps order the places alike. Where a net ends in an average over all places, "
                "several of these formulas come down to one."
            )
