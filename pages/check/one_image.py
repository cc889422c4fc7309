"""One image in, a verdict out: how sure, on which evidence, and where the model looked."""

from __future__ import annotations

import json

import streamlit as st

from cifake_core import pipeline, render
from cifake_core.artifacts import Card
from cifake_core.calibration import Verdict
from cifake_core.catalogue import dig
from cifake_core.pipeline import Analysis, Detector
from pages.parts import (
    ask_all,
    engine,
    evidence,
    guess,
    heatmaps,
    model_views,
    origins,
    picker,
    pictures,
    raw_reading,
    sources,
    stability,
)
from pages.parts.evidence import Measured
from pages.parts.words import HEADLINES, TARGETS, percent

LARGER = (
    "Larger ones can be looked at, but not judged: the models learned from CIFAKE, 60,000 tiny "
    "photographs and 60,000 tiny pictures by Stable Diffusion 1.4."
)


def show_verdict(
    analysis: Analysis, model: Detector, source: sources.Source, told: bool = False
) -> None:
    """``told``: that the page says anyway what the image truly is."""
    st.header(HEADLINES[analysis.verdict], anchor=False)
    given = analysis.verdict is not Verdict.UNCERTAIN
    mistaken = given and source.right not in (None, analysis.verdict)
    st.caption(f"{source.said}. {'' if mistaken else source.remark}")
    if mistaken:
        st.warning(source.remark, icon=":material/error:")
    if source.origin == "upload" and given:
        st.caption(
            ":material/warning: This counts for images of CIFAKE and ones made just as they were. "
            "If somebody shrank this one from a larger picture, the answer is worth little, "
            "whatever it says."
        )
    for doubt in analysis.doubts:
        st.warning(doubt, icon=":material/help:")
    if analysis.in_domain:
        show_probability(analysis, model)
        if analysis.stability is not None:
            stability.show(analysis.stability)
    elif raw_reading.wanted(analysis):
        raw_reading.caution(analysis, model)
    for note in analysis.notes:
        st.info(note, icon=":material/info:")
    if told or source.truth is None:
        return
    if st.toggle("Show what it truly is", key="show_truth"):
        st.markdown(f"In CIFAKE it is **{TARGETS[source.truth]}**, of class *{source.class_word}*.")


def show_probability(analysis: Analysis, model: Detector) -> None:
    calibration = model.card.calibration
    sentence = f"Probability of AI-generated: **{percent(analysis.p_fake)}**"
    if analysis.verdict is Verdict.UNCERTAIN:
        lean = TARGETS[analysis.leans_to]
        sentence += f". The model's reading leans to *{lean}*, but that is not a verdict."
    st.markdown(sentence)
    st.image(
        pictures.url(
            render.probability_bar(analysis.p_fake, calibration.real_to, calibration.fake_from)
        ),
        width="stretch",
        alt=(
            f"A bar from 0 (real, blue) over can't tell (grey) to 100 percent (AI-generated, "
            f"orange) with a marker at {percent(analysis.p_fake)}"
        ),
        caption=(
            f"0% · up to {calibration.real_to:.1%} (blue): real · between (grey): can't tell · "
            f"from {calibration.fake_from:.1%} (orange): AI-generated · 100%"
        ),
    )


def show_pictures(analysis: Analysis, source: sources.Source) -> None:
    size = analysis.opened.prepared.pixels.shape[0]
    original, seen = st.columns(2, wrap=False)
    with original:
        st.image(
            pictures.url(render.enlarge(render.framed(analysis.opened.preview))),
            width="stretch",
            alt=f"{source.words}, as it was given",
            caption=f"{source.said}: {analysis.opened.width}x"
            f"{analysis.opened.height} pixels, {analysis.opened.format}"
            f"{'; shown turned or mirrored, as the file asks' if analysis.opened.turned else ''}",
        )
    with seen:
        st.image(
            pictures.url(render.enlarge(analysis.opened.prepared.pixels)),
            width="stretch",
            alt=f"The {size}x{size} pixels that the model sees, enlarged with hard edges",
            caption=f"What the model sees: exactly these {size}x{size} pixels",
        )


