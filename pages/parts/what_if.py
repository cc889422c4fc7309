"""What if the image were changed: the controls, and what every model reads before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from cifake_core import pipeline, render, what_if
from cifake_core.artifacts import Card
from cifake_core.calibration import Calibration, Verdict
from cifake_core.errors import ArtifactError
from cifake_core.pipeline import Analysis, Detector
from cifake_core.what_if import Change, Cover
from pages.parts import (
    engine,
    pictures,
    plots,
    raw_reading,
    stability,
    what_if_cover,
    what_if_heatmaps,
    what_if_plots,
)
from pages.parts.spectral import SCALES
from pages.parts.what_if_heatmaps import sha256
from pages.parts.words import ANSWER_WORDS, HEADLINES, percent, signed

KEEP = {"persist_state": "session"}
NOTHING = "Nothing"


def show(analysis: Analysis, model: Detector) -> None:
    """Everything below the image's choice.

    Not a fragment: a click that meets a run of the whole page would be lost, and saves little.
    """
    pixels = analysis.opened.prepared.pixels
    size = len(pixels)
    changes = {c.title: c for c in what_if.changes(size)}
    change = changes.get(
        st.pills(
            "What is changed?",
            [*changes, NOTHING],
            default="JPEG quality",
            required=True,
            key="what_if_change",
            **KEEP,
        )
    )
    setting = change and st.select_slider(
        f"{change.title} ({change.unit})",
        change.settings,
        change.start,
        change.say,
        key=f"what_if_{change.name}_{size}",
        **KEEP,
    )
    target = raw_reading.chosen_target(analysis, model)
    cover = what_if_cover.choose(pixels, model, target)
    changed = pixels[None] if change is None else change.apply(pixels[None], setting)
    after = cover.apply(changed)[0] if cover else changed[0]
    try:
        p_fake, strange = curve(pixels, model.card, change, cover, gated=True)
        afterwards = answer(after, model.card)[1:] if analysis.opened.prepared.native else None
    except ArtifactError as error:  # replaced while the page was open
        st.error(f"The model cannot be used. {error}", icon=":material/error:")
        return
    now = 1 + (change.settings.index(setting) if change else 0)
    before, native = (analysis.verdict, analysis.doubts), analysis.opened.prepared.native
    readings = st.container()
    raw = raw_reading.wanted(analysis, "its readings and the curve along the slider")
    scores = raw and choose_scale() == SCALES[1]
    with readings:
        show_readings(
            (pixels, after),
            told(p_fake[[0, now]], model.card.calibration, scores) if raw else (None, None),
            (before, afterwards or before),
        )
    if raw and cover:
        what_if_cover.compare(pixels, changed[0], cover, model, target)
    if raw and not analysis.in_domain:
        raw_reading.caution(analysis, model)
    everybody = st.toggle("Ask all models", key="ask_all", **KEEP)  # as on the page of one image
    if everybody:
        readings.caption(f"Both answers are by `{model.card.name}` alone; all models' are below.")
    asked = (pixels, after, native, change if raw else None, cover, model.card.name)
    answers = ask_all(*asked) if everybody else {}
    if change and raw:
        judged = (p_fake, model.card.calibration, strange if native else None)
        along = what_if_plots.Along(change, *judged, cover is not None)
        show_curve(along, setting, model.card, answers, scores)
    if everybody:
        show_table(answers, model.card.name, raw)
    what_if_heatmaps.show(analysis, after, model)
    if analysis.in_domain and analysis.stability is not None:
        st.header("Does it hold under tiny changes?", anchor=False)
        stability.show(analysis.stability)


def choose_scale() -> str:
    return st.segmented_control(
        "Readings as",
        SCALES,
        default=SCALES[0],
        required=True,
        key="what_if_scale",
        help="The probability hardly moves where the model is very sure; the raw score does.",
        **KEEP,
    )


def told(p_fake: np.ndarray, calibration: Calibration, scores: bool) -> list[str]:
    """The readings of two images, each in a line."""
    if not scores:
        return [f"the model's reading: {percent(p)} AI-generated" for p in p_fake]
    needed, edges = "", (calibration.real_to, calibration.fake_from)
    if all(0 < edge < 1 for edge in edges):
        real, fake = map(signed, calibration.raw(np.array(edges)))
        needed = f" (real up to {real}, AI-generated from {fake} on)"
    return [f"raw score {signed(z)}{needed}" for z in calibration.raw(p_fake)]


def curve(
    pixels: np.ndarray, card: Card, change: Change | None, cover: Cover | None, gated: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """As :func:`cifake_core.what_if.judged` or, with None, ``curve`` there; kept in the session.

    May raise ArtifactError.
    """
    return _curve(
        sha256(pixels),
        engine.key(card),
        change and (change.name, change.settings),
        cover,
        gated,
        card,
        pixels,
        change,
    )


@st.cache_data(scope="session", max_entries=128, show_spinner=False)
def _curve(
    sha256: str,
    key: str,
    change: tuple | None,
    cover: Cover | None,
    gated: bool,
    _card,
    _pixels,
    _change,
) -> tuple[np.ndarray, np.ndarray | None]:
    model, rest = pipeline.load(_card.name), (_card.calibration, _pixels, _change, cover)
    if gated:
        return what_if.judged(model.engine, model.gate, *rest)
    return what_if.curve(model.engine.logits, *rest), None


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's p_fake and answer, no tiny changes tried, for the image as it is and changed, and
    its p_fake at each of ``change``'s settings."""

    before: tuple[float, Verdict]
    after: tuple[float, Verdict]
    change: Change | None
    curve: np.ndarray


