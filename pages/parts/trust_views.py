"""What was measured of the heatmaps of one model: a table, a sentence a method, and curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from cifake_core.artifacts import Card
from cifake_core.catalogue import dig
from cifake_core.explain import METHOD_WORDS
from pages.parts import evidence, plots
from pages.parts.heatmap_evidence import FILE, Rows, of, rows
from pages.parts.plots import Line

WORDS = {str(method): words for method, words in METHOD_WORDS.items()}
RANDOM, EDGES = "random order", "edge detector"
VIEWS = {"Deletion and insertion": "curves", "Forgetting": "randomised", "Cross-check": "quantus"}


def show(card: Card) -> None:
    """Everything measured of this model's heatmaps, or the command that measures it."""
    found = of(card)
    command = f"`python -m train.explanations --model {card.name}`"
    if found is None:
        st.info(
            f"The heatmaps of {card.name} were not measured yet. {command} does it (it needs the "
            "data set).",
            icon=":material/info:",
        )
        return
    parts = {part: rows(found, part) for part in ("planted", "curves", "randomised")}
    methods = [m for m in WORDS if any(m in part for part in parts.values())]
    shown = methods + [b for b in BASELINES if b in parts["planted"]]
    st.table(
        {
            "Method": [(WORDS | BASELINES)[m] for m in shown],
            "Hits the patch that turned the answer": [hits(parts["planted"].get(m)) for m in shown],
            "Its mass in that patch": [mass(parts["planted"].get(m)) for m in shown],
            "Beats a random order by": [gap(parts["curves"].get(m)) for m in shown],
            "Beats an edge detector by": [gap(parts["curves"].get(m), "over_edges") for m in shown],
            "Like before when all is forgotten": [left(parts["randomised"].get(m)) for m in shown],
        },
        border="horizontal",
        hide_index=True,
        alt=f"How true the heatmaps of {card.name} are, a row for each method",
    )
    limit = (evidence.read(FILE) or {}).get("changes_below")
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
    )
    if view == "Deletion and insertion":
        show_curves(parts["curves"])
    elif view == "Forgetting":
        show_depths(parts["randomised"], found)
    else:
        show_cross_check(found)


def hits(row: dict | None) -> str:
    share, interval = (dig(row, "changed", k) for k in ("hit_share", "hit_interval_95"))
    return "–" if share is None else f"{share:.0%} ({interval[0]:.0%} to {interval[1]:.0%})"


def mass(row: dict | None) -> str:
    share = dig(row, "changed", "mass_share")
    return "–" if share is None else f"{share:.0%}"


def gap(row: dict | None, over: str = "over_random") -> str:
    both = dig(row, over, "both", "mean")
    return "–" if both is None else f"{100 * both:+.1f} points, n={row['n']:,}"


def left(row: dict | None) -> str:
    if row is None:
        return "–"
    low, high = dig(row, "rest", "interval_95") or (None, None)
    between = "" if low is None else f" ({low:.2f} to {high:.2f})"
    said = {True: "passes", False: "fails", None: "undecided"}[row["passes"]]
    both = dig(row, "rest", "n")  # images for which there are two maps to compare
    count = f"n={row['n']}" if both in (None, row["n"]) else f"n={both} of {row['n']}"
    return f"{_rest(row):.2f}{between}, {said}, {count}"


def _rest(row: dict) -> float:
    """Mean absolute rank correlation once every layer is random."""
    return row["spearman_absolute"][-1] if dig(row, "rest", "mean") is None else row["rest"]["mean"]


def sentence(method: str, parts: dict[str, Rows], limit: float | None) -> str:
    """What the figures of one method mean, in one sentence."""
    said = []
    planted = parts["planted"]
    changed, reverse = (dig(planted.get(method), part) or {} for part in ("changed", "reversed"))
    if changed.get("hit_share") is not None:
        said.append(
            f"points into the patch {changed['hit_share']:.0%} of the time where it turned "
            f"the likelier side (n={changed['n']})"
        )
        if reverse.get("hit_share") is not None:
            said[-1] += f" and {reverse['hit_share']:.0%} where it reversed the verdict "
            said[-1] += f"(n={reverse['n']})"
        others = {w: dig(planted.get(b), "changed", "hit_share") for b, w in BASELINES.items()}
        if blind := {w: share for w, share in others.items() if share is not None}:
            word = max(blind, key=blind.get)
            other = next(b for b, w in BASELINES.items() if w == word)
            # Apart only if the intervals are: the same images are behind both.
            beats = changed["hit_interval_95"][0] > planted[other]["changed"]["hit_interval_95"][1]
            said[-1] += (
                f", {'more often' if beats else 'not clearly more often'} than {word.lower()} "
                f"would ({blind[word]:.0%})"
            )
    if both := dig(parts["curves"].get(method), "over_random", "both"):
        low, high = both["interval_95"] or (0, 0)
        word = "better than" if low > 0 else "worse than" if high < 0 else "no better than"
        said.append(f"it orders pixels {word} chance")
    if row := parts["randomised"].get(method):
        rest = _rest(row)
        said.append(
            {
                True: "and it changes when the model forgets, as it should",
                None: f"and whether it changes enough when the model forgets ({rest:.2f}, limit "
                f"{limit}) is not clear from so few images",
                False: f"but its maps still resemble the first ones ({rest:.2f}, limit {limit}) "
                "when the model has forgotten everything, so part of what it shows is not what "
                "was learned",
            }[row["passes"]]
        )
    return f"**{WORDS[method]}** {'; '.join(said)}."


