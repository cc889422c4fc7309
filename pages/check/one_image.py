"""One image in, a verdict out: how sure, on which evidence, and where the model looked."""

from __future__ import annotations

import json

import streamlit as st

from cifake_core import render
from cifake_core.calibration import Verdict
from cifake_core.explain import METHOD_WORDS, Method
from cifake_core.labels import FAKE, REAL
from cifake_core.pipeline import Analysis, Detector
from pages.parts import engine, sources
from pages.parts.words import HEADLINES, percent

TARGETS = {FAKE: "AI-generated", REAL: "real"}
DRAWN_BY = {
    Method.CAM: "drawn by CAM, which gives the same picture for this model",
    Method.GRADCAM: "drawn by tf-keras-vis",
    Method.GRADCAM_PLUS_PLUS: "drawn by tf-keras-vis",
}


def show_verdict(analysis: Analysis, model: Detector, source: sources.Source) -> None:
    st.header(HEADLINES[analysis.verdict], anchor=False)
    if source.remark:
        st.caption(source.remark)
    if analysis.in_domain:
        show_probability(analysis, model)
    else:
        st.caption(
            f"For what it is worth, the model's reading is {percent(analysis.p_fake)} AI-generated."
        )
    for doubt in analysis.doubts:
        st.warning(doubt, icon=":material/help:")
    for note in analysis.notes:
        st.info(note, icon=":material/info:")
    if source.truth is not None and st.toggle("Show what it truly is", key="show_truth"):
        st.markdown(f"In CIFAKE it is **{TARGETS[source.truth]}**, of class *{source.class_word}*.")


def show_probability(analysis: Analysis, model: Detector) -> None:
    calibration = model.card.calibration
    sentence = f"Probability of AI-generated: **{percent(analysis.p_fake)}**"
    if analysis.verdict is Verdict.UNCERTAIN:
        lean = TARGETS[analysis.leans_to]
        sentence += f". The model's reading leans to *{lean}*, but that is not a verdict."
    st.markdown(sentence)
    st.image(
        render.probability_bar(analysis.p_fake, calibration.real_to, calibration.fake_from),
        width="stretch",
        output_format="PNG",
        alt=(
            f"A bar from 0 (real, blue) over can't tell (grey) to 100 percent (AI-generated, "
            f"orange) with a marker at {percent(analysis.p_fake)}"
        ),
        caption=(
            f"0 % · up to {calibration.real_to:.1%} (blue): real · between (grey): can't tell · "
            f"from {calibration.fake_from:.1%} (orange): AI-generated · 100 %"
        ),
    )


def show_pictures(analysis: Analysis, source: sources.Source) -> None:
    size = analysis.opened.prepared.pixels.shape[0]
    original, seen = st.columns(2)
    with original:
        st.image(
            render.enlarge(render.framed(analysis.opened.preview)),
            width="stretch",
            output_format="PNG",
            alt=f"{source.words}, as it was given",
            caption=f"{source.words[0].upper()}{source.words[1:]}: {analysis.opened.width}x"
            f"{analysis.opened.height} pixels, {analysis.opened.format}",
        )
    with seen:
        st.image(
            render.enlarge(analysis.opened.prepared.pixels),
            width="stretch",
            output_format="PNG",
            alt=f"The {size}x{size} pixels that the model sees, enlarged with hard edges",
            caption=f"What the model sees: exactly these {size}x{size} pixels",
        )


def show_heatmap(analysis: Analysis, model: Detector, polled: bool) -> None:
    """Redrawn alone when a control moves and, if ``polled``, each second: TensorFlow is loading."""
    loading = not model.load_explainer().done()
    st.subheader("Where did it look?", anchor=False)
    controls, picture = st.columns([2, 3])
    with controls:
        target = st.segmented_control(
            "Evidence for",
            list(TARGETS),
            format_func=lambda t: f"Why {TARGETS[t]}?",
            default=analysis.leans_to,
            required=True,
            key=f"target-{analysis.opened.sha256}",
        )
        method = st.segmented_control(
            "Method",
            [Method.GRADCAM, Method.GRADCAM_PLUS_PLUS],
            format_func=METHOD_WORDS.get,
            default=Method.GRADCAM,
            required=True,
            key="method",
        )
        opacity = st.slider("Opacity of the heatmap", 0, 100, 55, 5, format="%d %%", key="opacity")
        colours = st.selectbox("Colours", list(render.COLOUR_MAPS), key="colours")
    with picture:
        if method is Method.GRADCAM_PLUS_PLUS and not model.explainer_ready:
            st.info(
                "Grad-CAM++ needs TensorFlow, which is not there (see below).",
                icon=":material/hourglass_top:",
            )
        else:
            draw_heatmap(analysis, model, method, target, opacity / 100, colours)
    loading_state(loading, model.explainer_ready)
    if polled and not loading:
        st.rerun()  # this fragment need not be drawn each second any more


