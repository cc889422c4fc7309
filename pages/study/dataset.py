"""The data set in numbers: what the two kinds of images look like before any model sees them."""

from __future__ import annotations

import numpy as np
import pandas  # noqa: F401  Plotly would take a pandas that TensorFlow's thread is half through
import plotly.graph_objects as go
import streamlit as st

from cifake_core import render
from cifake_core.dataset import Dataset
from cifake_core.labels import CLASSES, FAKE, LABELS, REAL
from cifake_core.stats import auroc_of_counts
from pages.parts import data_source, evidence, pictures, plots, sources
from pages.parts.words import LABEL_COLOURS, LABEL_NAMES

PLURALS = {REAL: "Photographs", FAKE: "AI-generated images"}
# Never colour alone: the two kinds differ in line style too.
DASHES = {REAL: "solid", FAKE: "dash"}
SHEET = 16  # images on a page of the browser
CUE_WORDS = {
    "file_size": "File size (bytes)",
    "brightness": "Brightness (mean grey level, 0–255)",
    "saturation": "Saturation (mean of HSV, 0–255)",
}
FIGURES = {
    "n": float,
    "groups": [
        {
            "n": float,
            "file_size": dict.fromkeys(("mean", "std", "median", "q25", "q75"), float),
            "brightness": {"mean": float},
            "saturation": {"mean": float},
        }
    ],
    "histograms": {cue: {"edges": [float]} for cue in CUE_WORDS},
    "auc": dict.fromkeys(CUE_WORDS, float),
    "duplicates": dict.fromkeys(
        ("test_also_in_train", "pairs_in_train", "pairs_in_test", "leak_free_test"), float
    ),
}


def usable(stats: dict) -> bool:
    """Whether all that this page shows of the file is there, as numbers."""
    if not evidence.fits(stats, FIGURES):
        return False
    words = ("all", *CLASSES)
    kinds = [(s, x, w) for s in ("train", "test") for x in LABELS for w in words]
    found = [(g.get("split"), g.get("label"), g.get("class")) for g in stats["groups"]]
    counted = {x: [float] for x in LABELS}
    counts = {"brightness": counted, "saturation": counted}
    counts["file_size"] = {"/".join(kind): [float] for kind in kinds}
    return (
        len(found) == len(kinds)
        and all(kind in found for kind in kinds)
        and all(g["n"] > 0 for g in stats["groups"])
        and evidence.fits(stats["histograms"], {cue: {"counts": c} for cue, c in counts.items()})
    )


def histogram(cue: str, edges: list[int], counts: dict[int, list[int]], alt: str) -> None:
    """One step line a label, as shares, so that the two can be laid over each other."""
    figure = go.Figure()
    for label, values in counts.items():
        figure.add_scatter(
            x=edges[:-1],
            y=np.array(values) / max(1, sum(values)),
            name=LABEL_NAMES[label],
            line={"shape": "hv", "color": LABEL_COLOURS[label], "dash": DASHES[label]},
            hovertemplate="from %{x}: %{y:.1%}",
        )
    figure.update_layout(
        xaxis_title=CUE_WORDS[cue],
        yaxis_title="share of images",
        yaxis_tickformat=".0%",
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.12},
        margin={"t": 30, "b": 0, "l": 0, "r": 24},
        height=340,
    )
    plots.draw(figure, f"plot-{cue}", alt)


def group(stats: dict, split: str, label: int, word: str = "all") -> dict:
    """The figures of one group of images."""
    return next(
        g
        for g in stats["groups"]
        if (g["split"], g["label"], g["class"]) == (split, LABELS[label], word)
    )


def pooled_mean(stats: dict, label: int, cue: str) -> float:
    """Mean over both splits, like the histograms and the AUROC."""
    parts = [group(stats, split, label) for split in ("train", "test")]
    return sum(g["n"] * g[cue]["mean"] for g in parts) / sum(g["n"] for g in parts)


def show_counts(stats: dict) -> None:
    st.markdown(
        f"**{stats['n']:,} images of 32x32 pixels.** The photographs are CIFAR-10's; the others "
        "were made by Stable Diffusion 1.4 to show things of the same ten classes."
    )
    for column, (split, label) in zip(
        st.columns(4), [(s, x) for s in ("train", "test") for x in (REAL, FAKE)], strict=True
    ):
        column.metric(f"{split} · {LABEL_NAMES[label]}", f"{group(stats, split, label)['n']:,}")


