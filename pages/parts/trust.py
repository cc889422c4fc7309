"""A heatmap of the model beside one of a copy that forgot: the live experiment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from cifake_core import artifacts, faithfulness, randomise, render
from cifake_core.explain import BY_TENSORFLOW, METHOD_WORDS, SLOW, Explainer, Heatmap, Method
from cifake_core.explain_occlusion import occlusion
from cifake_core.pipeline import Analysis, Detector
from cifake_core.progress import Progress
from cifake_core.shelf import Shelf
from pages.parts import engine, pictures, raw_reading
from pages.parts.heatmap_evidence import forgets
from pages.parts.heatmaps import failure
from pages.parts.words import TARGETS

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Copy:
    """A Keras model of which some layers forgot, and what draws its heatmaps."""

    model: keras.Model
    explainer: Explainer

    def heatmap(
        self, pixels, method: Method, target: int, progress: Progress | None = None
    ) -> Heatmap:
        if method is not Method.OCCLUSION:
            return self.explainer.heatmap(pixels, method, target, progress)

        def logits(batch):
            return self.model(batch, training=False).numpy()[:, 0]

        values = occlusion(logits, pixels, target, progress=progress)
        return Heatmap(values, method, method, target)


METHODS = [m for m in Method if m in BY_TENSORFLOW or m is Method.OCCLUSION]
# In the whole process, beside the models that pipeline keeps: a copy of a large model takes 200 MB.
KEPT, TRAINED_KEPT = 2, 1
DRAWS = (1, 2, 3)
_copies: Shelf[Copy] = Shelf(KEPT)
_trained: Shelf[keras.Model] = Shelf(TRAINED_KEPT)
# The same words whatever the class finds: below the first the maps share little, above the second
# hardly anything has changed.
LITTLE, SAME = 0.3, 0.7


def show(analysis: Analysis, model: Detector) -> None:
    """Redrawn alone when a control moves, and anew once TensorFlow has loaded."""
    engine.redrawn_while_loading(_draw, analysis, model)


def _draw(analysis: Analysis, model: Detector, loading: bool) -> None:
    if loading:
        st.info(
            "What draws heatmaps (TensorFlow and tf-keras-vis) is still loading; the experiment "
            "appears here by itself.",
            icon=":material/hourglass_top:",
        )
        return
    if not model.explainer_ready:
        st.error(f"{failure(model)} So nothing can be made to forget.")
        return
    with st.spinner("Getting a copy of the model …"):  # seen only if it takes time
        layers = _layers(engine.key(model.card), model)
    method = st.pills(
        "Method",
        METHODS,
        format_func=METHOD_WORDS.get,
        default=Method.GRADCAM,
        required=True,
        key="trust-method",
        persist_state="session",
    )
    if remark := forgets(model.card, method):
        st.caption(f":material/warning: {METHOD_WORDS[method]}, over many images: {remark}")
    depth = st.slider(
        "How many layers forget, from the answer down",
        *(0, len(layers), min(1, len(layers))),
        key=f"trust-depth-{len(layers)}",
        persist_state="session",
    )
    draw = st.segmented_control(
        "Random numbers",
        DRAWS,
        format_func=lambda n: f"draw {n}",
        default=1,
        required=True,
        key="trust-draw",
        persist_state="session",
        help="Other random numbers in the same layers: was it luck?",
    )
    if depth:
        st.caption(f"Forgotten: {forgotten(depth, len(layers))}.")
    before, after = _maps(analysis, model, method, depth, draw if depth else 0)
    _pictures(analysis, before, after, depth, len(layers))
    _figures(analysis, before, after, depth, len(layers))


def _maps(
    analysis: Analysis, model: Detector, method: Method, depth: int, draw: int
) -> tuple[Heatmap, Heatmap]:
    """The trained model's heatmap and the copy's, with a bar while a slow method works."""
    place, target = st.empty(), raw_reading.target(analysis)

    def bar(words: str) -> Progress | None:
        def progress(done: int, total: int) -> None:
            place.progress(done / total, f"{METHOD_WORDS[method]} of {words} …")

        return progress if method in SLOW else None

    with st.spinner("The copy forgets, and draws its heatmap …"):
        before = engine.heatmap(analysis, model, method, target, bar("the trained model"))
        kept = [before]
        if depth:
            sha256, key = analysis.opened.sha256, engine.key(model.card)
            kept = _kept(sha256, key, method, target, depth, draw)
        if not kept:
            pixels = analysis.opened.prepared.pixels
            copy = _copy(model, depth, draw)
            kept.append(copy.heatmap(pixels, method, target, bar("the copy")))
    place.empty()
    return before, kept[0]


@st.cache_resource(scope="session", max_entries=64, show_spinner=False)
def _kept(
    sha256: str, key: str, method: Method, target: int, depth: int, draw: int
) -> list[Heatmap]:
    """A place for a heatmap, empty at first: a cached function may not draw on a progress bar."""
    return []


@st.cache_data(scope="session", max_entries=8, show_spinner=False)
def _layers(key: str, _model) -> list[str]:
    """What forgets at each step of the slider."""
    return [group[0] for group in randomise.learned(_net(_model))]


def _net(model: Detector) -> keras.Model:
    """The trained model, from which copies are made."""
    return _trained.get(engine.key(model.card), lambda: artifacts.load_keras(model.card))


def _copy(model: Detector, depth: int, draw: int) -> Copy:
    trained = _net(model)

    def made() -> Copy:
        net = randomise.randomised(trained, depth, draw)
        return Copy(net, Explainer(net, model.card.target_layer, warm_up=False))

    return _copies.get((engine.key(model.card), depth, draw), made)


def _pictures(analysis: Analysis, before: Heatmap, after: Heatmap, depth: int, of: int) -> None:
    pixels = analysis.opened.prepared.pixels
    titles = ("the trained model", f"the copy, {depth} of {of} layers forgotten")
    for column, heatmap, title in zip(
        st.columns(2, wrap=False), (before, after), titles, strict=True
    ):
        words = f"{METHOD_WORDS[heatmap.method]} of {title}"
        if heatmap.empty:
            picture, note = render.enlarge(pixels), ": nothing speaks for the answer"
        else:
            picture = render.overlay(pixels, heatmap.normalised, 0.6, pictures.colours())
            note = ""
        where = note or f": {pictures.describe(heatmap.normalised)}"
        column.image(
            pictures.url(picture),
            width="stretch",
            alt=f"{words}{where}",
            caption=f"{words[0].upper()}{words[1:]}{note}.",
        )
    pictures.scale(
        f"most evidence for “{TARGETS[before.target]}”, each map by its own strongest spot",
        pictures.colours(),
        directed=before.method is not Method.SMOOTHGRAD,
    )


def _figures(analysis: Analysis, before: Heatmap, after: Heatmap, depth: int, of: int) -> None:
    size = len(analysis.opened.prepared.pixels)
    maps = [faithfulness.fit(h.values, size) for h in (before, after)]
    ranks, alike = faithfulness.spearman(*maps), faithfulness.ssim(*maps)
    one, other = st.columns(2)
    one.metric(
        "Rank correlation",
        f"{ranks:.2f}",
        help="Of the places from weak to strong. 1: the same order; 0: no relation; -1: the "
        "opposite order.",
    )
    other.metric("SSIM", f"{alike:.2f}", help="Compares piece by piece. 1: the same picture.")
    st.markdown(f":material/lightbulb: {meaning(ranks, depth, of, before.empty or after.empty)}")


def meaning(ranks: float, depth: int, of: int, empty: bool) -> str:
    if not depth:
        return "Nothing is forgotten yet: both maps are the same. Move the slider."
    if empty:
        return "One of the maps is empty, so there is no order of spots to compare."
    if abs(ranks) < LITTLE:
        return "The map has changed: it depended on what these layers had learned."
    if ranks < -SAME:
        return (
            "The map shows the same places, reversed: what was strongest is now among the weakest. "
            "A random sign alone can do this, so it does not show that the map depended on what "
            "these layers had learned."
        )
    if ranks > SAME:
        return (
            "The map has hardly changed, although the model's knowledge in these layers is gone: "
            "what you see was not about them."
        )
    if depth == of:
        return (
            "The map has changed in part. No layer remembers anything, so what it still shares "
            "with the first one comes from the image and the shape of the net, not from what was "
            "learned."
        )
    return "The map has changed in part: some of it may come from layers that still remember."


def forgotten(depth: int, of: int) -> str:
    """What has forgotten, in words: layers' own names tell a reader nothing."""
    said = "the last layer, which gives the answer"
    if depth > 1:
        before = depth - 1
        said += f", and the {f'{before} layers' if before > 1 else 'one layer'} before it"
    return f"{said}: all there are, down to the pixels" if depth == of else said
