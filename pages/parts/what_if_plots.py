"""The curve of p_fake along a slider, and where it flips, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas  # noqa: F401  Plotly would take a pandas that TensorFlow's thread is half through
import plotly.graph_objects as go

from cifake_core.calibration import Calibration, Verdict
from cifake_core.render import ANSWER_COLOURS
from cifake_core.what_if import Change, Flip, flips
from pages.parts import plots
from pages.parts.words import ANSWER_WORDS, SYMBOLS, percent, signed

UNSURE = Verdict.UNCERTAIN
STRANGE = "it is no longer like the images of CIFAKE"
UNDECIDED = "the model is not sure enough"


@dataclass(frozen=True, slots=True)
class Along:
    """What a model makes of an image along a slider.

    Attributes:
        p_fake, strange: (1 + K,), as :func:`cifake_core.what_if.judged` gives them. ``strange`` is
            None where no image gets an answer, so that there are readings alone.
        covered: a part of the changed images is, so that flips count from the neutral setting.
    """

    change: Change
    p_fake: np.ndarray
    calibration: Calibration
    strange: np.ndarray | None = None
    covered: bool = False

    @property
    def noun(self) -> str:
        return "reading" if self.strange is None else "answer"

    @property
    def answers(self) -> list[Verdict]:
        """(K,), or what the readings alone would say."""
        return [self._answer(i) for i in range(1, len(self.p_fake))]

    @property
    def first(self) -> int:
        """Index into ``p_fake`` of what the flips count from."""
        return 1 + self.change.settings.index(self.change.neutral) if self.covered else 0

    @property
    def before(self) -> Verdict:
        return self._answer(self.first)

    def _answer(self, i: int) -> Verdict:
        if self.strange is not None and self.strange[i]:
            return UNSURE
        return self.calibration.verdict(float(self.p_fake[i]))

    @property
    def flips(self) -> list[tuple[list[int], list[Flip]]]:
        """For each way from the neutral setting its indices and its flips."""
        answers, settings = self.answers, self.change.settings
        return [
            (way, flips(self.before, [answers[i] for i in way], [settings[i] for i in way]))
            for way in self.change.ways
        ]

    @property
    def unlike(self) -> str:
        """Of a strange image; "no longer" only where it was not one from the beginning."""
        return STRANGE.replace("no longer", "not") if self.strange[0] else STRANGE

    def why(self, indices: Sequence[int]) -> str:
        """The reason of "can't tell" at these of the settings, as the end of a sentence."""
        if self.strange is None:
            return ""
        found = {bool(self.strange[1 + i]) for i in indices}
        words = ((True, self.unlike), (False, UNDECIDED))
        kinds = [word for kind, word in words if kind in found]
        return f", because {' or '.join(kinds)}"


@dataclass(frozen=True, slots=True)
class Scale:
    """What the curve is drawn in: Plotly's axis, and the height of the flips' signs."""

    axis: dict[str, Any]
    flips: float
    raw: bool = False

    def zones(self, calibration: Calibration) -> dict[Verdict, tuple[float, float]]:
        """From where to where each answer's zone goes."""
        edges = np.array([calibration.real_to, calibration.fake_from])
        start, end = (0, 1)
        if self.raw:
            start, end = self.axis["range"]
            edges = np.clip(calibration.raw(edges), start, end)
        real_to, fake_from = edges.tolist()
        return {
            Verdict.REAL: (start, real_to),
            Verdict.UNCERTAIN: (real_to, fake_from),
            Verdict.FAKE: (fake_from, end),
        }


PROBABILITY = Scale(
    {
        "title": "probability of AI-generated",
        "tickformat": ".0%",
        "range": [-0.03, 1.12],
        "dtick": 0.25,
    },
    1.08,
)


def _raw_scale(
    values: np.ndarray,
    others: Mapping[str, tuple[Sequence[float], np.ndarray]],
    calibration: Calibration,
) -> Scale:
    """High enough for all lines and, where there are such, for both thresholds."""
    edges = [p for p in (calibration.real_to, calibration.fake_from) if 0 < p < 1]
    lines = [values, calibration.raw(np.array(edges)), *(line for _, line in others.values())]
    every = np.concatenate(lines)
    low, high = float(every.min()), float(every.max())
    step = 0.08 * max(high - low, 1)
    axis = {"title": "raw score, grows with AI-generated", "range": [low - step, high + 2.5 * step]}
    return Scale(axis, high + 1.5 * step, raw=True)


