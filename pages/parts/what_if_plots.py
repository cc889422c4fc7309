"""The curve of p_fake along a slider, and where it flips, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas  # noqa: F401  Plotly would take a pandas that TensorFlow's thread is half through
import plotly.graph_objects as go

from cifake_core.calibration import Calibration, Verdict
from cifake_core.render import ANSWER_COLOURS
from cifake_core.what_if import Change, flips
from pages.parts import plots
from pages.parts.words import ANSWER_WORDS, SYMBOLS, percent


def figure(
    change: Change,
    setting: float,
    p_fake: np.ndarray,
    calibration: Calibration,
    others: Mapping[str, tuple[Sequence[float], np.ndarray]],
    names: Sequence[str],
    ink: str,
) -> go.Figure:
    """The picked model's curve over its zones, marked at ``setting``, and other models' lines.

    Args:
        p_fake: (1 + K,), as :func:`cifake_core.what_if.curve` gives it.
        others: settings and p_fake at each, by the model's name.
        names: all models, which gives each its style.
    """
    drawn, x = go.Figure(), [s * change.scale for s in change.settings]
    zones = {
        Verdict.REAL: (0, calibration.real_to),
        Verdict.UNCERTAIN: (calibration.real_to, calibration.fake_from),
        Verdict.FAKE: (calibration.fake_from, 1),
    }
    level, upright = float(p_fake[0]), change.neutral * change.scale
    across, along = {"xref": "x domain", "x0": 0, "x1": 1}, {"yref": "y domain", "y0": 0, "y1": 1}
    # All at once: Plotly's add_hrect and the like go through every shape again each time.
    shapes = [
        across
        | {"type": "rect", "y0": low, "y1": high, "line": {"width": 0}, "layer": "below"}
        | {"fillcolor": ANSWER_COLOURS[verdict.value], "opacity": 0.18}
        for verdict, (low, high) in zones.items()
    ]
    dotted = {"color": plots.GREY, "dash": "dot", "width": 2}
    shapes.append(across | {"type": "line", "y0": level, "y1": level, "line": dotted})
    thin = {"color": plots.GREY, "width": 1}
    shapes.append(along | {"type": "line", "x0": upright, "x1": upright, "line": thin})
    for name, (settings, line) in others.items():
        look = plots.style(names.index(name))["line"]
        at = [s * change.scale for s in settings]
        drawn.add_scatter(x=at, y=line, name=name, mode="lines", line=look, opacity=0.8)
    curve = p_fake[1:]
    drawn.add_scatter(
        x=x, y=curve, mode="lines", line={"color": ink, "width": 2}, showlegend=False,
        hoverinfo="skip",
    )  # fmt: skip
    verdicts = [calibration.verdict(p) for p in curve]
    for verdict in zones:
        mine = [i for i, v in enumerate(verdicts) if v is verdict]
        drawn.add_scatter(
            x=[x[i] for i in mine],
            y=[curve[i] for i in mine],
            mode="markers",
            name=ANSWER_WORDS[verdict],
            marker={"color": ANSWER_COLOURS[verdict.value], "symbol": SYMBOLS[verdict], "size": 8},
            customdata=[[change.say(change.settings[i]), percent(curve[i])] for i in mine],
            hovertemplate="%{customdata[0]}: %{customdata[1]}",
        )
    now = change.settings.index(setting)
    drawn.add_scatter(
        x=[x[now]],
        y=[curve[now]],
        mode="markers",
        name="now",
        marker={"symbol": "circle-open", "size": 20, "color": ink, "line": {"width": 3}},
        cliponaxis=False,
        hoverinfo="skip",
    )
    drawn.update_yaxes(title="P(AI-generated)", tickformat=".0%", range=[-0.03, 1.03], dtick=0.25)
    drawn.update_xaxes(title=f"{change.title} ({change.unit})")
    drawn.update_layout(shapes=shapes, height=360, xaxis_fixedrange=True, yaxis_fixedrange=True)
    return drawn


def flip_words(
    change: Change, p_fake: np.ndarray, calibration: Calibration, covered: bool = False
) -> str:
    """Where the verdict flips along the slider, in Markdown.

    What counts is the verdict on the image as it is or, where a part is covered, on that.
    """
    verdicts = [calibration.verdict(p) for p in p_fake[1:]]
    neutral = change.settings.index(change.neutral)
    before = verdicts[neutral] if covered else calibration.verdict(p_fake[0])
    name = change.title if change.name == "jpeg" else change.title.lower()
    sentences = []
    for way in change.ways:
        on = "down" if way[-1] < way[0] else "up"
        on = "on" if "shift" in change.name else on
        steps = flips(before, [verdicts[i] for i in way], [change.settings[i] for i in way])
        if not steps:
            continue
        said = [f"from {change.say(f.setting)} {on} *{ANSWER_WORDS[f.verdict]}*" for f in steps[1:]]
        if len(said) > 2:
            said = [said[0], f"and it changes {len(said) - 1} more times"]
        first = f"From {name} {change.say(steps[0].setting)} {on} the reading is "
        sentences.append(", ".join([f"{first}*{ANSWER_WORDS[steps[0].verdict]}*", *said]) + ".")
    start = "With that part covered" if covered else "As it is"
    start += f", the model's reading is *{ANSWER_WORDS[before]}*."
    if not sentences:
        return f"{start} It stays so along the whole slider: there is no flip."
    if len(sentences) < len(change.ways):
        sentences.append("In the other direction it does not flip.")
    return " ".join([start, *sentences])