def ask_all(
    pixels: np.ndarray,
    after: np.ndarray,
    native: bool,
    change: Change | None,
    cover: Cover | None,
    picked: str,
) -> dict[str, Answer | str]:
    """Every model's answer, or the sentence that says why it has none.

    Their lines have every third setting: with all of them a move would take too long.
    """
    found: dict[str, Answer | str] = {}
    thinned = change and change.thinned
    for name, card in engine.cards().items():
        if isinstance(card, ArtifactError):
            found[name] = str(card)
        elif card.image_size != len(pixels):
            found[name] = f"Made for {card.image_size}x{card.image_size} pixels."
        else:
            try:
                line_of = change if name == picked else thinned  # that one is there already
                line, _ = curve(pixels, card, line_of, cover, gated=name == picked)
                said = [answer(p, card, thorough=False)[:2] for p in (pixels, after)]
                if not native:
                    said = [(p_fake, Verdict.UNCERTAIN) for p_fake, _ in said]
                found[name] = Answer(*said, line_of, line[1:])
            except ArtifactError as error:
                found[name] = str(error)
    engine.keep(picked)
    return found


def answer(
    pixels: np.ndarray, card: Card, thorough: bool = True
) -> tuple[float, Verdict, tuple[str, ...]]:
    """What the app would say to a file of these pixels, as :meth:`Detector.answer`."""
    return _answer(sha256(pixels), engine.key(card), thorough, pixels, card)


@st.cache_data(scope="session", max_entries=128, show_spinner=False)
def _answer(
    sha256: str, key: str, thorough: bool, _pixels, _card
) -> tuple[float, Verdict, tuple[str, ...]]:
    return pipeline.load(_card.name).answer(_pixels, thorough)


