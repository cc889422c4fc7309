"""What was measured of the heatmaps of one model: a table, a sentence a method, and curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from cifake_core.artifacts import Card
from cifake_core.catalogue import dig
from pages.parts import evidence, plots
from pages.parts.heatmap_evidence import (
    BASELINES,
    FILE,
    WORDS,
    Rows,
    about,
    about_patches,
    counted,
    nothing_shown,
    of,
    pointing,
    problem,
    rows,
)
from pages.parts.plots import Line

OUTCOMES = {True: "passes", False: "fails", None: "undecided"}
LEGEND = (
    "**Forgets**: passes if the map changes when the model forgets all it learned. **Hits**: how "
    "often the strongest spot lies in the patch, where that turned the likelier side; "
    "**Reversed**: where it reversed the verdict. **Order**: by how many points the method's "
    "deletion and insertion curves beat a random order; 100 points are all the area there is."
)
RANDOM, EDGES = "random order", "edge detector"
VIEWS = {"Deletion and insertion": "curves", "Forgetting": "randomised", "Cross-check": "quantus"}


def show(card: Card) -> None:
    """Everything measured of this model's heatmaps, or the command that measures it."""
    found = of(card)
    command = f"`python -m train.explanations --model {card.name}`"
    if found is None:
        st.info(
            f"{problem(card)}. {command} measures them (it needs the data set).",
            icon=":material/info:",
        )
        return
    parts = {part: rows(found, part) for part in ("planted", "curves", "randomised")}
    methods = [m for m in WORDS if any(m in part for part in parts.values())]
    shown = methods + [b for b in BASELINES if b in parts["planted"]]
    named = [(WORDS | BASELINES)[m] for m in shown]
    st.markdown(about_patches(found, parts["planted"]))
    if said := nothing_shown(parts["planted"]):
        st.warning(said, icon=":material/warning:")
    # Few words, so that the outcome of every test is in sight on a phone.
    st.table(
        {
            "Method": named,
            "Forgets": [outcome(parts["randomised"].get(m)) for m in shown],
            **{
                title: [share(parts["planted"].get(m), part) for m in shown]
                for part, title in (("changed", "Hits"), ("reversed", "Reversed"))
            },
            "Order": [points(parts["curves"].get(m)) for m in shown],
        },
        border="horizontal",
        hide_index=True,
        alt=f"How true the heatmaps of {card.name} are, a row for each method",
    )
    st.caption(LEGEND)
    with st.expander("All figures, with their intervals"):
        st.table(
            {
                "Method": named,
                **{
                    title: [hits(parts["planted"].get(m), part) for m in shown]
                    for part, title in (
                        ("changed", "Hits the patch that turned the likelier side"),
                        ("reversed", "… that reversed the verdict"),
                    )
                },
                "Share of its brightness in the patch": [
                    mass(parts["planted"].get(m)) for m in shown
                ],
                "Beats a random order by": [gap(parts["curves"].get(m)) for m in shown],
                "Beats an edge detector by": [
                    gap(parts["curves"].get(m), "over_edges") for m in shown
                ],
                "Like before when all is forgotten": [
                    left(parts["randomised"].get(m)) for m in shown
                ],
            },
            border="horizontal",
            hide_index=True,
            alt=f"The same of {card.name} with intervals and numbers of images",
        )
    limit = (evidence.read(FILE) or {}).get("changes_below")
    with st.expander("The same in sentences, method by method"):
        for method in methods:
            st.markdown(f"- {sentence(method, parts, limit)}")
        for name in shown[len(methods) :]:
            st.markdown(f"- **{BASELINES[name]}** {BLIND[name]}")
        st.caption(about(found, parts["planted"]))
    view = st.segmented_control(
        "Look closer",
        list(VIEWS),
        default="Deletion and insertion",
        required=True,
        key="trust-view",
        persist_state="session",
    )
    if view == "Deletion and insertion":
        show_curves(parts["curves"])
    elif view == "Forgetting":
        show_depths(parts["randomised"], found)
    else:
        show_cross_check(found)


def outcome(row: dict | None) -> str:
    """Of the test of forgetting, in a word."""
    return "–" if row is None else OUTCOMES[row["passes"]]


def share(row: dict | None, part: str) -> str:
    found = dig(row, part, "hit_share")
    return "–" if found is None else f"{found:.0%}"


