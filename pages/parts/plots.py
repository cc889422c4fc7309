"""Plots that compare models: one way to draw them, and to tell models apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas  # noqa: F401  Plotly would take a pandas that TensorFlow's thread is half through
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from cifake_core.curves import Bin
from cifake_core.labels import CLASSES, FAKE, LABELS, REAL
from pages.parts.words import LABEL_COLOURS, LABEL_NAMES

# For the colour-blind (after P. Tol), on light and on dark; blue and orange stay with the answers.
COLOURS = ("#aa4499", "#2f9a88", "#93932c", "#cc6677", "#7d6bd0", "#8a6d5a")
DASHES = ("solid", "dash", "dot", "dashdot", "14px,3px", "10px,2px,2px,2px,2px,2px")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "cross")
GREY = "#8a8f98"
LABEL_SYMBOLS = {REAL: "circle", FAKE: "diamond"}


@dataclass(frozen=True, slots=True)
class Line:
    """One model's line."""

    x: Sequence[Any] | np.ndarray
    y: Sequence[float] | np.ndarray
    markers: bool = False
    star: tuple[float, float] | None = None  # one point of it that stands out


def show(figure: go.Figure, key: str, alt: str, caption: str) -> None:
    """Draw a figure with its description for those who cannot see it, and what it means."""
    figure.update_layout(
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        # Right: room for half of the last number of the axis, which is left out otherwise.
        margin={"t": 10, "b": 0, "l": 0, "r": 24},
    )
    draw(figure, key, alt)
    st.caption(caption)


def draw(figure: go.Figure, key: str, alt: str) -> None:
    """Draw a figure with its description; what is written on its axes as dark as other text."""
    for axes in (figure.update_xaxes, figure.update_yaxes):
        axes(tickfont={"color": ink()}, title={"font": {"color": ink()}})
    st.plotly_chart(figure, key=key, alt=alt, config={"displayModeBar": False})


def ink() -> str:
    """The colour of text, in the look that the visitor has."""
    return st.get_option(f"theme.{st.context.theme.type or 'light'}.textColor")


def style(number: int) -> dict[str, Any]:
    """Colour, dash and marker of the n-th model, on every plot the same."""
    return {
        "line": {"color": COLOURS[number % 6], "dash": DASHES[number % 6], "width": 2},
        "marker": {"color": COLOURS[number % 6], "symbol": SYMBOLS[number % 6], "size": 8},
    }


def lines(
    found: Mapping[str, Line], names: Sequence[str], x_title: str, y_title: str, height: int = 360
) -> go.Figure:
    """A line for each model; ``names`` are all models, which gives each its style."""
    figure = go.Figure()
    for name, line in found.items():
        look = style(names.index(name))
        figure.add_scatter(
            x=line.x,
            y=line.y,
            name=name,
            mode="lines+markers" if line.markers else "lines",
            legendgroup=name,
            showlegend=True,
            **look,
        )
        if line.star:
            figure.add_scatter(
                x=[line.star[0]],
                y=[line.star[1]],
                name=name,
                mode="markers",
                legendgroup=name,
                showlegend=False,
                marker=look["marker"] | {"symbol": "star", "size": 15},
            )
    return figure.update_layout(xaxis_title=x_title, yaxis_title=y_title, height=height)


def as_percent(figure: go.Figure, axes: str = "xy") -> go.Figure:
    for axis in axes:
        figure.update_layout({f"{axis}axis_tickformat": ".2~%", f"{axis}axis_hoverformat": ".2%"})
    return figure


def confusion(table: Mapping[str, int]) -> go.Figure:
    """Counts, what the images are downwards and what they are called across."""
    counts = np.array(
        [
            [table["real_as_real"], table["real_as_fake"]],
            [table["fake_as_real"], table["fake_as_fake"]],
        ]
    )
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=["called real", "called AI-generated"],
            y=["really real", "really AI-generated"],
            text=[
                [f"{n:,}<br>{p:.2%}" for n, p in zip(*row, strict=True)]
                for row in zip(counts, shares, strict=True)
            ],
            texttemplate="%{text}",
            textfont={"size": 18},
            hoverinfo="skip",
            colorscale=[[0, "#efe9f4"], [1, "#5b2a86"]],
            zmin=0,
            zmax=1,
            showscale=False,
            xgap=3,
            ygap=3,
        )
    )
    figure.update_yaxes(autorange="reversed", tickangle=-90)
    return figure.update_layout(height=300)


