"""Guess first: an image without the model's answer until the visitor has given one, and a tally."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import streamlit as st

from cifake_core import render
from cifake_core.calibration import Verdict
from cifake_core.labels import FAKE, REAL
from cifake_core.pipeline import Analysis
from pages.parts import pictures
from pages.parts.sources import Source
from pages.parts.words import ANSWER_WORDS

_KEY = "guesses"  # by the SHA-256 of an image's bytes; nothing of the image itself
SIDE = 320  # pixels of the picture's side, a whole number for each of its 32
_TRUE = {REAL: Verdict.REAL, FAKE: Verdict.FAKE}
BUTTONS = {
    Verdict.REAL: ":material/photo_camera: Real",
    Verdict.FAKE: ":material/auto_awesome: AI-generated",
    Verdict.UNCERTAIN: ":material/question_mark: Can't tell",
}


@dataclass(frozen=True, slots=True)
class Guess:
    """What somebody said of an image, what it truly is, and what the model said first.

    ``truth`` is None where nobody knows, or where the image is neither.
    """

    mine: Verdict
    truth: Verdict | None = None
    model: Verdict | None = None


def switch() -> bool:
    """Draw the switch; whether to guess first."""
    return st.toggle(
        "Let me guess first",
        key="guess_first",
        persist_state="session",
        help="The model's answer stays hidden until you have given yours.",
    )


def missing(analysis: Analysis) -> bool:
    """Whether nobody has said yet what this image is."""
    return analysis.opened.sha256 not in st.session_state.get(_KEY, {})


def ask(analysis: Analysis, source: Source) -> None:
    """The picture alone, without what would give it away, and a button for each answer."""
    st.header("What do you say?", anchor=False)
    picture, answers = st.columns(2, vertical_alignment="center")
    picture.image(
        pictures.url(render.enlarge(render.framed(analysis.opened.preview), SIDE)),
        width=SIDE,
        alt=f"{source.words}, enlarged with hard edges",
    )
    buttons = answers.container(horizontal=True, gap="small")
    for answer, words in BUTTONS.items():
        buttons.button(
            words,
            key=f"guess_{answer}",
            on_click=_take,
            args=(analysis.opened.sha256, answer, truth_of(source)),
        )


def show(analysis: Analysis, source: Source) -> None:
    """What was said, what is true, and how often each side was right so far."""
    guesses, sha256 = st.session_state[_KEY], analysis.opened.sha256
    mine = guesses[sha256]
    if mine.model is None:  # another model, asked later, does not change the count
        mine = guesses[sha256] = replace(mine, model=analysis.verdict)
    said = f"You said *{ANSWER_WORDS[mine.mine]}*"
    if mine.truth is None:
        st.markdown(f"{said}. {unknown(source)}, so it does not count.")
    else:
        of = f", of class *{source.class_word}*" if source.class_word else ""
        st.markdown(f"{said}. In truth it is **{ANSWER_WORDS[mine.truth]}**{of}.")
    if score := tally(guesses.values()):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(score, width="content")
            st.button(
                "Start the count again",
                icon=":material/restart_alt:",
                type="tertiary",
                on_click=lambda: st.session_state.pop(_KEY, None),
            )


def tally(guesses: Iterable[Guess]) -> str:
    """How many of the images whose truth is known each side got right; empty without such."""
    counted = [g for g in guesses if g.truth is not None and g.model is not None]
    if not counted:
        return ""
    sides = {"You": [g.mine for g in counted], "The model": [g.model for g in counted]}
    said = []
    for who, answers in sides.items():
        right = sum(a is g.truth for a, g in zip(answers, counted, strict=True))
        unsure = answers.count(Verdict.UNCERTAIN)
        note = f" ({unsure} can't tell)" if unsure else ""
        said.append(f"{who}: **{right} of {len(counted)}** right{note}.")
    return " ".join(said)


def truth_of(source: Source) -> Verdict | None:
    """What the image truly is; None for one that is neither or that nobody knows."""
    if source.truth is not None:
        return _TRUE[source.truth]
    return source.right if source.right in _TRUE.values() else None


def unknown(source: Source) -> str:
    """Why there is no right answer, without its full stop."""
    if source.right is Verdict.UNCERTAIN:
        return "It is drawn, neither a photograph nor AI-generated"
    return "What it truly is, only you may know"


def _take(sha256: str, mine: Verdict, truth: Verdict | None) -> None:
    st.session_state.setdefault(_KEY, {}).setdefault(sha256, Guess(mine, truth))