def kept(model: Measured) -> str:
    """For whom the promise of the thresholds holds, and what came of it."""
    if dig(model.card.raw, "calibration", "promised_error") is None:
        return ""
    said = (
        "That so few are wrong (the sentence above this box) holds on average over many ways to "
        "choose the images on which the thresholds between the answers are set, so a single model "
        "can come out a little above or below"
    )
    official = dig(model.evidence, "test", "official")
    shares = [dig(official, key, "share") for key in ("real_called_fake", "fake_called_real")]
    if all(shares):
        one, other = (f"1 in {1 / share:,.0f}" for share in shares)
        said += (
            f": on the test images this one came to {one} of the photographs and {other} of the "
            "AI-generated ones"
        )
    return f"{said}."


def show_limits(card: Card) -> None:
    model = evidence.measured(card)
    if promised := model_views.guarantee([model]):
        st.markdown(promised)
    with st.expander("How to read this, and what the model does not know"):
        st.markdown(
            f"""
- **The verdict** has three answers. {kept(model)}
- **Can't tell** comes with its reason: the evidence is thin; the image is not
  {card.image_size}x{card.image_size} pixels or unlike those the model learned from; a change that
  means nothing to a person would turn the verdict round; or, if you asked all models, one says the
  opposite.
- **The probability** says of how many of 100 such images the model expects that they are
  AI-generated. {model_views.at_its_word(model)} For any image unlike those of CIFAKE it is the
  model's reading and no more.
- **Stable** means that small changes keep the answer, not that it is right: a model can be wrong
  steadily.
- **The heatmap** shows which regions spoke for the answer you picked, not what is wrong with the
  picture. It has few positions, so it cannot point at single pixels. Dark places hold no evidence
  for that answer, or evidence for the other one: pick the other to see it.
- **Several models** that agree are not so many witnesses: all learned the difference from the
  same images and share their blind spots.
- **Real and AI-generated** are what it saw in training: photographs from CIFAR-10 (ten kinds of
  things and animals) and what Stable Diffusion 1.4 made of the same ten. Other generators,
  faces, screenshots, drawings and large pictures are outside of that, and no model here can be
  trusted on them. Most are recognised and get “can't tell”. A large picture that somebody shrank
  to this size and saved just as the data set was is not recognised: it gets a verdict, and that
  is worth little.
- **It proves nothing.** Do not use it to accuse anybody.
"""
        )


st.title("Real or AI-generated?", anchor=False)
intro = st.empty()
# The verdict stands right below the image's choice, where a projector still shows it.
choice, before, answer, after, looks, models, details = (st.container() for _ in range(7))
with choice:
    chosen = sources.choose()
intro.markdown(
    "Drop an image of 32x32 pixels and read whether it is a photograph or AI-generated, how sure "
    "the model is, and where it looked." + ("" if chosen else f" {LARGER}")
    # Once there is an image, its verdict must be seen without scrolling, on a phone as well.
)
with after if chosen else before:
    first = guess.switch()
with models:
    detector = engine.detector(picker.choose())
if chosen is not None:
    result = engine.analysis(chosen.data, detector)
    if isinstance(result, str):
        answer.error(result, icon=":material/broken_image:")
    elif first and guess.missing(result):
        with answer:
            guess.ask(result, chosen)
    else:
        if doubt := ask_all.disagreement(result, chosen.data, detector):
            result = pipeline.doubted(result, doubt)
        with answer:
            show_verdict(result, detector, chosen, told=first)
            if first:
                guess.show(result, chosen)
        with looks:
            show_pictures(result, chosen)
            origins.show(chosen.data)
        with details:
            ask_all.show(result, chosen.data, detector)
            heatmaps.show(result, detector)
            st.download_button(
                "Result (JSON)",
                # A function: a file kept for a click goes with the next run, and a browser that
                # looks for it then reports an error.
                lambda: json.dumps(result.as_dict(), indent=1),
                "result.json",
                "application/json",
                on_click="ignore",
                icon=":material/download:",
            )
show_limits(detector.card)
