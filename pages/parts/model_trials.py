"""Where models differ: changed images, classes, price; a function each for the page."""

from __future__ import annotations

import streamlit as st

from cifake_core import catalogue
from cifake_core.catalogue import dig
from cifake_core.labels import CLASSES, LABELS
from pages.parts import evidence, plots
from pages.parts.evidence import Measured
from pages.parts.model_limits import outside
from pages.parts.model_views import Models, chosen, in_order, said, with_evidence
from pages.parts.plots import Line
from pages.parts.words import LABEL_NAMES, stress

TRANSFORMS = {
    "jpeg": "JPEG compression",
    "noise": "noise",
    "blur": "blur",
    "brightness": "brightness",
    "contrast": "contrast",
    "shift": "shift",
    "resize": "resize",
}
# Where on their scale these two leave an image unchanged; the others start at unchanged.
NEUTRAL = {"brightness": 0.0, "contrast": 1.0}


def show_stress(models: Models) -> None:
    names = in_order()
    models = with_evidence(models, lambda m: evidence.rows(m.evidence, "stress"), "Stress")
    if not models:
        return
    rows = {m.name: m.evidence["stress"] for m in models}
    kinds = list(dict.fromkeys(r["transform"] for of in rows.values() for r in of))
    kinds = [k for k in kinds if k != "none"]
    kind = st.selectbox(
        "What happens to the images", kinds, format_func=lambda k: TRANSFORMS.get(k, k), key="kind"
    )
    paths = {n: stress_path(of, kind) for n, of in rows.items()}
    order = max(([stress(r["label"]) for r in path] for path in paths.values()), key=len)
    for key, words, caption in (
        (
            "accuracy",
            "accuracy",
            "How many of the changed test images each model still gets right.",
        ),
        (
            "fake_recall",
            "AI-generated images found",
            "How many of the AI-generated images are still found. Where this falls, the change "
            "makes them look like photographs to the model.",
        ),
    ):
        figure = plots.lines(
            {
                n: Line([stress(r["label"]) for r in path], [r[key] for r in path], markers=True)
                for n, path in paths.items()
            },
            names,
            "",
            words,
            300,
        )
        figure.update_xaxes(type="category", categoryorder="array", categoryarray=order)
        ends = "; ".join(
            f"{n}: " + ", ".join(f"{stress(r['label'])} {r[key]:.2%}" for r in path)
            for n, path in paths.items()
        )
        plots.show(plots.as_percent(figure, "y"), key, f"{words}: {ends}", caption)
    counts = {n: of[0]["n"] for n, of in rows.items() if of[0].get("n")}
    if counts:
        st.caption(
            "Test images, half of them AI-generated, and by how many points at most chance alone "
            "may have moved the accuracy and the share found: "
            + ", ".join(
                f"{name} {n:,}, ±{98 / n**0.5:.1f} and ±{98 / (n / 2) ** 0.5:.1f}"
                for name, n in counts.items()
            )
            + "."
        )
    st.caption(
        "Right and found are by the likelier side, whether or not the app would answer. "
        f"{refused(models, order)}"
    )
    with st.expander("Every change as a table"):
        labels = list(dict.fromkeys(r["label"] for of in rows.values() for r in of))
        cells = {n: {r["label"]: r for r in of} for n, of in rows.items()}
        st.table(
            {"accuracy (AI-generated found)": [stress(x) for x in labels]}
            | {
                n: [
                    f"{r['accuracy']:.2%} ({r['fake_recall']:.2%})" if (r := of.get(x)) else "–"
                    for x in labels
                ]
                for n, of in cells.items()
            },
            hide_index=True,
            alt="Accuracy after each change, a column for each model",
        )


def refused(models: Models, labels: list[str]) -> str:
    """What the app says to images changed so, with the measured shares where there are such."""
    said = "In this app many such images get “can't tell”, because they are unlike those of CIFAKE"
    for m in models:
        rows = {r["label"]: r for r in (outside(m.card) or {}).get("changed", [])}
        if shares := [f"{x} {rows[x]['turned_away']:.1%}" for x in labels if x in rows]:
            return f"{said} (view “Limits”). Turned away by {m.name}: {', '.join(shares)}."
    return f"{said}."


def stress_path(rows: list[dict], kind: str) -> list[dict]:
    """The settings of one change in the file's order, the unchanged images where they belong."""
    path = [r for r in rows if r["transform"] == kind]
    clean = [r | {"setting": NEUTRAL.get(kind)} for r in rows if r["transform"] == "none"]
    if kind in NEUTRAL:
        return sorted(path + clean, key=lambda r: r["setting"])
    return clean + path


def show_classes(models: Models) -> None:
    models = with_evidence(models, by_class, "Accuracy by class")
    if not models:
        return
    m = chosen(models, "class-model")
    found = by_class(m)
    worst = min((found[w][x], w, x) for w in found for x in LABELS)
    plots.show(
        plots.classes(found),
        "classes",
        f"Accuracy of {m.name} by class: "
        + "; ".join(
            f"{w}: real {v['REAL']:.1%}, AI-generated {v['FAKE']:.1%}" for w, v in found.items()
        ),
        f"Share of each kind called right, by {m.name}. Hardest: {worst[1]}, "
        f"{LABEL_NAMES[LABELS.index(worst[2])]}, {worst[0]:.1%}.",
    )
    with st.expander("All models as a table"):
        st.table(
            {"Class, real / AI-generated": list(CLASSES)}
            | {
                m.name: [
                    " / ".join(
                        said(dig(by_class(m), w, label), ".1%") for label in ("REAL", "FAKE")
                    )
                    for w in CLASSES
                ]
                for m in models
            },
            hide_index=True,
            alt="Accuracy by class, real and AI-generated, a column for each model",
        )


def by_class(m: Measured) -> dict[str, dict[str, float]]:
    """Classes of which both shares are known."""
    found = dig(m.evidence, "test", "accuracy_by_class")
    return {
        w: found[w]
        for w in CLASSES
        if all(isinstance(dig(found, w, label), float) for label in LABELS)
    }


def show_cost(models: Models) -> None:
    names = in_order()
    prices = {
        "ms_per_image": ("Time", "milliseconds for one image"),
        "parameters": ("Parameters", "parameters"),
        "bytes": ("Size of files", "bytes of all its files"),
    }
    key = st.segmented_control(
        "Price",
        list(prices),
        default="ms_per_image",
        format_func=lambda k: prices[k][0],
        required=True,
        key="price",
    )
    points = {}
    for m in with_evidence(models, lambda m: price(m, key), "The cost"):
        points[m.name] = price(m, key)
    if points:
        words = prices[key][1]
        plots.show(
            plots.cost(points, names, words),
            "cost",
            f"Accuracy against {words}: "
            + ", ".join(f"{n} {x:,.4g}, {y:.2%}" for n, (x, y, _) in points.items()),
            "Each step on the scale below is a multiple, not a sum. The upright bars are 95% "
            "intervals: where two of them overlap, the order may be chance. "
            "Top left is accurate and cheap. Times are of one machine; read their ratios.",
        )


def price(m: Measured, key: str) -> tuple[float, float, tuple[float, float]] | None:
    x = catalogue.size(m.card) if key == "bytes" else dig(m.evidence, "cost", key)
    y, bar = (dig(m.evidence, "test", "official", k) for k in ("accuracy", "accuracy_interval_95"))
    return (x, y, bar) if x and y and bar else None