def show_readings(
    images: tuple[np.ndarray, np.ndarray],
    said: Sequence[str | None],
    answers: tuple[tuple[Verdict, Sequence[str]], tuple[Verdict, Sequence[str]]],
) -> None:
    """Both images with the answers the app gives, and why it gives none."""
    for column, title, pixels, caption, (verdict, _) in zip(
        st.columns(2, wrap=False), ("As it is", "Changed"), images, said, answers, strict=True
    ):
        with column:
            st.markdown(f"{title}  \n**{HEADLINES[verdict]}**")
            st.image(
                pictures.url(render.enlarge(pixels)),
                width="stretch",
                alt=f"{title}: the {len(pixels)}x{len(pixels)} pixels that the model sees",
                caption=caption,
            )
    (_, first), (_, second) = answers
    if first == second:
        whys = {"Why no answer to either": first}
    else:
        whys = {"Why none to the image as it is": first, "Why none to the changed image": second}
    shown = " The reading under the picture is what the model makes of it all the same."
    for why, doubts in whys.items():
        if not doubts:
            continue
        reason = f":material/help: {why}: {' '.join(doubts)}"
        if doubts is second and has_lost_traces(second) and not has_lost_traces(first):
            reason += " Here it was the change made on this page: it wiped those traces out."
        st.caption(f"{reason}{shown if any(said) else ''}")
    if np.array_equal(*images):
        st.caption("At this setting no pixel is changed.")


def has_lost_traces(doubts: Sequence[str]) -> bool:
    """Whether one is the gate's sentence on the traces of the data set's compression."""
    return any("traces" in doubt for doubt in doubts)


def show_curve(
    along: what_if_plots.Along,
    setting: float,
    card: Card,
    answers: Mapping[str, Answer | str],
    scores: bool,
) -> None:
    st.header("Where does it flip?", anchor=False)
    said = what_if_plots.flip_words(along)
    st.markdown(said)
    answered = along.strange is not None
    if answered and along.strange[1:].any():
        # Most changes make an image strange: what they do to the model itself is seen here alone.
        readings = what_if_plots.flip_words(replace(along, strange=None))
        st.markdown(f"And by the readings alone, however strange the image is? {readings}")
    st.caption(
        "Along the slider the model's thresholds and its sense for strange images give the answer. "
        "Tiny changes, which can take an answer away, too, are tried for the two pictures above "
        "alone."
        if answered
        else "Only readings: an image of this size gets no answer, however it is changed."
    )
    others = {
        name: (
            answer.change.settings,
            engine.cards()[name].calibration.raw(answer.curve) if scores else answer.curve,
        )
        for name, answer in answers.items()
        if name != card.name and not isinstance(answer, str)
    }
    plots.show(
        what_if_plots.figure(along, setting, others, list(engine.cards()), plots.ink(), scores),
        "what-if-curve",
        f"{'Raw score' if scores else 'Probability of AI-generated'} by {card.name} along "
        f"{along.change.title}. {said}",
        f"Each mark is one strength, judged by {card.name}; the ring is yours. Hollow: no answer"
        f"{', because the image is unlike those of CIFAKE' if answered else ''}. Dashed "
        f"line: from here on the {along.noun} is another, that of the sign at its top. Shaded, "
        "from below: where the reading is real, can't tell and AI-generated. Dotted: the image as "
        "it is. Upright line: the setting that changes least."
        + (" Without marks: the other models, whose zones differ." if others else ""),
    )


def show_table(answers: Mapping[str, Answer | str], picked: str, raw: bool) -> None:
    rows = []
    for name, found in answers.items():
        row = {"Model": f"**{name}**, picked" if name == picked else name}
        if isinstance(found, str):
            row |= {"As it is": f":material/error: {found}", "Changed": "–"}
        else:
            for title, (p, verdict) in (("As it is", found.before), ("Changed", found.after)):
                row[title] = ANSWER_WORDS[verdict] + (f" (reading {percent(p)})" if raw else "")
        rows.append(row)
    st.table(rows, border="horizontal", hide_index=True, alt="Every model's readings, a row each")
    st.caption(
        f"Each model's answer by its own thresholds and gate{', in brackets its reading' * raw}. "
        "Tiny changes are tried for the picked model alone, above."
    )
