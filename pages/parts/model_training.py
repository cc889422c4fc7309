"""How models were trained: their curves and the ablations; a function each for the page."""

from __future__ import annotations

from typing import Any

import streamlit as st

from cifake_core.artifacts import is_a
from cifake_core.catalogue import dig, is_curve_of, runs
from cifake_core.models import PENALISED
from pages.parts import evidence, plots
from pages.parts.evidence import Measured
from pages.parts.model_views import Models, in_order, said
from pages.parts.plots import Line
from pages.parts.words import stress

# What a loss in training is of, if any of these settings is on.
IN_THE_LOSS = {
    "is of images that were mirrored, moved, turned or enlarged": (
        *("flip", "flip_vertical", "shift", "zoom", "rotation"),
    ),
    "is in part of squares cut from the images": ("crop",),
    "is of images of which many were damaged": ("light", "jpeg", "noise", "blur"),
    "is of two images in one": ("mixup", "cutmix"),
    "is against softer answers than yes and no": ("label_smoothing", "teacher"),
}


def show_training(models: Models) -> None:
    names = in_order()
    others = [m.name for m in models if not is_curve_of(m.card, m.training)]
    models = [m for m in models if m.name not in others]
    found = {m.name: rows for m in models if (rows := evidence.rows(m.training, "metrics"))}
    for lack, why in (
        ([m.name for m in models if m.name not in found], "was not kept"),
        (others, "is of other weights than those here, so it is not shown"),
    ):
        if lack:
            st.info(
                f"The training curve of {', '.join(lack)} {why}. Training it again and "
                f"`python -m train.evaluate --model {lack[0]} --run FOLDER` would keep one.",
                icon=":material/info:",
            )
    if not found:
        return
    on_crops = any(dig(c, "crop") for m in models if m.name in found for c in cycles(m))
    for key, words, caption in (
        (
            "loss",
            "loss",
            "How far the answers are off in training, on a scale of multiples. "
            + loss_words({m.name: cycles(m) for m in models if m.name in found}),
        ),
        (
            "validation_accuracy",
            "validation accuracy",
            "How many of the validation images, which it does not learn from, are right, before "
            "calibration shifts the point at which the model is undecided.",
        ),
    ):
        kept = {
            n: [r for r in rows if is_a(r.get(key), float) and r[key] > 0]
            for n, rows in found.items()
        }
        kept = {n: rows for n, rows in kept.items() if rows}
        if not kept:
            continue
        figure = plots.lines(
            {n: stroke(of, key) for n, of in kept.items()},
            names,
            "epochs (times the training images"
            f"{', or squares cut from them,' if on_crops else ''} were seen)",
            words,
        )
        if key == "loss":
            plots.log_axis(figure, "y", [r[key] for of in kept.values() for r in of])
        else:  # what matters is the end; the beginning may come from below the frame
            plots.as_percent(figure, "y").update_yaxes(
                range=[min(of[-1][key] for of in kept.values()) - 0.08, 1]
            )
        ends = ", ".join(
            f"{n} {' and '.join(f'{value:.4g}' for value in last_of_each(of, key))}"
            for n, of in kept.items()
        )
        plots.show(
            figure, f"training-{key}", f"{words} over the epochs; at the end: {ends}", caption
        )
    st.caption(
        "Where training stops early, the weights of its best epoch ship, not those of the last."
    )
    remarks = dict.fromkeys(str(r) for m in models if (r := dig(m.training, "remark")))
    # A sitting that logged in another way shows in the curve and is told of in the card.
    notes = {m.name: dig(m.card.raw, "training", "note") for m in models if m.name in found}
    told = [f"- {name}: {note}" for name, note in notes.items() if note]
    if remarks or told:
        with st.expander("For those who know how: remarks on these curves"):
            for words in (*remarks, *(["\n".join(told)] if told else [])):
                st.caption(words)


def cycles(m: Measured) -> list[Any]:
    """The settings of each cycle that a model's nets were trained in, as its card has them."""
    training = dig(m.card.raw, "training")
    parts, found = dig(training, "parts"), []
    for record in parts if isinstance(parts, list) and parts else [training]:
        config = dig(record, "config")
        later = dig(config, "then")
        found += [config, *(later if isinstance(later, list) else [])]
    return found


def loss_words(of: dict[str, list[Any]]) -> str:
    """What is in the loss of models besides their error on the images as they are."""
    said = []
    for words, keys in IN_THE_LOSS.items():
        names = [n for n, found in of.items() if any(dig(c, k) for c in found for k in keys)]
        if names:
            said.append(f"that of {', '.join(names)} {words}")
    if penalised := [n for n, found in of.items() if any(map(_is_penalised, found))]:
        said.append(f"that of {', '.join(penalised)} holds a penalty on large weights, too")
    if not said:
        return ""
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}. So compare the course of the lines, not their heights."


def _is_penalised(config: Any) -> bool:
    return dig(config, "model") in PENALISED and dig(config, "model_args", "l2") != 0


def last_of_each(rows: list[dict], key: str) -> list[float]:
    """A value at the end of each net's rows; most models are of one net."""
    return list({str(row.get("net")): row[key] for row in rows}.values())


def stroke(rows: list[dict], key: str) -> Line:
    """A value over the epochs; the line is lifted where another net's rows begin."""
    x, y = [], []
    for before, row in zip([None, *rows], rows, strict=False):
        if before and before.get("net") != row.get("net"):
            x.append(None)
            y.append(None)
        x.append(row["epoch"])
        y.append(row[key])
    return Line(x, y)


def show_ablations() -> None:
    found = evidence.read("ablations")
    rows = evidence.rows(found, "rows")
    if not rows:
        return
    st.header("Stages of training, and single ideas", anchor=False)
    labels = list(rows[0]["stress_accuracy"])
    st.table(
        [
            {
                "what": r["what"],
                "accuracy": f"{r['validation_accuracy']:.2%}",
                **{stress(x): said(r["stress_accuracy"].get(x), ".2%") for x in labels},
                "runs": runs(r["seeds"]) if is_a(r.get("seeds"), list) else "–",
            }
            for r in rows
        ],
        hide_index=True,
        alt="Variants of training: accuracy on validation images, unchanged and changed",
    )
    counts = {n for r in rows if is_a(n := r.get("n", found.get("n")), int)}
    st.caption(
        "Stages and variants of training, on "
        f"{' or '.join(f'{n:,}' for n in sorted(counts)) or '–'} validation images, "
        "unchanged and changed. Where there was one run, a few tenths of a point mean nothing, and "
        "two epochs are too short to say what an idea brings at the end of a long run. All were "
        "calibrated on these very images (the one that ships on damaged copies), so they are a "
        "little too good. Averaged weights (EMA), mixed images (mixup, CutMix) and a fixed filter "
        "for fine noise (SRM) are ways to train; flip-averaged is the mean over the image and its "
        "mirror image. Crops are squares of so many pixels, cut from anywhere in the images: an "
        "epoch on them takes less time, so there are more of them."
    )
    with st.expander("The commands"):
        st.code("\n".join(r["command"] for r in rows), language="bash")
