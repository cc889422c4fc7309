"""How a Grad-CAM map is made, with the numbers of the image at hand."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cifake_core import render
from cifake_core.artifacts import Card
from cifake_core.explain_parts import Parts, parts
from cifake_core.pipeline import Analysis, Detector
from pages.parts import engine, pictures, raw_reading
from pages.parts.words import TARGETS

SHOWN = 4
SIDE = 150  # pixels: two beside each other on a phone


def show(analysis: Analysis, model: Detector, target: int, colours: str, loading: bool) -> None:
    """Of a model that ends in a mean over all places and one dense unit."""
    with st.expander("How this map is made"):
        if not model.explainer_ready:
            st.caption(
                "The feature maps need TensorFlow, which is loading; they appear here by "
                "themselves."
                if loading
                else "The feature maps cannot be shown: see below, why."
            )
            return
        maps, weights, bias = _maps(
            analysis.opened.sha256, engine.key(model.card), analysis.opened.prepared.pixels, model
        )
        found = parts(maps, weights, bias, target)
        st.markdown(introduction(found, model.card, target))
        strongest = found.strongest(SHOWN)
        if strongest:
            _strongest(found, strongest, model.card, target, colours)
        _sum(found, target, colours)
        st.markdown(sentence(found, target, raw_reading.told(analysis)))


@st.cache_data(scope="session", max_entries=8, show_spinner=False)
def _maps(sha256: str, key: str, _pixels, _model) -> tuple[np.ndarray, np.ndarray, float]:
    explainer = _model.load_explainer().result()
    return explainer.feature_maps(_pixels), *explainer.answer_weights()


def introduction(found: Parts, card: Card, target: int) -> str:
    count, height, width = found.maps.shape
    return (
        f"The last layer but one of this model gives {count} **feature maps**, small pictures of "
        f"{height}x{width} squares. Each is bright where its pattern is found. A map counts with "
        f"its **weight** for *{TARGETS[target]}*, which was learned; a negative weight speaks "
        f"for the other answer. {joined(card, count)}What a map adds to the answer is its mean "
        "brightness times its weight."
    )


def joined(card: Card, count: int) -> str:
    """Where the maps of a model come from that is several nets, or sees the image twice."""
    nets, mirror = _nets(card), card.raw["builder_arguments"].get("mirror", False)
    if nets > 1:
        turned = (
            f" {'The' if nets == 2 else 'Every'} second net sees the image mirrored, and its maps "
            "are mirrored back."
            if mirror
            else ""
        )
        return (
            f"This model is {nets} nets whose answers are averaged, with {count // nets} maps "
            f"each, so the weights here are those of the nets divided by {nets}.{turned} "
        )
    if mirror:
        return (
            "Each map here is the mean of two: of the image, and of its mirror image, mirrored "
            "back. "
        )
    return ""


def _nets(card: Card) -> int:
    return card.raw["builder_arguments"].get("nets", 1)


def name(number: int, card: Card, count: int) -> str:
    """Of a map, counted from 0 over all nets: as a person counts, net by net."""
    each = count // _nets(card)
    net = f" of net {number // each + 1}" if _nets(card) > 1 else ""
    return f"map {number % each + 1}{net}"


def _strongest(found: Parts, numbers: list[int], card: Card, target: int, colours: str) -> None:
    st.markdown(
        f"**1. The maps that add most.** Drawn times their weights, on one scale. In brackets: the "
        f"share of all that speaks for *{TARGETS[target]}*; together these are "
        f"{found.shares[numbers].sum():.0%}."
    )
    # Those that add most are positive somewhere, so the scale has an end.
    drawn = np.maximum(found.weighted[numbers], 0)
    with st.container(horizontal=True, gap="small"):
        for number, values in zip(numbers, drawn, strict=True):
            words = name(number, card, len(found.maps))
            mean, weight = found.maps[number].mean(), found.weights[number]
            st.image(
                pictures.url(render.squares(values / drawn.max(), colours)),
                width=SIDE,
                alt=f"{words[0].upper()}{words[1:]} times its weight: "
                f"{pictures.describe(values / values.max())}",
                caption=f"{words[0].upper()}{words[1:]}: mean {mean:.2f} × weight {weight:.3f} = "
                f"{found.added[number]:.2f} ({found.shares[number]:.0%})",
            )


def _sum(found: Parts, target: int, colours: str) -> None:
    count = len(found.maps)
    st.markdown(
        f"**2. The sum of all {count}.** Each map times its weight, added up square by square. "
        "What is below zero speaks for the other answer and is cut off. Drawn smoothly over the "
        "image, this is the heatmap above; its own strongest square is brightest. (Grad-CAM's own "
        f"numbers are these divided by {found.summed.size}, the number of squares: the same "
        "picture.)"
    )
    summed = np.maximum(found.summed, 0)
    peak = float(summed.max())
    shown = summed / peak if peak > 0 else summed
    st.image(
        pictures.url(render.squares(shown, colours)),
        width=SIDE,
        alt=f"The sum of all {count} weighted maps, evidence for {TARGETS[target]}: "
        + (pictures.describe(shown) if peak > 0 else "nothing is above zero"),
        caption=f"All {count} maps added up, from 0 to {peak:.2f}",
    )


def sentence(found: Parts, target: int, told: bool) -> str:
    """From the sum to the answer; the number is a reading, so only where it may be ``told``."""
    (other,) = (t for t in TARGETS if t != target)
    said = (
        "**3. From the map to the answer.** The mean over all squares of the sum, nothing cut off, "
        "plus a constant is the model's raw score: above zero it leans to this answer, before "
        "calibration."
    )
    if not told:
        return said
    good, bad = found.added[found.added > 0], found.added[found.added < 0]
    return (
        f"{said} Here {len(good)} maps add {good.sum():.2f} for *{TARGETS[target]}*, {len(bad)} "
        f"take away {-bad.sum():.2f} for *{TARGETS[other]}*, and the constant is "
        f"{found.bias:+.2f}: {found.score:+.2f}."
    )
