"""Every heatmap method, one image after a warm-up, on every model."""

from __future__ import annotations

from benchmarks.timing import median_seconds, report
from cifake_core import pipeline
from cifake_core.explain import BY_TENSORFLOW, METHOD_WORDS, SLOW, Method
from cifake_core.explain_spectral import spectral_occlusion
from cifake_core.labels import FAKE
from cifake_core.samples import samples

MODELS = ("lens", "aireal_cnn", "mobilenet_v2", "paper_cnn", "resnet50")


def heatmaps() -> None:
    """CAM methods within 100 ms, the others, which show a progress bar, within 3 s."""
    for name in MODELS:
        detector = pipeline.load(name)
        detector.load_explainer().result()
        pixels = detector.open(samples()[0].png).prepared.pixels
        verdict = median_seconds(lambda d=detector, p=pixels: d.engine.logits(p[None]), 50)
        for method in Method:
            if method is Method.CAM and not detector.engine.has_cam:
                continue
            seconds = median_seconds(
                lambda d=detector, p=pixels, m=method: d.heatmap(p, m, FAKE),
                3 if method in SLOW else 20,
            )
            limit = 3 if method in SLOW else 0.1
            by = "tf-keras-vis" if method in BY_TENSORFLOW else "ONNX Runtime"
            report(
                f"{METHOD_WORDS[method]} of {name}, {by}; over its verdict",
                f"{seconds * 1e3:.1f} / {verdict * 1e3:.2f} ms = {seconds / verdict:.0f}x",
                f"{limit} s",
                seconds <= limit,
            )
        seconds = median_seconds(
            lambda d=detector, p=pixels: spectral_occlusion(d.engine.logits, p), 20
        )
        report(
            f"spectral occlusion of {name}, 8 bands; over its verdict",
            f"{seconds * 1e3:.1f} / {verdict * 1e3:.2f} ms = {seconds / verdict:.0f}x",
            "3 s",
            seconds <= 3,
        )