def about(found: dict[str, Any], planted: Rows) -> str:
    """Where the figures come from, and what chance would score."""
    chance = dig(found, "planted", "chance", "changed") or {}
    near = {WORDS[m]: dig(r, "changed", "near_share") for m, r in planted.items() if m in WORDS}
    near = {name: value for name, value in near.items() if value is not None}
    parts = []
    if chance.get("hit") is not None:
        parts.append(
            f"Of {found['planted']['n']:,} composites of validation images, the patch turned the "
            f"likelier side in {chance['n']:,}; a point at random would hit {chance['hit']:.0%} of "
            f"those, and a map that is the same everywhere has {chance['hit']:.0%} of its mass "
            "there. The strongest edge often is the patch's own rim: a seam that no real picture "
            "has."
        )
        parts.append(by_kind(planted))
    if near:
        best = max(near, key=near.get)
        parts.append(f"Within one pixel of the patch the best is {best}, with {near[best]:.0%}.")
    return " ".join(parts)


def by_kind(planted: Rows) -> str:
    """How the method that hits most fares with patches of either kind."""
    found = {WORDS[m]: dig(r, "changed") or {} for m, r in planted.items() if m in WORDS}
    found = {w: f for w, f in found.items() if f.get("hit_share") is not None}
    if not found:
        return ""
    name = max(found, key=lambda w: found[w]["hit_share"])
    fake, real = (dig(found[name], "by_patch", label) or {} for label in ("FAKE", "REAL"))
    if fake.get("hit_share") is None or real.get("hit_share") is None:
        return ""
    return (
        f"{name}, which hits most, hits {fake['hit_share']:.0%} of the {fake['n']} AI-generated "
        f"patches in photographs and {real['hit_share']:.0%} of the {real['n']} photographed "
        "patches in AI-generated images."
    )


BASELINES = {"centre": "Always the middle", "edges": "The strongest edge"}
BLIND = {
    "centre": "is a blob that sees no image and knows no model. Patches often cover the middle, so "
    "a method has to beat it.",
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
            f"{way} curve of {WORDS[method]} against a random order and an edge detector",
            f"{way.capitalize()}: {better} is better. Mean over {found[method]['n']:,} images of "
            "the calibrated probability of the answer given at first"
            + _fewer(found, method)
            + f"; area {found[method][f'{way}_area']:.3f}, random order "
            f"{found['random'][f'{way}_area']:.3f}.",
        )


def _fewer(found: Rows, method: str) -> str:
    """Lines of different images must not be read as a difference of methods."""
    if found[method]["n"] == found["random"]["n"]:
        return ""
    return f" (the other lines: {found['random']['n']:,}; the table compares on the same images)"


def _numbers(found: Rows) -> str:
    counts = sorted({row["n"] for row in found.values()})
    return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def show_depths(found: Rows, record: dict[str, Any]) -> None:
    """How alike maps stay while more and more layers forget."""
    depths, layers = (dig(record, "randomised", key) for key in ("depths", "layers"))
    if not found or not depths:
        st.info("Forgetting was not measured yet.", icon=":material/info:")
        return
    names = [WORDS[m] for m in WORDS if m in found]
    for key, title in (("spearman", "rank correlation"), ("ssim", "SSIM")):
        lines = {
            WORDS[m]: Line([0, *depths], [1.0, *found[m][key]], markers=True)
            for m in WORDS
            if m in found
        }
        figure: go.Figure = plots.lines(
            lines, names, f"layers that forgot, of {len(layers)}", title, 320
        )
        figure.update_yaxes(range=[-0.25, 1.05])
        plots.show(
            figure,
            f"trust-{key}",
            f"{title} with the first map against the number of randomised layers",
            f"{title[0].upper()}{title[1:]} with the map of the trained model, mean over "
            f"{_numbers(found)} images. It should fall: a line that stays high "
            "belongs to a method that does not look at what was learned.",
        )


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
        + ". In this check deleted pixels turn black, as Quantus does it."
    )