def reliability(before: Iterable[Bin], after: Iterable[Bin]) -> go.Figure:
    """Share that is AI-generated against ``p_fake`` above, images in each bin below."""
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.06
    )
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        name="perfectly calibrated",
        line={"color": GREY, "dash": "dot"},
        hoverinfo="skip",
    )
    for bins, name, colour, dash, symbol in (
        (list(before), "before calibration", COLOURS[3], "dash", "triangle-up-open"),
        (list(after), "after calibration", COLOURS[1], "solid", "circle"),
    ):
        figure.add_scatter(
            x=[b.p_fake for b in bins],
            y=[b.fake_share for b in bins],
            customdata=[b.count for b in bins],
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": dash},
            marker={"symbol": symbol, "size": 9, "color": colour},
            hovertemplate="said %{x:.1%}, of %{customdata:,} images %{y:.1%} are AI-generated",
        )
        figure.add_bar(
            x=[(b.low + b.high) / 2 for b in bins],
            y=[b.count for b in bins],
            marker={"color": colour, "pattern": {"shape": "/" if dash == "dash" else ""}},
            showlegend=False,
            name=name,
            hovertemplate="%{y:,} images",
            row=2,
            col=1,
        )
    figure.update_xaxes(tickformat=".0%", range=[-0.02, 1.02])
    figure.update_xaxes(title="probability of AI-generated that the model gives", row=2, col=1)
    figure.update_yaxes(title="share AI-generated", tickformat=".0%", row=1, col=1)
    figure.update_yaxes(title="images", type="log", dtick=1, tickformat=",", row=2, col=1)
    return figure.update_layout(height=480, bargap=0.15)


def cost(
    points: Mapping[str, tuple[float, float, tuple[float, float]]],
    names: Sequence[str],
    x_title: str,
) -> go.Figure:
    """Accuracy with its interval against a price, both of each model: name -> (x, y, interval)."""
    figure = go.Figure()
    for name, (x, y, (low, high)) in points.items():
        look = style(names.index(name))
        figure.add_scatter(
            x=[x],
            y=[y],
            name=name,
            mode="markers",
            marker=look["marker"] | {"size": 13},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [high - y],
                "arrayminus": [y - low],
                "color": look["marker"]["color"],
            },
            hovertemplate="%{x:,.3~g}: %{y:.2%}",
        )
    log_axis(figure, "x", [x for x, _, _ in points.values()])
    figure = figure.update_layout(
        xaxis_title=x_title, yaxis_title="accuracy", height=380, showlegend=True
    )
    return as_percent(figure, "y")


def classes(found: Mapping[str, Mapping[str, float]]) -> go.Figure:
    """Accuracy of the ten classes, real and AI-generated apart: class -> label -> share."""
    words = [word for word in CLASSES if word in found]
    figure = go.Figure()
    for word in words:  # a bar between the two, so that the eye finds the pair
        figure.add_scatter(
            x=[found[word][label] for label in LABELS],
            y=[word, word],
            mode="lines",
            line={"color": GREY, "width": 2},
            showlegend=False,
            hoverinfo="skip",
        )
    for label in (REAL, FAKE):
        figure.add_scatter(
            x=[found[word][LABELS[label]] for word in words],
            y=words,
            name=LABEL_NAMES[label],
            mode="markers",
            marker={"color": LABEL_COLOURS[label], "symbol": LABEL_SYMBOLS[label], "size": 12},
            hovertemplate="%{y}: %{x:.1%}",
        )
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(xaxis_title="share called right", height=400)
    return as_percent(figure, "x")


def log_axis(figure: go.Figure, axis: str, values: Sequence[float]) -> None:
    """A scale of multiples with whole words on it; Plotly writes single digits between powers."""
    powers = range(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))) + 1)
    ticks = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    figure.update_layout(
        {
            f"{axis}axis": {
                "type": "log",
                "tickvals": ticks,
                "ticktext": [_short(tick) for tick in ticks],
            }
        }
    )


def _short(value: float) -> str:
    for size, word in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{word}"
    return f"{value:g}"