def figure(
    along: Along,
    setting: float,
    others: Mapping[str, tuple[Sequence[float], np.ndarray]],
    names: Sequence[str],
    ink: str,
    raw: bool = False,
) -> go.Figure:
    """The picked model's curve over its zones, marked at ``setting`` and where it flips.

    Args:
        others: settings and what is drawn at each, by the model's name.
        names: all models, which gives each its style.
        raw: draw the raw score, which grows with p_fake, in its place.
    """
    change, p_fake, calibration = along.change, along.p_fake, along.calibration
    drawn, x = go.Figure(), [s * change.scale for s in change.settings]
    values = calibration.raw(p_fake) if raw else p_fake
    scale = _raw_scale(values, others, calibration) if raw else PROBABILITY
    zones, upright = scale.zones(calibration), change.neutral * change.scale
    level, curve = float(values[0]), values[1:]
    across, along_y = {"xref": "x domain", "x0": 0, "x1": 1}, {"yref": "y domain", "y0": 0, "y1": 1}
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
    shapes.append(along_y | {"type": "line", "x0": upright, "x1": upright, "line": thin})
    for name, (settings, line) in others.items():
        look = plots.style(names.index(name))["line"]
        at = [s * change.scale for s in settings]
        drawn.add_scatter(x=at, y=line, name=name, mode="lines", line=look, opacity=0.8)
    drawn.add_scatter(
        x=x, y=curve, mode="lines", line={"color": ink, "width": 2}, showlegend=False,
        hoverinfo="skip",
    )  # fmt: skip
    hollow = np.ones(len(curve), bool) if along.strange is None else along.strange[1:]
    without = "no answer" if along.strange is None else "unlike CIFAKE"
    marks = [None if h else calibration.verdict(p) for h, p in zip(hollow, p_fake[1:], strict=True)]
    said = [signed(v) if raw else percent(v) for v in curve]
    for verdict in (*zones, None):
        mine = [i for i, v in enumerate(marks) if v is verdict]
        look = {"color": plots.GREY, "symbol": "square-open", "line": {"width": 2}}
        if verdict:
            look = {"color": ANSWER_COLOURS[verdict.value], "symbol": SYMBOLS[verdict]}
        drawn.add_scatter(
            x=[x[i] for i in mine],
            y=[curve[i] for i in mine],
            mode="markers",
            name=ANSWER_WORDS[verdict] if verdict else without,
            marker=look | {"size": 8},
            customdata=[[change.say(change.settings[i]), said[i]] for i in mine],
            hovertemplate="%{customdata[0]}: %{customdata[1]}",
        )
    turns = [flip for _, found in along.flips for flip in found]
    colours = [ANSWER_COLOURS[flip.verdict.value] for flip in turns]
    at = [flip.setting * change.scale for flip in turns]
    shapes += [
        along_y | {"type": "line", "x0": place, "x1": place, "line": {"color": c, "dash": "dash"}}
        for place, c in zip(at, colours, strict=True)
    ]
    drawn.add_scatter(
        x=at,
        y=[scale.flips] * len(at),
        mode="markers",
        name="flip",
        marker={
            "symbol": [SYMBOLS[flip.verdict] for flip in turns],
            "size": 13,
            "color": colours,
        },
        customdata=[[change.say(f.setting), ANSWER_WORDS[f.verdict]] for f in turns],
        hovertemplate="from %{customdata[0]} on: %{customdata[1]}",
        cliponaxis=False,
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
    drawn.update_yaxes(scale.axis)
    drawn.update_xaxes(title=f"{change.title} ({change.unit})")
    drawn.update_layout(shapes=shapes, height=360, xaxis_fixedrange=True, yaxis_fixedrange=True)
    return drawn


def flip_words(along: Along) -> str:
    """Where the answer flips along the slider, in Markdown.

    What counts is the answer to the image as it is or, where a part is covered, to that.
    """
    change, before = along.change, along.before
    name = change.title if change.name == "jpeg" else change.title.lower()
    sentences = []
    for way, steps in along.flips:
        if not steps:
            continue
        on = "down" if way[-1] < way[0] else "up"
        on = "on" if "shift" in change.name else on
        starts = [way.index(change.settings.index(flip.setting)) for flip in steps]
        said = []
        for flip, start, end in zip(steps, starts, [*starts[1:], len(way)], strict=True):
            why = along.why(way[start:end]) if flip.verdict is UNSURE else ""
            said.append(f"{change.say(flip.setting)} {on} *{ANSWER_WORDS[flip.verdict]}*{why}")
        first, rest = said[0].replace(" *", f" the {along.noun} is *", 1), said[1:]
        rest = [f"from {words}" for words in rest]
        if len(rest) > 2:
            rest = [rest[0], f"and it changes {len(rest) - 1} more times"]
        sentences.append("; ".join([f"From {name} {first}", *rest]) + ".")
    start = "With that part covered" if along.covered else "As it is"
    owner = "model's reading" if along.strange is None else "answer"
    start += f", the {owner} is *{ANSWER_WORDS[before]}*"
    if before is UNSURE and along.strange is not None:
        start += f", because {along.unlike if along.strange[along.first] else UNDECIDED}"
    if not sentences:
        return f"{start}. It stays so along the whole slider: there is no flip."
    if len(sentences) < len(change.ways):
        sentences.append("In the other direction it does not flip.")
    return " ".join([f"{start}.", *sentences])
