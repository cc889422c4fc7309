"""What the test logits say of models: a function each for the page, and what all views share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from cifake_core import curves
from cifake_core.calibration import UNCALIBRATED
from cifake_core.catalogue import dig
from pages.parts import engine, evidence, plots
from pages.parts.evidence import Measured
from pages.parts.plots import Line

Models = list[Measured]


def said(value: Any, form: str) -> str:
    """A number in a table's cell, a dash where nobody measured it."""
    return format(value, form) if isinstance(value, (int, float)) else "–"


def interval(figures: dict | None) -> str:
    low, high = dig(figures, "accuracy_interval_95") or (None, None)
    return "–" if low is None else f"{low:.2%} to {high:.2%}"


def command(models: Models) -> str:
    names = " ".join(f"--model {m.name}" for m in models)
    return f"`python -m train.evaluate {names}`"


def with_evidence(models: Models, has: Callable[[Measured], Any], what: str) -> Models:
    """Those of which it was measured; of the others a sentence says so."""
    found = [m for m in models if has(m)]
    if lack := [m for m in models if not has(m)]:
        names = ", ".join(m.name for m in lack)
        st.info(
            f"{what}: not measured yet for {names}. {command(lack)} does it (it needs the data "
            "set).",
            icon=":material/info:",
        )
    return found


def in_order() -> list[str]:
    """All models' names, in the order that gives each its colour and sign on every page."""
    return list(engine.cards())


def chosen(models: Models, key: str) -> Measured:
    """The model to look at, picked from several."""
    if len(models) == 1:
        return models[0]
    by_name = {m.name: m for m in models}
    return by_name[
        st.selectbox("Model", list(by_name), format_func=lambda n: by_name[n].card.title, key=key)
    ]


def at_its_word(m: Measured) -> str:
    """How far ``p_fake`` was from the share that is AI-generated; "" where nobody measured it."""
    gap, count = (dig(m.evidence, "test", "official", key) for key in ("ece_p_fake", "n"))
    if gap is None or count is None:
        return ""
    said = (
        f"On the {count:,} test images of CIFAKE the probability was off by {100 * gap:.1f} points "
        "on average."
    )
    found = curves.middle(m.p_fake(), m.scores.is_fake) if m.scores else None
    if found is None:
        return said
    said += (
        f" That is mostly thanks to the many that are clear. To {found.count:,} images it gave "
        f"between {found.low:.0%} and {found.high:.0%}, on average {found.p_fake:.0%}, and "
        f"{found.fake_share:.0%} of those are AI-generated"
    )
    side = {1: "AI-generated", -1: "real", 0: ""}[found.lean]
    said += f": in the middle it leans towards *{side}*." if side else "."
    calibration = dig(m.card.raw, "calibration")
    if dig(calibration, "damage"):
        said += (
            f" It was calibrated on {dig(calibration, 'fitted_to') or 'damaged images'}, not on "
            "unchanged ones, so its probabilities for unchanged images cannot be quite right."
        )
    return said


def guarantee(models: Models) -> str:
    """What the thresholds promise, in a sentence for each promise that was made; "" if none was."""
    errors: dict[float, list[str]] = {}
    for m in models:
        if error := dig(m.card.raw, "calibration", "promised_error"):
            errors.setdefault(error, []).append(m.name)
    said = []
    for error, names in errors.items():
        of = f"{1 / error:,.0f}"
        sentence = (
            f"of {of} real photographs like those of CIFAKE at most about one is wrongly called "
            f"AI-generated, and of {of} AI-generated images like those of CIFAKE at most about one "
            "is wrongly called real. That is what the thresholds aim at, not a proof: the images "
            "that set them also helped to choose the model. For other images nothing is promised."
        )
        by = "" if len(names) == len(models) else f"{', '.join(names)}: "
        said.append(f"{by}{sentence if by else sentence[0].upper() + sentence[1:]}")
    return " ".join(said)


def show_curves(models: Models) -> None:
    names = in_order()
    models = with_evidence(models, lambda m: m.scores, "The curves")
    if not models:
        return
    found = {m.name: curves.operating_points(m.p_fake(), m.scores.is_fake) for m in models}
    # The curves hug the corner: by default a window around it, wide enough for every bend.
    bends = max(min((p.false_alarms + 1 - p.recall).tolist()) for p in found.values())
    span = next((s for s in (0.1, 0.2, 0.4) if 2 * bends <= s), 1.0)
    if st.toggle("Full range", key="full-range"):
        span = 1.0
    corner = [1 - span, 1.002]

    st.header("ROC curve", anchor=False)
    figure = plots.lines(
        {n: Line(p.false_alarms, p.recall) for n, p in found.items()},
        names,
        "photographs wrongly called AI-generated",
        "AI-generated images found",
    )
    figure.update_xaxes(range=[0, span]).update_yaxes(range=corner)
    plots.show(
        plots.as_percent(figure),
        "roc",
        f"ROC curves; area under them: {each(models, 'auroc')}",
        "Along a line the model gets bolder: it finds more of the AI-generated images (up) and "
        "wrongly accuses more photographs (right). The best place is the top left corner. "
        f"Area under the curve: {each(models, 'auroc')}.",
    )
    st.header("Precision and recall", anchor=False)
    figure = plots.lines(
        {n: Line(p.recall, p.precision) for n, p in found.items()},
        names,
        "AI-generated images found (recall)",
        "right when it says AI-generated (precision)",
    )
    figure.update_xaxes(range=corner).update_yaxes(range=corner)
    plots.show(
        plots.as_percent(figure),
        "precision-recall",
        f"Precision-recall curves; average precision: {each(models, 'average_precision')}",
        "The more of the AI-generated images a model is to find (right), the more photographs "
        "are among its hits (down). The best place is the top right corner. "
        f"Average precision: {each(models, 'average_precision')}.",
    )