def points(row: dict | None) -> str:
    """By how much a method's order of pixels beats a random one."""
    both = dig(row, "over_random", "both", "mean")
    return "–" if both is None else f"{100 * both:+.1f}"


def hits(row: dict | None, part: str) -> str:
    found = dig(row, part) or {}
    if found.get("hit_share") is None:
        return "–"
    low, high = found["hit_interval_95"]
    return f"{found['hit_share']:.0%} ({low:.0%} to {high:.0%}) of {counted(found)}"


def mass(row: dict | None) -> str:
    found = dig(row, "changed", "mass_share")
    return "–" if found is None else f"{found:.0%}"


def gap(row: dict | None, over: str = "over_random") -> str:
    both = dig(row, over, "both") or {}
    if both.get("mean") is None:
        return "–"
    between = ""
    if both["interval_95"]:
        low, high = (100 * x for x in both["interval_95"])
        between = f" ({low:+.1f} to {high:+.1f})"
    return f"{100 * both['mean']:+.1f} points{between}, n={row['n']:,}"


def left(row: dict | None) -> str:
    if row is None:
        return "–"
    low, high = dig(row, "rest", "interval_95") or (None, None)
    between = "" if low is None else f" ({low:.2f} to {high:.2f})"
    said = OUTCOMES[row["passes"]]
    both = dig(row, "rest", "n")  # images for which there are two maps to compare
    count = f"n={row['n']}" if both in (None, row["n"]) else f"n={both} of {row['n']}"
    return f"{_rest(row)}{between}, {said}, {count}"


def _rest(row: dict) -> str:
    """Mean absolute rank correlation once every layer is random, in words."""
    mean = dig(row, "rest", "mean")
    return _short(row["spearman_absolute"][-1] if mean is None else mean)


def sentence(method: str, parts: dict[str, Rows], limit: float | None) -> str:
    """What the figures of one method mean: a short sentence for each test."""
    said = pointing(method, parts["planted"])
    if both := dig(parts["curves"].get(method), "over_random", "both"):
        low, high = both["interval_95"] or (0, 0)
        word = "better than" if low > 0 else "worse than" if high < 0 else "no better than"
        middle = _against_middle(parts["curves"][method], parts["curves"].get("centre"))
        said.append(f"It orders pixels {word} chance{middle}.")
    if row := parts["randomised"].get(method):
        said.append(
            {
                True: "It changes when the model forgets, as it should.",
                None: "Whether it changes enough when the model forgets is not clear from so few "
                f"images ({_rest(row)}, limit {limit}).",
                False: "Its maps still resemble the first ones when the model has forgotten "
                f"everything ({_rest(row)}, limit {limit}), so part of what it shows is not "
                "what was learned.",
            }[row["passes"]]
        )
    return f"**{WORDS[method]}.** {' '.join(said)}"


def _against_middle(row: dict, centre: dict | None) -> str:
    """Beside an order that knows nothing but that what matters often lies in the middle."""
    both, middle = (dig(r, "over_random", "both") for r in (row, centre))
    if not middle or not middle["interval_95"] or not both["interval_95"]:
        return ""
    if paired := dig(row, "over_centre", "both", "interval_95"):  # image by image
        clearly, worse = paired[0] > 0, paired[1] < 0
    else:
        (low, high), (least, most) = both["interval_95"], middle["interval_95"]
        clearly, worse = low > most, high < least
    word = "clearly better" if clearly else "clearly worse" if worse else "not clearly better"
    return f", {word} than from the middle outwards ({100 * middle['mean']:+.1f} points)"


BLIND = {
    "centre": "is a blob that sees no image and knows no model. Patches often cover the middle, "
    "and so does what matters, so a method has to beat it.",
    "edges": "sees the image and knows no model. A pasted patch has a rim, so a method has to beat "
    "it, too.",
}


