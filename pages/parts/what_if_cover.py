"""A part of the image covered: where it lies, and whether the heatmap's spot is a special one."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cifake_core import what_if
from cifake_core.perturb import FILLS
from cifake_core.pipeline import Detector
from cifake_core.what_if import Cover
from pages.parts import engine, what_if_heatmaps
from pages.parts.what_if_heatmaps import sha256
from pages.parts.words import signed

KEEP = {"persist_state": "session"}
FILL_WORDS = {"mean": "its mean colour", "grey": "grey", "black": "black", "noise": "noise"}


def choose(pixels: np.ndarray, model: Detector, target: int) -> Cover | None:
    """Draw the controls; what is covered of an (S, S, 3) image."""
    if not st.toggle("Cover a part of the image", key="what_if_cover", **KEEP):
        return None
    size = len(pixels)
    middle = (size * 3 // 8, size * 5 // 8)
    buttons = st.container(horizontal=True, gap="small")
    across, down = st.columns(2)
    left, right = across.slider(
        "Covered from left to right (px)", 0, size, middle, key=_across(size), **KEEP
    )
    top, bottom = down.slider(
        "Covered from top to bottom (px)", 0, size, middle, key=_down(size), **KEEP
    )
    # A part without any area would stay so wherever it is put.
    width, height = right - left or size // 4, bottom - top or size // 4
    bright = brightest(pixels, model, target, width, height)
    buttons.button(
        "Cover the brightest spot",
        icon=":material/flare:",
        disabled=bright is None,
        on_click=_put,
        args=(size, bright, width, height),
        help="Of the heatmap below, of the image as it is."
        if bright
        else "There is no heatmap of this image, or not yet.",
    )
    buttons.button(
        "Cover a random spot of the same size",
        icon=":material/casino:",
        on_click=_put,
        args=(size, None, width, height),
    )
    fill = st.segmented_control(
        "Covered with",
        FILLS,
        format_func=FILL_WORDS.get,
        default="mean",
        required=True,
        key="what_if_fill",
        **KEEP,
    )
    return Cover(left, top, right - left, bottom - top, fill)


def brightest(
    pixels: np.ndarray, model: Detector, target: int, width: int, height: int
) -> tuple[int, int] | None:
    """(left, top) of a part about the heatmap's strongest position; None without a heatmap."""
    heatmap = what_if_heatmaps.of(pixels, model, target)
    if heatmap is None or heatmap.empty:
        return None
    return what_if.brightest(heatmap.values, len(pixels), width, height)


def compare(
    pixels: np.ndarray, changed: np.ndarray, cover: Cover, model: Detector, target: int
) -> None:
    """A sentence: what the cover does to the raw score, beside the brightest and random spots."""
    if not (cover.width and cover.height):
        return
    bright = brightest(pixels, model, target, cover.width, cover.height)
    key = engine.key(model.card)
    scores = _scores(sha256(changed), key, cover, bright, changed, model)
    of = "the model's raw score" if np.array_equal(pixels, changed) else "the changed image's score"
    st.markdown(words(of, *scores))


def words(of: str, before: float, after: float, bright: float | None, spots: np.ndarray) -> str:
    """The comparison, from raw scores as :func:`cifake_core.what_if.covered` gives them."""
    moves = np.abs(spots - before)
    said = (
        f"This cover moves {of} from {signed(before)} to {signed(after)}, by "
        f"**{signed(after - before)}**; the score grows with *AI-generated*. "
    )
    by_chance = (
        f"{len(spots)} random spots of that size move it by {moves.mean():.2f} on average, either "
        f"way, and by {moves.max():.2f} at most"
    )
    if bright is None:
        return f"{said}{by_chance}."
    fewer = int((moves < abs(bright - before)).sum())
    return (
        f"{said}The heatmap's brightest spot of that size, covered, moves it by "
        f"**{signed(bright - before)}**. {by_chance}: the brightest spot counts for more than "
        f"{fewer} of these {len(spots)}."
    )


@st.cache_data(scope="session", max_entries=64, show_spinner=False)
def _scores(sha256: str, key: str, cover: Cover, bright: tuple | None, _changed, _model):
    # Turned, so that it grows with AI-generated, as on every page.
    return what_if.covered(lambda batch: -_model.engine.logits(batch), _changed, cover, bright)


def _put(size: int, place: tuple[int, int] | None, width: int, height: int) -> None:
    """Move the cover there, or anywhere."""
    if place is None:
        rng = np.random.default_rng()
        place = (int(rng.integers(size - width + 1)), int(rng.integers(size - height + 1)))
    left, top = place
    st.session_state[_across(size)] = (left, left + width)
    st.session_state[_down(size)] = (top, top + height)


def _across(size: int) -> str:
    return f"what_if_across_{size}"


def _down(size: int) -> str:
    return f"what_if_down_{size}"
