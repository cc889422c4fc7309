"""The model's number for an image that it was not made for, behind a click."""

from __future__ import annotations

import streamlit as st

from cifake_core.labels import FAKE
from cifake_core.pipeline import Analysis, Detector
from pages.parts import model_limits
from pages.parts.words import TARGETS, percent


def wanted(analysis: Analysis, what: str = "the number") -> bool:
    """Whether to show ``what`` the model makes of the image: for a strange one, only if asked."""
    if analysis.in_domain:
        return True
    shown = st.toggle(
        "Show the model's raw reading all the same",
        key=_key(analysis),
        persist_state="session",
    )
    if not shown:
        st.caption(
            f"The model was not made for an image like this one, so {what} would look like an "
            "answer and be worth little."
        )
    return shown


def target(analysis: Analysis) -> int:
    """The answer that heatmaps explain at first: the likelier one, if the page may tell it."""
    return analysis.leans_to if told(analysis) else FAKE


def choose_target(analysis: Analysis, model: Detector) -> int:
    """Draw the choice of the answer that heatmaps explain; one for all pages, until the image or
    the model is another."""
    return st.segmented_control(
        "Evidence for",
        list(TARGETS),
        format_func=lambda t: f"Why {TARGETS[t]}?",
        default=target(analysis),
        required=True,
        key=_target_key(analysis, model),
        persist_state="session",
    )


def chosen_target(analysis: Analysis, model: Detector) -> int:
    """The answer chosen with :func:`choose_target`, also before that is drawn."""
    return st.session_state.get(_target_key(analysis, model), target(analysis))


def told(analysis: Analysis) -> bool:
    """Whether the page may say which way the model leans."""
    return analysis.in_domain or bool(st.session_state.get(_key(analysis)))


def _target_key(analysis: Analysis, model: Detector) -> str:
    return f"target-{model.card.name}-{analysis.opened.sha256}"


def _key(analysis: Analysis) -> str:
    return f"raw-{analysis.opened.sha256}"


def caution(analysis: Analysis, model: Detector) -> None:
    """The reading in a sentence, and how little it is worth."""
    st.markdown(
        f"The model's raw reading is {percent(analysis.p_fake)} AI-generated. **It is not a "
        f"verdict.** {model_limits.coin_flip(model.card)}"
    )
