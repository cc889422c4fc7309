"""What if the image were changed: the controls, and what every model reads before and after."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from cifake_core import pipeline, render, what_if
from cifake_core.artifacts import Card
from cifake_core.calibration import Verdict
from cifake_core.errors import ArtifactError
from cifake_core.explain import Heatmap, Method
from cifake_core.labels import FAKE, REAL
from cifake_core.perturb import FILLS
from cifake_core.pipeline import Analysis, Detector
from cifake_core.what_if import Change, Cover
from pages.parts import engine, pictures, plots, stability
from pages.parts.words import ANSWER_WORDS, HEADLINES, TARGETS, percent

KEEP = {"persist_state": "session"}
NOTHING = "Nothing"
FILL_WORDS = {"mean": "its mean colour", "grey": "grey", "black": "black", "noise": "noise"}


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
    cover = choose_cover(size)
    changed = pixels[None] if change is None else change.apply(pixels[None], setting)
    after = cover.apply(changed)[0] if cover else changed[0]
    p_fake = curve(pixels, model.card, change, cover)
    now = 1 + (change.settings.index(setting) if change else 0)
    before, native = (analysis.verdict, analysis.doubts), analysis.opened.prepared.native
    show_readings(
        (pixels, after),
        (p_fake[0], p_fake[now]),
        (before, answer(after, model.card)[1:] if native else before),
    )
    everybody = st.toggle("Ask every model", key="what_if_all", **KEEP)
    asked = (pixels, after, native, change, cover, model.card.name)
    answers = ask_all(*asked) if everybody else {}
    if change:
        show_curve(change, setting, p_fake, model.card, answers, cover is not None)
    if everybody:
        show_table(answers, model.card.name)
    show_heatmaps(pixels, after, model, FAKE if p_fake[0] >= 0.5 else REAL)
    if analysis.in_domain and analysis.stability is not None:
        st.header("Does it hold under tiny changes?", anchor=False)
        stability.show(analysis.stability)


def choose_cover(size: int) -> Cover | None:
    if not st.toggle("Cover a part of the image", key="what_if_cover", **KEEP):
        return None
    middle = (size * 3 // 8, size * 5 // 8)
    across, down = st.columns(2)
    left, right = across.slider(
        "Covered from left to right (px)", 0, size, middle, key=f"what_if_across_{size}", **KEEP
    )
    top, bottom = down.slider(
        "Covered from top to bottom (px)", 0, size, middle, key=f"what_if_down_{size}", **KEEP
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


def curve(pixels: np.ndarray, card: Card, change: Change | None, cover: Cover | None) -> np.ndarray:
    """As :func:`cifake_core.what_if.curve`, kept in the session; may raise ArtifactError."""
    return _curve(
        sha256(pixels),
        engine.key(card),
        change and (change.name, change.settings),
        cover,
        card,
        pixels,
        change,
    )


@st.cache_data(scope="session", max_entries=128, show_spinner=False)
def _curve(
    sha256: str, key: str, change: tuple | None, cover: Cover | None, _card, _pixels, _change
) -> np.ndarray:
    model = pipeline.load(_card.name)
    return what_if.curve(model.engine.logits, _card.calibration, _pixels, _change, cover)


def sha256(pixels: np.ndarray) -> str:
    return hashlib.sha256(pixels.tobytes()).hexdigest()


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
                line = curve(pixels, card, line_of, cover)[1:]
                said = [answer(p, card, thorough=False)[:2] for p in (pixels, after)]
                if not native:
                    said = [(p_fake, Verdict.UNCERTAIN) for p_fake, _ in said]
                found[name] = Answer(*said, line_of, line)
                pipeline.load(picked)  # so that it is not the one that leaves memory
            except ArtifactError as error:
                found[name] = str(error)
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
    readings: tuple[float, float],
    answers: tuple[tuple[Verdict, Sequence[str]], tuple[Verdict, Sequence[str]]],
) -> None:
    """Both images with the answers the app gives, and why it gives none."""
    for column, title, pixels, p, (verdict, _) in zip(
        st.columns(2, wrap=False), ("As it is", "Changed"), images, readings, answers, strict=True
    ):
        with column:
            st.markdown(f"{title}  \n**{HEADLINES[verdict]}**")
            st.image(
                pictures.url(render.enlarge(pixels)),
                width="stretch",
                alt=f"{title}: the {len(pixels)}x{len(pixels)} pixels that the model sees",
                caption=f"the model's reading: {percent(p)} AI-generated",
            )
    (_, first), (_, second) = answers
    if first == second:
        whys = {"Why no answer to either": first}
    else:
        whys = {"Why none to the image as it is": first, "Why none to the changed image": second}
    for why, doubts in whys.items():
        if doubts:
            st.caption(
                f":material/help: {why}: {' '.join(doubts)} The reading under the picture is what "
                "the model makes of it all the same."
            )
    if np.array_equal(*images):
        st.caption("At this setting no pixel is changed.")


def show_curve(
    change: Change,
    setting: float,
    p_fake: np.ndarray,
    card: Card,
    answers: Mapping[str, Answer | str],
    covered: bool,
) -> None:
    from pages.parts import what_if_plots

    st.header("Where does it flip?", anchor=False)
    said = what_if_plots.flip_words(change, p_fake, card.calibration, covered)
    st.markdown(said)
    st.caption(
        "The curve shows readings, by the thresholds alone. The answer above may be “can't tell” "
        "all the same: many changes leave an image unlike those that the model learned from."
    )
    others = {
        name: (answer.change.settings, answer.curve)
        for name, answer in answers.items()
        if name != card.name and not isinstance(answer, str)
    }
    ink = st.get_option(f"theme.{st.context.theme.type or 'light'}.textColor")
    plots.show(
        what_if_plots.figure(
            change, setting, p_fake, card.calibration, others, list(engine.cards()), ink
        ),
        "what-if-curve",
        f"Probability of AI-generated by {card.name} along {change.title}. {said}",
        f"Each mark is one strength, judged by {card.name}; the ring is yours. Shaded, from below: "
        "where it says real, can't tell and AI-generated. Dotted: the image as it is. Upright "
        "line: the setting that changes least."
        + (" Without marks: the other models, whose zones differ." if others else ""),
    )


def show_table(answers: Mapping[str, Answer | str], picked: str) -> None:
    rows = []
    for name, found in answers.items():
        row = {"Model": f"**{name}**, picked" if name == picked else name}
        if isinstance(found, str):
            row |= {"As it is": f":material/error: {found}", "Changed": "–"}
        else:
            for title, (p, verdict) in (("As it is", found.before), ("Changed", found.after)):
                row[title] = f"{ANSWER_WORDS[verdict]} (reading {percent(p)})"
        rows.append(row)
    st.table(rows, border="horizontal", hide_index=True, alt="Every model's readings, a row each")
    st.caption(
        "Each model's answer by its own thresholds and gate, and in brackets its reading. Tiny "
        "changes are tried for the picked model alone, above."
    )


def show_heatmaps(before: np.ndarray, after: np.ndarray, model: Detector, leans_to: int) -> None:
    st.header("Where does it look?", anchor=False)
    target = st.segmented_control(
        "Evidence for",
        list(TARGETS),
        format_func=lambda t: f"Why {TARGETS[t]}?",
        default=leans_to,
        required=True,
        key=f"what_if_target-{model.card.name}-{sha256(before)}",
    )
    maps = [heatmap(pixels, model, target) for pixels in (before, after)]
    if None in maps:
        if engine.load_heatmaps(model).done():
            st.caption(":material/error: TensorFlow could not be loaded, so there is no heatmap.")
        else:
            _wait_for_tensorflow(model.card.name)
        return
    # One scale for both, so that fading evidence is seen to fade.
    peaks = [float(m.values.max()) for m in maps]
    if max(peaks) <= 0:
        st.info(
            f"Nothing speaks for {TARGETS[target]} in either image, so there is nothing to draw.",
            icon=":material/do_not_disturb_on:",
        )
        return
    for column, title, pixels, found, peak in zip(
        st.columns(2, wrap=False),
        ("As it is", "Changed"),
        (before, after),
        maps,
        peaks,
        strict=True,
    ):
        share = f"{peak / max(peaks):.0%}"
        column.image(
            pictures.url(render.overlay(pixels, found.values / max(peaks), 0.55)),
            width="stretch",
            alt=f"{title}: heatmap, evidence for {TARGETS[target]}; its peak is {share}",
            caption=f"{title}: peak {share}",
        )
    pictures.scale("100 %, the strongest evidence in either image")


def heatmap(pixels: np.ndarray, model: Detector, target: int) -> Heatmap | None:
    """CAM where the model has it, which needs no TensorFlow; else Grad-CAM, None until it can be.

    One method for both images: CAM and Grad-CAM differ by a factor.
    """
    if not model.engine.has_cam and not model.explainer_ready:
        return None
    method = Method.CAM if model.engine.has_cam else Method.GRADCAM
    return _heatmap(sha256(pixels), engine.key(model.card), method, target, pixels, model)


@st.cache_data(scope="session", max_entries=32, show_spinner=False)
def _heatmap(sha256: str, key: str, method: Method, target: int, _pixels, _model) -> Heatmap:
    return _model.heatmap(_pixels, method, target)


@st.fragment(run_every=1.0)
def _wait_for_tensorflow(name: str) -> None:
    if engine.load_heatmaps(engine.detector(name)).done():
        st.rerun()
    st.caption(
        ":material/hourglass_top: Heatmaps of this model need TensorFlow, which is loading; they "
        "appear here by themselves."
    )