def each(models: Models, key: str) -> str:
    return ", ".join(
        f"{m.name} {said(dig(m.evidence, 'test', 'official', key), '.4f')}" for m in models
    )


@st.fragment
def show_threshold(models: Models) -> None:
    models = with_evidence(models, lambda m: m.scores, "The confusion matrix")
    if not models:
        return
    m = chosen(models, "threshold-model")
    threshold = st.slider(
        "Called AI-generated from this probability on", 0.0, 1.0, 0.5, 0.01, key="threshold"
    )
    kept = slice(None)
    if st.toggle("Leave out the test images that are also in train", key="leak-free"):
        kept = ~m.scores.leaked
    found = curves.at_threshold(m.p_fake()[kept], m.scores.is_fake[kept], threshold)
    row = st.container(horizontal=True, gap="large")
    for label, key in (
        ("Accuracy", "accuracy"),
        ("Precision", "precision"),
        ("Recall", "recall"),
        ("F1", "f1"),
    ):
        row.metric(label, f"{found[key]:.2%}", width="content")
    table = found["confusion"]
    plots.show(
        plots.confusion(table),
        "confusion",
        f"Confusion matrix of {m.name} at {threshold:.2f}: of the photographs "
        f"{table['real_as_real']:,} called real, {table['real_as_fake']:,} called AI-generated; of "
        f"the AI-generated images {table['fake_as_real']:,} called real, "
        f"{table['fake_as_fake']:,} called AI-generated",
        f"{sum(table.values()):,} test images; the accuracy's 95% interval is {interval(found)}. "
        "The shares in the cells are of their row. "
        "Precision, recall and F1 are those of AI-generated. A low threshold finds nearly every "
        "AI-generated image and accuses photographs; a high one spares the photographs and misses "
        "more.",
    )


def show_confidence(models: Models) -> None:
    names = in_order()
    st.header("Can a probability be taken at its word?", anchor=False)
    if scored := with_evidence(models, lambda m: m.scores, "The reliability diagram"):
        m = chosen(scored, "reliability-model")
        before, after = (
            curves.reliability(c.p_fake(m.scores.logits), m.scores.is_fake)
            for c in (UNCALIBRATED, m.card.calibration)
        )
        plots.show(
            plots.reliability(before, after),
            "reliability",
            f"Reliability diagram of {m.name}, before and after calibration",
            "Above: a dot on the dotted line means that of the images to which the model gives, "
            "say, 80%, 80% are AI-generated. Below the line fewer are, so it leans towards "
            "AI-generated; above the line more are, so it leans towards real. Below: how many "
            "images lie in each bin. Nearly all lie at the ends; bins with few images jump about.",
        )
        st.markdown(at_its_word(m) or "How far it is off was not measured yet.")
        with st.expander("As a table"):
            st.table(
                [
                    {
                        "calibration": word,
                        "probability": f"{b.low:.1%} to {b.high:.1%}",
                        "images": f"{b.count:,}",
                        "mean of it": f"{b.p_fake:.2%}",
                        "AI-generated": f"{b.fake_share:.2%}",
                    }
                    for word, bins in (("before", before), ("after", after))
                    for b in bins
                ],
                hide_index=True,
                alt=f"The reliability diagram of {m.name} in figures",
            )
    st.header("What “can't tell” buys", anchor=False)
    if found := with_evidence(
        models, lambda m: evidence.rows(m.evidence, "abstention"), "The abstention curve"
    ):
        official = {m.name: dig(m.evidence, "test", "official") for m in found}
        stars = {
            n: (dig(f, "answered_share"), dig(f, "accuracy_answered")) for n, f in official.items()
        }
        figure = plots.lines(
            {
                m.name: Line(
                    [r["answered_share"] for r in m.evidence["abstention"]],
                    [r["accuracy"] for r in m.evidence["abstention"]],
                    star=None if None in stars[m.name] else stars[m.name],
                )
                for m in found
            },
            names,
            "share of images answered",
            "accuracy of the answers",
        )
        figure.update_xaxes(autorange="reversed")
        operating = ", ".join(
            f"{n} {said(share, '.1%')} answered, {said(right, '.2%')} right"
            for n, (share, right) in stars.items()
        )
        plots.show(
            plots.as_percent(figure),
            "abstention",
            f"Abstention curves; at the thresholds in use: {operating}",
            "To the right a model keeps back more of the images it is least sure of, and is right "
            "more often on the rest. The star is where its thresholds stand, before the gate turns "
            f"strange images away: {operating}.",
        )
