"""What the models promise, and what they cannot do: measured on test images and far from them."""

from __future__ import annotations

import math

import streamlit as st

from cifake_core import curves, metrics
from cifake_core.artifacts import Card
from cifake_core.catalogue import aurocs, dig, fewest, is_of, rate, right_of_answers, span
from pages.parts import evidence
from pages.parts.evidence import Measured
from pages.parts.model_views import Models, chosen, said, with_evidence

# What of a model's row is shown as it stands.
ROW = {
    "reduced": [{}],
    "recognised": [{"kind": str, "how": str, "n": float}],
    "changed": [{"label": str, "n": float, "turned_away": float, "sure_share": float}],
}
MEASURE = "python -m train.outside --pictures PICTURES.tar"


def show_promise(models: Models) -> None:
    """The thresholds' guarantee and what became of it on test images."""
    st.header("What an answer promises", anchor=False)
    found = with_evidence(models, lambda m: m.scores, "What the thresholds hold")
    if not found:
        return
    official = {m.name: dig(m.evidence, "test", "official") for m in found}
    leak_free = {m.name: dig(m.evidence, "test", "leak_free") for m in found}
    table = {
        "Promised: mistaken, of each class": [
            said(dig(m.card.raw, "calibration", "promised_error"), ".2%") for m in found
        ],
        "… where chance alone may put the measured": [_by_chance(m) for m in found],
        **{
            f"Measured: {words}{which}": [rate(dig(figures[m.name], key)) for m in found]
            for key, words in (
                ("real_called_fake", "photographs called AI-generated"),
                ("fake_called_real", "AI-generated called real"),
            )
            for which, figures in (("", official), (", without leaks", leak_free))
        },
        "Not answered, by the thresholds": [
            said(unanswered(official[m.name]), ".1%") for m in found
        ],
        f"Not answered if {curves.WANTED:.1%} are to be right": [
            said(price(m), ".1%") for m in found
        ],
        "Its own images turned away as strange": [
            rate(dig(m.evidence, "gate", "turned_away")) for m in found
        ],
    }
    st.table(
        {"Figure": list(table)}
        | {m.name: [cells[i] for cells in table.values()] for i, m in enumerate(found)},
        border="horizontal",
        hide_index=True,
        alt="Promised and measured mistakes, a column for each model",
    )
    st.caption(
        "The thresholds were set so that few of the validation images of each class get the other "
        "class's verdict; of new ones, drawn as those were, at most the promised share does "
        "(class-conditional conformal prediction). It holds for images like those of CIFAKE alone, "
        "and as the mean over many such sets: what is measured with one of them lies in the range "
        "of the second row in 95 of 100 cases. In brackets is the 95% interval of what was "
        "measured. The same validation images also helped to choose when training ended. The price "
        "of being right more often is worked out on these very test images, so it is a little too "
        "low."
    )


def _by_chance(m: Measured) -> str:
    """The range of mistakes if the promise holds, of the class with the fewest test images."""
    promised = dig(m.card.raw, "calibration", "promised_error")
    calibrated, tested = (
        fewest(dig(found, "confusion"))
        for found in (dig(m.card.raw, "validation"), dig(m.evidence, "test", "official"))
    )
    if promised is None or not calibrated or not tested:
        return "–"
    low, high = metrics.promised_range(calibrated, promised, tested)
    return f"{low:.2%} to {high:.2%}"