def show_file_sizes(stats: dict) -> None:
    st.header("File size", anchor=False)
    split_column, class_column = st.columns(2)
    split = split_column.segmented_control(
        "Split", ["train", "test"], default="train", required=True, key="size-split"
    )
    word = class_column.selectbox("Class", ["all", *CLASSES], key="size-class")
    sizes = stats["histograms"]["file_size"]
    means = {x: group(stats, split, x, word)["file_size"]["mean"] for x in (REAL, FAKE)}
    histogram(
        "file_size",
        sizes["edges"],
        {x: sizes["counts"][f"{split}/{LABELS[x]}/{word}"] for x in (REAL, FAKE)},
        f"Histograms of file size, {split}, {word}: mean {means[REAL]:.0f} bytes for photographs, "
        f"{means[FAKE]:.0f} for AI-generated images",
    )
    st.markdown(size_words(stats, split, word))


def size_words(stats: dict, split: str, word: str) -> str:
    """How far file size alone tells the two kinds apart, over all classes or within one."""
    sizes = stats["histograms"]["file_size"]
    real, fake = (
        {w: sizes["counts"][f"{split}/{LABELS[x]}/{w}"] for w in CLASSES} for x in (REAL, FAKE)
    )
    within = {w: auroc_of_counts(real[w], fake[w]) for w in CLASSES}
    source = f"from the bins of {sizes['edges'][1] - sizes['edges'][0]} bytes above"
    if word == "all":
        low, high = min(within, key=within.get), max(within, key=within.get)
        return (
            "Over the whole set file size is hardly a cue: a photograph and an AI-generated image "
            "drawn at random can be told apart by it with an AUROC of "
            f"**{stats['auc']['file_size']:.2f}**, where 0.50 is a coin flip. Within a class it "
            f"can be one: {source}, the chance that the AI-generated file is the larger goes from "
            f"{within[low]:.2f} (*{low}*) to {within[high]:.2f} (*{high}*). Over all classes these "
            "partly cancel out."
        )
    chance = within[word]
    said = f"{max(chance, 1 - chance):.2f}"
    if said == "0.50":
        return f"Within *{word}* file size is no cue: {source}, it is a coin flip (AUROC **0.50**)."
    larger = PLURALS[FAKE if chance > 0.5 else REAL]
    return (
        f"Within *{word}*: {larger} tend to be the larger files. Of one of each kind, drawn at "
        f"random, theirs is the larger with a chance of **{said}** (the AUROC, {source}; 0.50 is a "
        "coin flip)."
    )


def show_table(stats: dict) -> None:
    rows = [
        {
            "images of": f"{g['split']}, {LABEL_NAMES[LABELS.index(g['label'])]}, {g['class']}",
            "number": g["n"],
            "mean": g["file_size"]["mean"],
            "std. dev.": g["file_size"]["std"],
            "median": g["file_size"]["median"],
            "quartiles": f"{g['file_size']['q25']:.0f} to {g['file_size']['q75']:.0f}",
        }
        for g in stats["groups"]
    ]
    with st.expander("File size in bytes, by split, label and class"):
        st.dataframe(
            rows,
            hide_index=True,
            column_config={
                "number": st.column_config.NumberColumn(format="localized"),
                "mean": st.column_config.NumberColumn(format="%.1f"),
                "std. dev.": st.column_config.NumberColumn(format="%.1f"),
            },
        )


def show_light(stats: dict) -> None:
    st.header("Brightness and saturation", anchor=False)
    for cue, word in (("brightness", "brighter"), ("saturation", "more saturated")):
        shown = stats["histograms"][cue]
        means = {x: pooled_mean(stats, x, cue) for x in (REAL, FAKE)}
        more = max(means, key=means.get)
        histogram(
            cue,
            shown["edges"],
            {x: shown["counts"][LABELS[x]] for x in (REAL, FAKE)},
            f"Histograms of {cue}: mean {means[REAL]:.0f} for photographs, {means[FAKE]:.0f} for "
            "AI-generated images",
        )
        st.markdown(
            f"{PLURALS[more]} are {word} on average: {means[more]:.0f} against "
            f"{min(means.values()):.0f}. Alone it separates them with an AUROC of "
            f"**{stats['auc'][cue]:.2f}**."
        )


def show_leaks(stats: dict) -> None:
    st.header("The official split leaks", anchor=False)
    found = stats["duplicates"]
    first, second, third = st.columns(3)
    first.metric("test images also in train", f"{found['test_also_in_train']:,}")
    second.metric("identical pairs inside train", f"{found['pairs_in_train']:,}")
    third.metric("identical pairs inside test", f"{found['pairs_in_test']:,}")
    st.markdown(
        f"All of these are AI-generated images, identical to the last pixel. A model may simply "
        f"remember the {found['test_also_in_train']:,} it has seen, so we also report on the "
        f"**{found['leak_free_test']:,}** test images that do not leak, and keep duplicates "
        "together when validation images are cut from the training images."
        + _nearly(stats.get("nearly_in_train"))
    )


