"""A move on the page "What if?": everything between the browser's message and its answer."""

from __future__ import annotations

import itertools

from benchmarks.timing import ROOT, median_seconds, report
from cifake_core import artifacts, pipeline, what_if
from cifake_core.samples import samples
from pages.parts import engine

GOAL = 0.2  # seconds
SLOWEST = "mobilenet_v2"  # of the models that ship; its heatmaps are tf-keras-vis' Grad-CAM


def moves() -> None:
    """Streamlit's run of the whole page, without the browser's drawing."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60).run()
    app.switch_page("pages/explain/what_if.py").run()
    app.button("sample1").click().run()
    blur = next(c for c in what_if.changes(32) if c.name == "blur")
    app.pills(key="what_if_change").set_value(blur.title).run()
    settings = itertools.cycle(blur.settings)

    def slide():
        app.select_slider(key="what_if_blur_32").set_value(next(settings)).run()

    seconds = median_seconds(slide, 60)
    line("What if: the slider moved", seconds)
    app.toggle(key="what_if_cover").set_value(True).run()
    corners = iter(range(1000))

    def cover():
        left, top = divmod(next(corners) % 600, 25)
        app.slider(key="what_if_across_32").set_value((left, left + 8))
        app.slider(key="what_if_down_32").set_value((top, top + 7)).run()

    line("  the cover moved, the curve anew", median_seconds(cover, 40))
    app.toggle(key="what_if_all").set_value(True).run()
    line("  the slider moved, every model asked", median_seconds(slide, 40))
    line("  the cover moved, every model asked", median_seconds(cover, 40))
    app.toggle(key="what_if_all").set_value(False).run()
    app.toggle(key="what_if_cover").set_value(False).run()
    engine.load_heatmaps(pipeline.load(SLOWEST)).result()
    app.selectbox(key="model").set_value(SLOWEST).run()
    line(f"  the slider moved, {SLOWEST} picked", median_seconds(slide, 60))
    assert not app.exception

    detector = pipeline.load("lens")
    model = artifacts.load_keras(detector.card)
    pixels = detector.open(samples()[1].png).prepared.pixels

    def plain():
        for setting in blur.settings:
            model.predict(blur.apply(pixels[None], setting), verbose=0)

    def ours():
        what_if.curve(detector.engine.logits, detector.card.calibration, pixels, blur)

    theirs, mine = median_seconds(plain, 3, warm_up=1), median_seconds(ours, 20)
    report(
        f"  a curve of {len(blur.settings)} strengths: predict for each over ours",
        f"{theirs * 1e3:,.0f} / {mine * 1e3:.0f} ms = {theirs / mine:.0f}x",
        "above 1x",
        theirs > mine,
    )


def line(what: str, seconds: float) -> None:
    report(what, f"{seconds * 1e3:.0f} ms", f"{GOAL * 1e3:.0f} ms", seconds <= GOAL)