def draw_heatmap(analysis, model, method, target, opacity: float, colours: str) -> None:
    heatmap = engine.heatmap(
        analysis.opened.sha256, model.card.name, method, target, model.explainer_ready, analysis
    )
    words = f"{METHOD_WORDS[method]}, evidence for {TARGETS[target]}"
    if heatmap.empty:
        st.info(
            f"{words}: nothing in this image speaks for that answer, so there is nothing to draw.",
            icon=":material/do_not_disturb_on:",
        )
        return
    pixels = analysis.opened.prepared.pixels
    picture = render.overlay(pixels, heatmap.normalised, opacity, colours)
    st.image(
        picture,
        width="stretch",
        output_format="PNG",
        alt=f"{words}: {describe(heatmap.normalised)}",
        caption=f"{words}. {heatmap.values.shape[0]}x{heatmap.values.shape[1]} positions, "
        f"{DRAWN_BY[heatmap.drawn_by]}.",
    )
    st.image(
        render.scale_bar(colours),
        width="stretch",
        output_format="PNG",
        alt=f"Scale of the {colours} colours: no evidence on the left, the most on the right",
        caption="no evidence → most evidence in this image",
    )
    st.download_button(
        "Heatmap (PNG)",
        render.to_png(picture),
        "heatmap.png",
        "image/png",
        on_click="ignore",
        icon=":material/download:",
    )


def describe(values) -> str:
    """The heatmap in words: which ninth of the picture holds the strongest evidence."""
    row, column = divmod(int(values.argmax()), values.shape[1])
    vertical = ("top", "middle", "bottom")[3 * row // values.shape[0]]
    horizontal = ("left", "centre", "right")[3 * column // values.shape[1]]
    return f"strongest at the {vertical} {horizontal}; {(values > 0.5).mean():.0%} is above half"


def loading_state(loading: bool, ready: bool) -> None:
    if loading:
        st.caption(
            ":material/hourglass_top: TensorFlow and tf-keras-vis are loading; what needs them "
            "appears here by itself."
        )
    elif not ready:
        st.caption(
            ":material/error: TensorFlow could not be loaded, so there is no Grad-CAM++; verdicts "
            "and Grad-CAM are not affected."
        )
    else:
        st.caption(":material/check: TensorFlow and tf-keras-vis are loaded.")


def show_limits(model: Detector) -> None:
    with st.expander("How to read this, and what the model does not know"):
        st.markdown(
            f"""
- **The verdict** has three answers. “Can't tell” is one of them: it is given when the evidence is
  thin, and for every image that is not {model.card.image_size}x{model.card.image_size} pixels.
- **The probability** is calibrated on images like those of CIFAKE: of all such images rated 90 %,
  about nine in ten are AI-generated. For any other image it is the model's reading and no more.
- **The heatmap** shows which regions spoke for the answer you picked, not what is wrong with the
  picture. It has few positions, so it cannot point at single pixels.
- **It only knows** photographs from CIFAR-10 (ten kinds of things and animals) and what Stable
  Diffusion 1.4 made of the same ten words. Other generators, faces, screenshots, drawings and
  large pictures are outside of that, and no small model can be trusted on them. A picture that
  somebody shrank to this size before looks like the right kind, and so do blank or drawn images;
  they get a verdict all the same, and it is worth nothing.
- **It proves nothing.** Do not use it to accuse anybody.
"""
        )


st.title("Real or AI-generated?", anchor=False)
st.markdown(
    "Drop an image of 32x32 pixels and read whether it is a photograph or AI-generated, how sure "
    "the model is, and where it looked. Larger ones can be looked at, but not judged."
)
detector = engine.detector()
chosen = sources.choose()
if chosen is not None:
    result = engine.analysis(chosen.data, detector)
    st.divider()
    if isinstance(result, str):
        st.error(result, icon=":material/broken_image:")
    else:
        show_verdict(result, detector, chosen)
        show_pictures(result, chosen)
        engine.load_heatmaps_in_background(detector)
        polled = not detector.load_explainer().done()
        st.fragment(show_heatmap, run_every=1.0 if polled else None)(result, detector, polled)
        st.download_button(
            "Result (JSON)",
            json.dumps(result.as_dict(), indent=1),
            "result.json",
            "application/json",
            on_click="ignore",
            icon=":material/download:",
        )
show_limits(detector)
