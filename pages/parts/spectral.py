"""Spectral occlusion: the score without each band of frequencies, and the picture without one."""

from __future__ import annotations

import hashlib

import numpy as np
import streamlit as st

from cifake_core import render
from cifake_core.explain_spectral import BandEffects, remove_band, spectral_occlusion
from cifake_core.labels import FAKE, REAL
from cifake_core.pipeline import Analysis, Detector
from pages.parts import engine, pictures, raw_reading
from pages.parts.words import LABEL_COLOURS, percent

BANDS = 8
SCALES = ("Probability", "Raw score")


def show(analysis: Analysis, model: Detector) -> None:
    st.markdown(
        "A picture is a sum of patterns, from broad shapes to fine grain. Here one kind is taken "
        "out at a time, everywhere in the picture, and the model answers again."
    )
    if not raw_reading.wanted(analysis, "what it makes of each band"):
        return
    if not analysis.in_domain:
        raw_reading.caution(analysis, model)
    pixels = analysis.opened.prepared.pixels
    sha256 = hashlib.sha256(pixels.tobytes()).hexdigest()
    effects = _effects(sha256, engine.key(model.card), pixels, model)
    p_fake_of = model.card.calibration.p_fake
    p_change = effects.p_fake_change(p_fake_of)
    names = [f"{low:.2f}–{high:.2f}" for low, high in _pairs(effects)]
    scale = st.segmented_control(
        "Change of the",
        SCALES,
        default=SCALES[0],
        required=True,
        key="spectral-scale",
        persist_state="session",
        help="The probability hardly moves where the model is very sure; the raw score does.",
    )
    _chart(names, p_change if scale == SCALES[0] else -effects.logit_change, scale, effects.energy)
    strongest = int(np.abs(p_change).argmax())
    chosen = st.select_slider(
        "Band taken out (cycles per pixel)",
        range(BANDS),
        strongest,
        format_func=names.__getitem__,
        key=f"spectral-band-{model.card.name}-{sha256}",
    )
    low, high = _pairs(effects)[chosen]
    before, after = float(p_fake_of(np.float64(effects.logit))), p_fake_of(effects.logits)[chosen]
    for column, picture, title, p, score in zip(
        st.columns(2, wrap=False),
        (pixels, remove_band(pixels, low, high)),
        ("As it is", f"Without {names[chosen]}"),
        (before, float(after)),
        (effects.logit, effects.logits[chosen]),
        strict=True,
    ):
        column.image(
            pictures.url(render.enlarge(picture)),
            width="stretch",
            alt=f"{title}: {percent(p)} AI-generated",
            caption=f"{title}: **{percent(p)}** AI-generated (raw score {-score:+.2f})",
        )
    st.caption(
        f"This band holds {effects.energy[chosen]:.1%} of the picture's variation. The raw score, "
        "turned so that it grows with *AI-generated*, is what the model says before calibration. A "
        "picture without a band is none that a camera takes or a generator "
        "makes, so read this as an experiment, not as a verdict."
    )


@st.cache_data(scope="session", max_entries=32, show_spinner=False)
def _effects(sha256: str, key: str, _pixels, _model) -> BandEffects:
    return spectral_occlusion(_model.engine.logits, _pixels, BANDS)


def _pairs(effects: BandEffects) -> list[tuple[float, float]]:
    return list(zip(effects.edges[:-1], effects.edges[1:], strict=True))


def _chart(names: list[str], change: np.ndarray, scale: str, energy: np.ndarray) -> None:
    import plotly.graph_objects as go

    from pages.parts import plots

    probability = scale == SCALES[0]
    change = 100 * change if probability else change
    figure = go.Figure()
    for label, name, pattern, kept in (
        (FAKE, "more AI-generated without it", "", change > 0),
        (REAL, "more real without it", "/", change <= 0),
    ):
        figure.add_bar(
            x=names,
            y=np.where(kept, change, None),
            name=name,
            text=[_signed(v) for v in change],
            textposition="outside",
            textfont={"color": plots.ink()},
            cliponaxis=False,
            customdata=energy,
            marker={
                "color": LABEL_COLOURS[label],
                "pattern": {"shape": pattern, "fillmode": "overlay"},
            },
            hovertemplate="%{x}: %{text}; holds %{customdata:.1%} of the variation",
        )
    reach = 1.25 * max(float(np.abs(change).max()), 2 if probability else 0.2)
    low, high = min(0.0, float(change.min())) * 1.25, max(0.0, float(change.max())) * 1.25
    figure.update_yaxes(
        title="change towards AI-generated" + (", in points" if probability else ""),
        tickformat=".1~f",
        range=[min(low, -reach / 5), max(high, reach / 5)],
        fixedrange=True,
        zeroline=True,
    )
    figure.update_xaxes(
        title="from … cycles per pixel on: broad shapes → finest grain",
        ticktext=[name.partition("–")[0] for name in names],
        tickvals=names,
        categoryorder="array",
        categoryarray=names,
        fixedrange=True,
    )
    figure.update_layout(barmode="overlay", height=360)
    unit = "percentage points" if probability else "units of the raw score"
    told = "; ".join(f"{n} {_signed(v)}" for n, v in zip(names, change, strict=True))
    plots.show(
        figure,
        "spectral",
        f"Change without each band, towards AI-generated, in {unit}: {told}",
        f"Up and orange: without this band the image looks more AI-generated, so the band spoke "
        f"for *real*. Down, blue and striped: the other way round. Numbers are {unit}.",
    )


def _signed(value: float) -> str:
    """With one digit and its sign, none at zero."""
    said = f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")
    return "0" if said[1:] == "0.0" else said