def show_limits(models: Models) -> None:
    """The table "what this model cannot do"."""
    st.header("What these models cannot do", anchor=False)
    found = evidence.read("outside")
    measured = {m.name: row for m in models if (row := outside(m.card))}
    if not measured:
        st.info(f"Not measured yet for these weights: `{MEASURE}` does it.", icon=":material/info:")
        return
    real, fake = (dig(found, "pictures", kind) or 0 for kind in ("real", "fake"))
    st.markdown(
        f"{real} ordinary photographs and {fake} pictures by "
        "Stable Diffusion, large as people have them, were reduced to 32x32 pixels in "
        "eight ways and saved as the data set was. Then every model had to answer."
    )
    st.table(
        [
            {
                "Model": name,
                "AUROC, worst and best way": aurocs(row["reduced"]),
                "gives a sure answer": span(row["reduced"], "sure_share", ".0%"),
                "of those right": span(row["reduced"], "right_of_sure", ".0%"),
            }
            for name, row in measured.items()
        ],
        border="horizontal",
        hide_index=True,
        alt="What each model makes of large pictures that were reduced",
    )
    own = [dig(m.evidence, "test", "official", "auroc") for m in models if m.name in measured]
    least = ""
    if None not in own:
        least = f", and none has less than {math.floor(100 * min(own)) / 100} on CIFAKE"
    st.caption(
        f"AUROC 0.5 is a coin flip{least}; in brackets its 95% interval. “Sure” is by the "
        "thresholds alone: this app gives no verdict on pictures of other sizes."
    )
    st.header("Which of such images are recognised as strange?", anchor=False)
    # One model at a time: the gates differ little, and five columns do not fit a phone.
    model = chosen([m for m in models if m.name in measured], "limits-model")
    row = measured[model.name]
    st.table(
        [
            {
                "Image": f"{r['kind']}, {r['how']}",
                "recognised (95% interval)": rate(r, ".1%"),
                "of": f"{r['n']:,}",
            }
            for r in row["recognised"]
        ],
        border="horizontal",
        hide_index=True,
        alt=f"Share of strange images to which {model.name} gives no verdict",
    )
    st.caption(
        "Such an image gets “can't tell” and the reason. The pictures are photographs and such by "
        "Stable Diffusion; the photographed print and writing, where they were tried, are squares "
        "of one page each, so their intervals are too narrow; all others were drawn by arithmetic. "
        "The gate was fitted to drawn examples of the same or similar kinds, by other functions "
        "but by the same hand: of pictures by others expect less. " + hardest(row["recognised"])
    )
    show_changed(model.name, row.get("changed", []))


def hardest(rows: list[dict]) -> str:
    """What is recognised least often where files were saved as those of the data set."""
    rows = [r for r in rows if r["how"].endswith("JPEG 75") and r.get("share") is not None]
    if len(rows) < 2:
        return ""
    one, other = sorted(rows, key=lambda r: r["share"])[:2]
    return (
        "An image of 32x32 pixels that was saved with the very JPEG quality of the data set (75) "
        f"is the hardest to recognise. Least often recognised are {one['kind']} "
        f"({one['share']:.0%}) and {other['kind']} ({other['share']:.0%}); the verdict on the rest "
        "of them is worth little."
    )


def show_changed(name: str, rows: list[dict]) -> None:
    """What becomes of the data set's own images once they were changed."""
    if not rows:
        return
    st.header("And images of CIFAKE that were changed?", anchor=False)
    st.table(
        [
            {
                "Change": r["label"],
                "turned away": f"{r['turned_away']:.1%}",
                "given a verdict": f"{r['sure_share']:.1%}",
                "of those right": right_of_answers({"right_of_sure": None} | r, "–"),
            }
            for r in rows
        ],
        border="horizontal",
        hide_index=True,
        alt=f"Changed images of the data set: turned away, answered and right, by {name}",
    )
    st.caption(
        f"Of {rows[0]['n']:,} validation images after one change, by {name}. Turned away: as "
        "strange. Right answers are counted where there are few. RESULTS.md has all models side by "
        "side."
    )


def coin_flip(card: Card) -> str:
    """How good a model's raw readings of other images were measured to be, in a sentence."""
    row = outside(card)
    if not row:
        return ""
    return (
        "On large pictures reduced to its size it told real from AI-generated with an AUROC of "
        f"{span(row['reduced'], 'auroc')}, where 0.5 is a coin flip and 1 is never wrong; see “The "
        "models”, view “Limits”."
    )


def outside(card: Card) -> dict | None:
    """What was measured of exactly this card, or None."""
    row = dig(evidence.read("outside"), "models", card.name)
    if not is_of(card, row):
        return None
    return row if evidence.fits({"changed": []} | row, ROW) and evidence.sound(row) else None


def price(m: Measured) -> float | None:
    """The smallest share left unanswered with which ``curves.WANTED`` of the rest are right."""
    scores = m.scores
    return curves.least_unanswered(m.p_fake(), scores.is_fake, scores.away, curves.WANTED)


def unanswered(figures: dict | None) -> float | None:
    answered = dig(figures, "answered_share")
    return None if answered is None else 1 - answered
