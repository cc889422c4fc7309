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


def scale(caption: str, colours: str = "viridis") -> None:
    """The colours of heatmaps, from no evidence on the left to the most on the right."""
    st.image(
        url(render.scale_bar(colours)),
        width="stretch",
        alt=f"Scale of the {colours} colours: no evidence on the left, the most on the right",
        caption=f"no evidence → {caption}",
    )