def show_curves(found: Rows) -> None:
    """Deletion and insertion of one method between what knows no model."""
    methods = [m for m in WORDS if m in found]
    if not methods or "random" not in found:
        st.info("Deletion and insertion were not measured yet.", icon=":material/info:")
        return
    method = st.selectbox(
        *("Method", methods),
        format_func=WORDS.get,
        key="trust-curve",
        persist_state="session",
    )
    names = [WORDS[method], RANDOM, EDGES]
    keys = [k for k in (method, "random", "edges") if k in found]
    for way, title, better in (
        ("deletion", "pixels blurred, the strongest first", "lower"),
        ("insertion", "pixels brought back, the strongest first", "higher"),
    ):
        steps = np.linspace(0, 1, len(found[method][way]))
        lines = {name: Line(steps, found[key][way]) for name, key in zip(names, keys, strict=False)}
        figure = plots.as_percent(plots.lines(lines, names, title, "how sure it stays", 300))
        plots.show(
            figure,
            f"trust-{way}",
            f"{way} curve of {WORDS[method]}, area {found[method][f'{way}_area']:.3f}, against a "
            "random order and an edge detector",
            f"{way.capitalize()}: {better} is better. Mean over {found[method]['n']:,} images of "
            "the calibrated probability of the answer given at first"
            + _fewer(found, method)
            + f"; area {found[method][f'{way}_area']:.3f}, random order "
            f"{found['random'][f'{way}_area']:.3f}." + _smooth(found, way),
        )


def _smooth(found: Rows, way: str) -> str:
    """What an order gains or loses by being smooth, as measured with one that is else random."""
    row = found.get("smooth")
    if row is None or not dig(row, "over_random", "both", "interval_95"):
        return ""
    return (
        " A random order that is smooth, as heatmaps are, has an area of "
        f"{row[f'{way}_area']:.3f}. The table has the mean of both curves, in which it differs "
        f"from the other random order by {gap(row)}."
    )


def _fewer(found: Rows, method: str) -> str:
    """Lines of different images must not be read as a difference of methods."""
    if found[method]["n"] == found["random"]["n"]:
        return ""
    return f" (the other lines: {found['random']['n']:,}; the table compares on the same images)"


def _numbers(found: Rows) -> str:
    """Over how many images the means go; with an empty map there is nothing to compare."""
    of = max(row["n"] for row in found.values())
    counts = [n for row in found.values() for n in row.get("pairs", [row["n"]])]
    least = min(counts)
    counted = f"{of}" if least == of else f"{least} to {of}"
    return f"{counted} images{'' if least == of else ', those with two maps to compare'}"


def show_depths(found: Rows, record: dict[str, Any]) -> None:
    """How alike maps stay while more and more layers forget."""
    depths, layers = (dig(record, "randomised", key) for key in ("depths", "layers"))
    if not (found and depths and layers):
        st.info("Forgetting was not measured yet.", icon=":material/info:")
        return
    names = [WORDS[m] for m in WORDS if m in found]
    # Without its sign, as the outcome is judged: a map turned round has the same places, and in
    # the mean those of either sign would cancel out.
    for key, title in (("spearman_absolute", "rank correlation, unsigned"), ("ssim", "SSIM")):
        lines = {
            WORDS[m]: Line([0, *depths], [1.0, *found[m][key]], markers=True)
            for m in WORDS
            if m in found
        }
        figure: go.Figure = plots.lines(
            lines, names, f"layers that forgot, of {len(layers)}", title, 320
        )
        figure.update_yaxes(range=[-0.05, 1.05])
        plots.show(
            figure,
            f"trust-{key}",
            f"{title} with the first map against the number of randomised layers; once all are: "
            + ", ".join(f"{name} {_short(line.y[-1])}" for name, line in lines.items()),
            f"{title[0].upper()}{title[1:]} with the map of the trained model, mean over "
            f"{_numbers(found)}. It should fall: a line that stays high "
            "belongs to a method that does not look at what was learned.",
        )


def _short(value: float | None) -> str:
    return "nothing to compare" if value is None else f"{value:.2f}"


def show_cross_check(found: dict[str, Any]) -> None:
    """Our figures against those of another program."""
    block = dig(found, "quantus", "rows")
    if not isinstance(block, list):
        st.info("Not cross-checked yet: requirements-quantus.txt says how.", icon=":material/info:")
        return
    versions = dig(found, "quantus", "versions") or {}
    st.table(
        {
            "Figure": [r["what"] for r in block],
            "n": [f"{r['n']:,}" for r in block],
            "Ours": [f"{r['ours']:.4f}" for r in block],
            "Theirs": [f"{r['theirs']:.4f}" for r in block],
            "Largest difference": [f"{r['largest_difference']:.6f}" for r in block],
        },
        border="horizontal",
        hide_index=True,
        alt="The same maps judged by this program and by Quantus",
    )
    st.caption(
        "The same maps and images, judged by this program and by "
        + " and ".join(f"{name} {number}" for name, number in versions.items())
        + ". In this check deleted pixels turn black, as Quantus does it, and insertion begins "
        "with a black image."
    )
