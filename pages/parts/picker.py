"""Which model answers."""

from __future__ import annotations

import streamlit as st

from cifake_core import pipeline
from cifake_core.artifacts import Card
from cifake_core.catalogue import dig
from cifake_core.errors import ArtifactError
from pages.parts import engine, evidence


def choose() -> str:
    """Draw the picker, kept for the session, and what the model was measured to do; its name."""
    every = engine.cards()
    cards = {n: c for n, c in every.items() if isinstance(c, Card)}
    if not cards:
        return engine.DEFAULT  # loading it says what is wrong
    if engine.DEFAULT not in cards:
        why = every.get(engine.DEFAULT, "It is missing.")
        st.caption(
            f":material/warning: The usual model, {engine.DEFAULT}, cannot be used, so another one "
            f"answers. {why}"
        )
    if len(cards) == 1:
        ((name, card),) = cards.items()
        st.caption(f"Model: `{name}`. {describe(card)}")
        return name
    name = st.selectbox(
        "Model",
        list(cards),
        key="model",
        persist_state="session",
        help="The models differ in size and in how often they are right.",
    )
    st.caption(describe(cards[name]))
    if not loads(name):
        st.caption(":material/arrow_upward: This model cannot be used. Pick another one above.")
    return name


def loads(name: str) -> bool:
    """Whether the model can be used; :func:`engine.detector` then says why not."""
    try:
        with st.spinner("Loading the model …"):  # seen only if it takes time
            pipeline.load(name)
    except ArtifactError:
        return False
    return True


def describe(card: Card) -> str:
    """Size and measured accuracy, as far as they are known."""
    parts = []
    if (count := card.raw.get("parameters")) is not None:
        parts.append(f"{count:,} parameters")
    official = dig(evidence.measured(card).evidence, "test", "official")
    if dig(official, "accuracy") is not None and dig(official, "n"):
        parts.append(
            f"{official['accuracy']:.2%} of CIFAKE's {official['n']:,} test images right "
            "if it must answer every time"
        )
    else:
        parts.append("not measured on the test images yet")
    said = "; ".join(parts)
    return f"{said[0].upper()}{said[1:]}."
