"""The engine and the command line against the usual ways of doing the same."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime

from benchmarks.timing import child, median_seconds, report
from cifake_core import artifacts, dataset, pipeline
from cifake_core.errors import DatasetError
from cifake_core.explain import Method
from cifake_core.labels import FAKE, REAL
from cifake_core.samples import samples


def cold_start() -> None:
    """`check` of one image, the interpreter's start included."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.png"
        path.write_bytes(samples()[0].png)
        child(["-m", "cifake_core", "check", str(path)])
        seconds, memory = child(["-m", "cifake_core", "check", str(path)])
    plain, _ = child(["-c", "import tensorflow"])
    report("check of one image, cold", f"{seconds:.2f} s, {memory:.0f} MB", "2 s, 300 MB",
           seconds <= 2 and memory <= 300)  # fmt: skip
    report("  as a share of `import tensorflow` alone", f"{seconds / plain:.2f} of {plain:.1f} s",
           "below 1", seconds < plain)  # fmt: skip


def one_image() -> None:
    """Bytes -> p_fake against load_img, / 255 and model.predict."""
    import keras

    detector = pipeline.load("lens")
    model = artifacts.load_keras(detector.card)
    # The usual snippet feeds floats: the same net behind a float input.
    entry = keras.Input(model.input_shape[1:])
    usual = keras.models.clone_model(model, input_tensors=entry)
    usual.set_weights(model.get_weights())
    data = samples()[0].png
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        file.write(data)
        file.flush()

        def snippet():
            image = keras.utils.load_img(file.name, target_size=(32, 32))
            return usual.predict(keras.utils.img_to_array(image)[None] / 255, verbose=0)

        theirs = median_seconds(snippet, 30, warm_up=5)
    ours = median_seconds(lambda: pipeline.analyze(data, detector).p_fake, 300, warm_up=20)
    report("bytes to p_fake: load_img, /255, predict over ours",
           f"{theirs * 1e3:.1f} / {ours * 1e3:.2f} ms = {theirs / ours:.0f}x", "at least 25x",
           theirs >= 25 * ours)  # fmt: skip

    from tf_keras_vis.gradcam import Gradcam

    pixels = pipeline.analyze(data, detector).opened.prepared.pixels

    def plain():
        return Gradcam(usual, clone=True)(
            lambda output: -output[:, 0], pixels[None].astype(np.float32), penultimate_layer=-1
        )

    theirs = median_seconds(plain, 20)
    fresh = pipeline.Detector("lens")  # has no TensorFlow yet, like a page just opened
    first = median_seconds(lambda: pipeline.analyze(data, fresh, explain=pipeline.Explain()), 200)
    detector.load_explainer().result()
    later = median_seconds(lambda: detector.heatmap(pixels, Method.GRADCAM, FAKE), 20)
    report(
        "Grad-CAM: tf-keras-vis called plainly over bytes to heatmap",
        f"{theirs * 1e3:.0f} / {first * 1e3:.2f} ms = {theirs / first:.0f}x",
        "above 1x",
        theirs > first,
    )
    report(
        "  the same drawn by tf-keras-vis, ours over plainly",
        f"{later * 1e3:.0f} / {theirs * 1e3:.0f} ms = {later / theirs:.2f}",
        "1.5 at most",
        later <= 1.5 * theirs,
    )


def many_files() -> None:
    """`check` over 20,000 training files against the bare batched forward pass."""
    try:
        data = dataset.load()
    except DatasetError as error:
        print(f"check over 20,000 files: left out. {error}")
        return
    graph = artifacts.models_dir() / "lens" / artifacts.GRAPH
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    # The test split is for scoring alone.
    rows = [np.flatnonzero(data.train.labels == label)[:10_000] for label in (FAKE, REAL)]
    images = data.train.images[np.concatenate(rows)]

    def bare():
        for start in range(0, len(images), 256):
            session.run(["logit"], {entry.name: images[start : start + 256]})

    forward = median_seconds(bare, 3, warm_up=1)
    with tempfile.TemporaryDirectory() as folder:
        for label, of_label in zip(("fake", "real"), rows, strict=True):
            place = Path(folder) / "images" / label
            place.mkdir(parents=True)
            for name in data.train.names[of_label]:
                shutil.copy(data.root / str(name), place)
        command = ["-m", "cifake_core", "check", str(place.parent), "--format", "csv"]
        seconds, memory = child([*command, "--out", str(Path(folder) / "out.csv")])
        half = [*command[:3], str(place), *command[4:]]
        _, memory_half = child([*half, "--out", str(Path(folder) / "half.csv")])
    rate, bare_rate = len(images) / seconds, len(images) / forward
    report("check over 20,000 files, share of the bare forward pass",
           f"{rate:,.0f} / {bare_rate:,.0f} a second = {rate / bare_rate:.0%}", "at least 50%",
           rate >= 0.5 * bare_rate)  # fmt: skip
    report("  its memory at 20,000 over that at 10,000 files",
           f"{memory:.0f} / {memory_half:.0f} MB = {memory / memory_half:.2f}",
           "flat, under 400 MB", memory < 400 and memory < 1.1 * memory_half)  # fmt: skip
