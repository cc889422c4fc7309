"""Whether the verdict holds under changes that mean nothing to a person, as a badge."""

from __future__ import annotations

import streamlit as st

from cifake_core.calibration import Verdict
from cifake_core.stability import TINY, Stability
from pages.parts.words import ANSWER_WORDS, listed


def show(stability: Stability) -> None:
    """A badge and, one click away, what changed the verdict and what was tried."""
    # Blue, orange and grey are the answers' own colours.
    icon, colour = ":material/vibration:", "yellow"
    if stability.verdict is Verdict.UNCERTAIN:
        icon, colour = ":material/question_mark:", "gray"
    elif stability.kept == stability.total:
        icon, colour = ":material/check_circle:", "green"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(headline(stability), icon=icon, color=colour)
        with st.popover("Which changes?", type="tertiary"):
            st.markdown(details(stability))


def headline(stability: Stability) -> str:
    count = f"{stability.kept} of {stability.total} small changes"
    if stability.verdict is Verdict.UNCERTAIN:
        return f"Undecided: {count} leave it so"
    word = "Stable" if stability.kept == stability.total else "Shaky"
    return f"{word}: {count} keep the reading"


def details(stability: Stability) -> str:
    """What each kind of change did, a sentence each, in Markdown."""
    sentences = [
        f"{stability.total} changes that leave a picture the same for a person were tried. The "
        f"model's reading of it as it is: *{ANSWER_WORDS[stability.verdict]}*."
    ]
    if stability.reversed:
        sentences.append(f"**Turned into its opposite** by {listed(stability.reversed)}.")
    if stability.lost:
        sentences.append(f"**Made “can't tell”** by {listed(stability.lost)}.")
    if stability.verdict is Verdict.UNCERTAIN and stability.kept < stability.total:
        gained = stability.total - stability.kept
        sentences.append(f"{gained} of them would bring a verdict.")
    sentences.append(f"Tried: {listed(tuple(t.label for t in TINY))}.")
    sentences.append(
        "The reading is by the thresholds alone. As a file of its own, a shifted or noisy copy "
        "would mostly be turned away as strange: “can't tell”."
    )
    return "\n\n".join(sentences)
