"""``python -m benchmarks.training [--save]``: how fast the lab trains, in ratios.

Bare is one fixed batch through the compiled net again and again: forward, backward, and the
plainest update there is, so that the gradients are not optimised away; nothing that averages
weights, prepares images, logs, or saves. The loop does all of these; its validation is not timed.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CIFAKE_NO_PROGRESS", "1")

import numpy as np

from benchmarks.timing import report, save
from cifake_core import dataset
from cifake_core.models import build
from cifake_core.predict import cores
from train.batches import Batches
from train.config import Config, load_recipe
from train.train import run

STEPS = 50
PAPER = 0.9298  # accuracy that the data set's paper reports


def bare_rate(config: Config, images: np.ndarray, labels: np.ndarray) -> float:
    """Images a second."""
    import keras

    keras.config.set_dtype_policy(config.dtype)
    model = build(config.model, **config.model_args)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    # Compiled as train.compile does it, whose optimizer and averages are left out.
    jit = config.jit or keras.backend.backend() == "jax"
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss=loss, jit_compile=jit)
    x = np.ascontiguousarray(images[: config.batch_size])
    y = labels[: config.batch_size].astype(np.float32)[:, None]
    for _ in range(5):
        model.train_on_batch(x, y)
    began = time.perf_counter()
    for _ in range(STEPS):
        float(model.train_on_batch(x, y))
    return STEPS * config.batch_size / (time.perf_counter() - began)


def loop_rate(config: Config, data: dataset.Dataset) -> float:
    """Images a second of the real loop, from its own log, the first stretch left out."""
    with tempfile.TemporaryDirectory() as folder:
        run(config, data, Path(folder) / "run", validation_limit=500)
        log = (Path(folder) / "run" / "metrics.jsonl").read_text().splitlines()
    return float(np.median([json.loads(line)["images_per_s"] for line in log[1:]]))


def batch_rate(config: Config, data: dataset.Dataset) -> float:
    """Images a second that the augmentation makes when nothing waits for it."""
    batches = Batches(data.train.images, data.train.labels, np.arange(len(data.train)), config)
    began = time.perf_counter()
    for step in range(STEPS):
        batches.batch(step)
    return STEPS * config.batch_size / (time.perf_counter() - began)


def throughput(data: dataset.Dataset) -> None:
    heaviest = max(load_recipe("lens").phases(), key=lambda c: c.jpeg + c.noise + c.blur)
    config = replace(
        heaviest, limit=256 * 2 * STEPS, epochs=1, then=(), checkpoint_every=STEPS // 2
    )
    bare, loop = [], []
    for _ in range(3):  # in turn, so that a slow moment of the machine meets both
        bare.append(bare_rate(config, data.train.images, data.train.labels))
        loop.append(loop_rate(config, data))
    share, made = np.median(loop) / np.median(bare), batch_rate(config, data)
    report("training `lens` at its heaviest augmentation, share of bare forward and backward",
           f"{np.median(loop):,.0f} / {np.median(bare):,.0f} images a second = {share:.0%}",
           "at least 90%", share >= 0.9)  # fmt: skip
    report("  that augmentation alone, on one thread, as a multiple of the training's rate",
           f"{made:,.0f} / {np.median(loop):,.0f} images a second = {made / np.median(loop):.1f}x",
           "above 1x", made > np.median(loop))  # fmt: skip


def time_to_the_papers_accuracy(data: dataset.Dataset) -> None:
    config = load_recipe("lens_fast")
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        run(config, data, Path(folder) / "run")
        seconds = time.perf_counter() - began
        result = json.loads((Path(folder) / "run" / "result.json").read_text())
    accuracy = result["validation_accuracy"]
    report(f"recipe `lens_fast` from nothing to {PAPER:.2%} on validation",
           f"{accuracy:.2%} after {seconds:.0f} s", "5 minutes on two cores",
           accuracy >= PAPER and seconds <= 300)  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--save", action="store_true", help="keep the lines for RESULTS.md")
    args = parser.parse_args()
    found = dataset.load()
    throughput(found)
    time_to_the_papers_accuracy(found)
    if args.save:
        import keras

        machine = (
            f"{cores()} processors ({platform.machine()}), Keras {keras.__version__} on "
            f"{keras.backend.backend()}"
        )
        save("benchmarks_training.json", machine)
