"""Words and colours of the three answers, the same on every page."""

from __future__ import annotations

from cifake_core.calibration import Verdict
from cifake_core.labels import FAKE, REAL
from cifake_core.render import ANSWER_COLOURS

# Colour is never alone: each answer has its own word and its own sign.
HEADLINES = {
    Verdict.REAL: ":blue[:material/photo_camera: Real: a photograph]",
    Verdict.FAKE: ":orange[:material/auto_awesome: AI-generated]",
    Verdict.UNCERTAIN: ":gray[:material/question_mark: Can't tell]",
}
LABEL_COLOURS = {REAL: ANSWER_COLOURS["real"], FAKE: ANSWER_COLOURS["fake"]}
LABEL_NAMES = {REAL: "Real photograph", FAKE: "AI-generated"}


def percent(p: float) -> str:
    """A probability as people read it, never 0 % or 100 %: no model is that sure."""
    if p > 0.999:
        return "over 99.9 %"
    if p < 0.001:
        return "under 0.1 %"
    return f"{100 * p:.1f} %"
