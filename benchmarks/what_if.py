"""A move on the page "What if?": everything between the browser's message and its answer."""

from __future__ import annotations

from benchmarks.timing import ROOT, median_seconds, report
from cifake_core import artifacts, pipeline, what_if
from cifake_core.samples import samples
from pages.parts import engine

GOAL = 0.2  # seconds
LARGE = ("mobilenet_v2", "resnet50")  # their heatmaps are tf-keras-vis' Grad-CAM
IN_DOMAIN = next(i for i, sample in enumerate(samples()) if sample.name == "Clouds")


def moves() -> None:
    """Streamlit's run of the whole page, without the browser's drawing."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=60).run()
    app.switch_page("explain/what_if.py").run()
    app.button(f"sample{IN_DOMAIN}").click().run()
    changes = {change.name: change for change in what_if.changes(32)}

    def sliding(name: str) -> float:
        """Seconds a move along one slider, at each setting once: the session keeps what it saw."""
        app.pills(key="what_if_change").set_value(changes[name].title).run()
        settings = iter(s for s in changes[name].settings if s != changes[name].start)

        def slide():
            app.select_slider(key=f"what_if_{name}_32").set_value(next(settings)).run()

        return median_seconds(slide, len(changes[name].settings) - 3)

    line("What if: the slider moved", sliding("brightness"))
    app.toggle(key="what_if_cover").set_value(True).run()
    corners = iter(range(1000))

    def cover():
        left, top = divmod(next(corners) % 600, 25)
        app.slider(key="what_if_across_32").set_value((left, left + 8))
        app.slider(key="what_if_down_32").set_value((top, top + 7)).run()

    line("  the cover moved, the curve anew", median_seconds(cover, 40))
    app.toggle(key="what_if_all").set_value(True).run()
    line("  the slider moved, every model asked", sliding("contrast"))
    line("  the cover moved, every model asked", median_seconds(cover, 40))
    app.toggle(key="what_if_all").set_value(False).run()
    app.toggle(key="what_if_cover").set_value(False).run()
    for name in LARGE:
        engine.load_heatmaps(pipeline.load(name)).result()
        app.selectbox(key="model").set_value(name).run()
        line(f"  the slider moved, {name} picked", sliding("brightness"))
    assert not app.exception

    detector = pipeline.load("lens")
    model = artifacts.load_keras(detector.card)
    pixels = detector.open(samples()[IN_DOMAIN].png).prepared.pixels
    blur = changes["blur"]

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
