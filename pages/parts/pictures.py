"""Pictures that travel inside the page."""

from __future__ import annotations

import base64

import numpy as np
import streamlit as st

from cifake_core import render
from cifake_core.preprocess import shrink

MAX_SIDE = 720  # the width of a page


def url(pixels: np.ndarray) -> str:
    """(H, W, 3) uint8, brought to ``MAX_SIDE`` at most, as a data URL for ``st.image``.

    Given an array, Streamlit keeps a file on the server and drops it when a run is interrupted; a
    browser that asks for it late would show a broken picture until it changes. And nothing of an
    upload has an address on the server in this way.
    """
    pixels = shrink(pixels, MAX_SIDE)
    return f"data:image/png;base64,{base64.b64encode(render.to_png(pixels)).decode()}"


def colours() -> str:
    """The colours of heatmaps that were chosen last, on whatever page."""
    return st.session_state.get("colours") or next(iter(render.COLOUR_MAPS))


def scale(caption: str, colours: str = "viridis", directed: bool = True) -> None:
    """The colours of heatmaps, from nothing on the left to the most on the right.

    ``directed``: the map is of one answer, cut at zero, so that dark also means evidence for the
    other; else it knows no answers (SmoothGrad).
    """
    least = "none, or evidence for the other answer" if directed else "no effect"
    st.image(
        url(render.scale_bar(colours)),
        width="stretch",
        alt=f"Scale of the {colours} colours: {least} on the left, the most on the right",
        caption=f"{least} → {caption}",
    )


def describe(values: np.ndarray) -> str:
    """A heatmap, (h, w) in [0, 1], in words: which ninth of the picture holds its strongest spot,
    and how much of it is strong."""
    return f"strongest at the {ninth(values)}; {(values > 0.5).mean():.0%} is above half"


def ninth(values: np.ndarray) -> str:
    """The ninth of the picture with the largest of (h, w) values."""
    row, column = divmod(int(values.argmax()), values.shape[1])
    vertical = ("top", "middle", "bottom")[3 * row // values.shape[0]]
    horizontal = ("left", "centre", "right")[3 * column // values.shape[1]]
    return f"{vertical} {horizontal}"
