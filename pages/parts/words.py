"""Words and colours of the three answers, the same on every page."""

from __future__ import annotations

import string
from collections.abc import Sequence

from cifake_core.calibration import Verdict
from cifake_core.labels import FAKE, REAL
from cifake_core.render import ANSWER_COLOURS

# Colour is never alone: each answer has its own word and its own sign.
HEADLINES = {
    Verdict.REAL: ":blue[:material/photo_camera: Real: a photograph]",
    Verdict.FAKE: ":orange[:material/auto_awesome: AI-generated]",
    Verdict.UNCERTAIN: ":gray[:material/question_mark: Can't tell]",
}
ANSWER_WORDS = {
    Verdict.REAL: "real",
    Verdict.FAKE: "AI-generated",
    Verdict.UNCERTAIN: "can't tell",
}
# Never colour alone: each answer has its own shape.
SYMBOLS = {Verdict.REAL: "circle", Verdict.FAKE: "diamond", Verdict.UNCERTAIN: "square"}
TARGETS = {FAKE: "AI-generated", REAL: "real"}
LABEL_COLOURS = {REAL: ANSWER_COLOURS["real"], FAKE: ANSWER_COLOURS["fake"]}
LABEL_NAMES = {REAL: "Real photograph", FAKE: "AI-generated"}


def plain(text: str) -> str:
    """A stranger's words, such as a file's name, so that no Markdown in them works."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    if len(shown) > 60:
        shown = f"{shown[:40]}…{shown[-15:]}"
    return "".join(f"\\{c}" if c in string.punctuation else c for c in shown)


def listed(words: Sequence[str]) -> str:
    """ "a, b and c", of one word or more."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def signed(value: float) -> str:
    """A raw score or its change, with two digits."""
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def stress(label: str) -> str:
    """A changed image's label in an evidence file, with noise in percent as everywhere else."""
    kind, _, share = label.partition(" ")
    return f"{kind} {float(share):.0%}" if kind == "noise" else label


def percent(p: float) -> str:
    """A probability as people read it, never 0% or 100%: no model is that sure."""
    if p > 0.999:
        return "over 99.9%"
    if p < 0.001:
        return "under 0.1%"
    return f"{100 * p:.1f}%"