def _nearly(found: dict | None) -> str:
    """How many test images nearly leak, in a sentence; "" where it was not counted."""
    if not evidence.fits(found, dict.fromkeys(("correlation", *LABELS), float)):
        return ""
    return (
        f" Beside these, {found['REAL']:,} photographs and {found['FAKE']:,} AI-generated images "
        "of test are nearly the same as one of train, as it is or mirrored (a correlation of "
        f"{found['correlation']} or more between their pixel values). They are not left out."
    )


def sheet(images: np.ndarray) -> np.ndarray:
    """Up to 16 images (N, S, S, 3) uint8 as one of 4 x 4, the rest of it grey."""
    size = images.shape[1]
    out = np.full((4 * size, 4 * size, 3), 128, np.uint8)
    for i, image in enumerate(images):
        y, x = divmod(i, 4)
        out[y * size : (y + 1) * size, x * size : (x + 1) * size] = image
    return out


def show_images() -> None:
    st.header("Browse", anchor=False)
    data = data_source.opened()
    if data is None:
        if data_source.opening():
            data_source.wait()
        else:
            st.info(
                "The data set is not on this machine, so there are no images to browse: `pip "
                "install kagglehub`, then `python -m cifake_core data fetch`, gets it.",
                icon=":material/info:",
            )
        return
    word = st.selectbox("Class", CLASSES, key="browse-class")
    of_class = data.train.classes == CLASSES.index(word)
    rows = {x: np.flatnonzero(of_class & (data.train.labels == x)) for x in (REAL, FAKE)}
    pages = max(1, -(-max(map(len, rows.values())) // SHEET))
    page = st.number_input(f"Page, 1 to {pages}", 1, pages, 1, key=f"browse-page-{word}")
    on_page = {x: of[(page - 1) * SHEET : page * SHEET] for x, of in rows.items()}
    for label, column in zip(rows, st.columns(2, wrap=False), strict=True):
        shown = on_page[label]
        column.image(
            pictures.url(render.enlarge(sheet(data.train.images[shown]), 512)),
            width="stretch",
            caption=f"{LABEL_NAMES[label]}, {word}: {len(shown)} of {len(rows[label]):,} in train",
            alt=f"{len(shown)} training images of class {word}: {LABEL_NAMES[label]}",
        )
    check_one(data, {x: of for x, of in on_page.items() if len(of)})


def check_one(data: Dataset, rows: dict[int, np.ndarray]) -> None:
    """Pick one of the images above, rows of train by label, and look at it on the first page."""
    if not rows:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = st.segmented_control(
            "Of which kind?",
            list(rows),
            format_func=LABEL_NAMES.get,
            default=next(iter(rows)),
            required=True,
            key=f"browse-kind-{len(rows)}",
        )
        count = len(rows[label])
        number = st.number_input(
            f"Image, 1 to {count}, row by row", 1, count, 1, key=f"browse-number-{count}", width=200
        )
        pressed = st.button("Check this one", icon=":material/image_search:")
    if pressed:
        if sources.take_from_train(data, int(rows[label][number - 1])):
            st.switch_page("check/one_image.py")
        st.toast("This image cannot be read now.", icon=":material/broken_image:")


st.title("The data set", anchor=False)
st.markdown(
    "See what CIFAKE is made of, which simple numbers already tell its two halves apart, and where "
    "its official split leaks."
)
figures = evidence.read("dataset")
if figures is None or not usable(figures):
    st.error(
        f"assets/evidence/dataset.json is {evidence.state('dataset')}: "
        "`python -m cifake_core data stats` writes it."
    )
else:
    show_counts(figures)
    show_file_sizes(figures)
    show_table(figures)
    show_light(figures)
    show_leaks(figures)
show_images()
with st.expander("How to read this"):
    st.markdown(
        """
- **train** is what models learn from, **test** the exam at the end, kept apart from training but
  for the copies under “The official split leaks”. A part of train is kept apart, too, to choose
  with: **validation**.
- A **histogram** here is a line of shares: of all images of one kind, how many lie in each bin.
- **AUROC** is the chance that a number tells a random photograph from a random AI-generated image;
  0.5 is a coin flip, 1.0 is certainty. A model has to beat such single numbers by far.
- Every figure is read from a file that `python -m cifake_core data stats` wrote.
- CIFAKE: J. J. Bird and A. Lotfi, IEEE Access 2024, doi:10.1109/ACCESS.2024.3356122; photographs
  from CIFAR-10, A. Krizhevsky 2009.
"""
    )
