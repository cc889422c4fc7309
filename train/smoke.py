"""Every part of a recipe on 512 images: ``python -m train.train --smoke [--recipe NAME]``.

It trains one short epoch of each cycle, validates, writes the weights and loads them again. What it
reaches means nothing; that it gets there does.
"""

from __future__ import annotations

import atexit
import dataclasses
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from cifake_core import artifacts, dataset
from cifake_core.device import device
from cifake_core.errors import ArtifactError
from train.config import Config

IMAGES = 512
VALIDATED = 32


def smoke(configs: dict[str, Config], data: dataset.Dataset) -> int:
    """Try each configuration; returns the exit code."""
    import keras

    from cifake_core.models import build
    from train.train import run

    compile_less()
    for name, config in configs.items():
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            short, done = shortened(config), Path(folder) / Path(name).stem
            code = run(short, data, done, name, validation_limit=VALIDATED)
            if code:
                return code
            model = build(short.model, **short.model_args | short.export_args)
            artifacts.load_all_weights(model, done / artifacts.WEIGHTS)
            result = json.loads((done / "result.json").read_text())
        # Not by calling it: without compilation that is hundreds of small programs on JAX. As many
        # as were validated, so that JAX finds the program again where it keeps what it compiled.
        logits = model.predict(data.train.images[:VALIDATED], batch_size=VALIDATED, verbose=0)
        if not np.isfinite(logits).all():
            raise ArtifactError(f"{name}: the weights that were written give {logits.ravel()}.")
        print(
            f"{name}: {result['parameters']:,} parameters, trained, written and read again on "
            f"{keras.backend.backend()} in {time.monotonic() - began:.0f} s"
        )
    return 0


def compile_less() -> None:
    """On JAX: nothing twice in this process, and what is compiled without dear passes.

    Half of a smoke run is compilation there. It counts if JAX has not begun to compute.
    """
    import keras

    if keras.backend.backend() != "jax":
        return
    import jax

    os.environ["XLA_FLAGS"] = f"--xla_backend_optimization_level=1 {os.getenv('XLA_FLAGS', '')}"
    if not jax.config.jax_compilation_cache_dir:
        folder = tempfile.TemporaryDirectory()
        atexit.register(folder.cleanup)
        jax.config.update("jax_compilation_cache_dir", folder.name)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def shortened(config: Config) -> Config:
    """The same recipe, one epoch of each cycle; the cycles share the images out."""
    limit = IMAGES // len(config.phases())
    return dataclasses.replace(
        config,
        epochs=1,
        then=tuple(table | {"epochs": 1} for table in config.then),
        limit=limit,
        batch_size=min(config.batch_size, limit // 4),
        # XLA's half-precision convolutions take minutes on a CPU; elsewhere they are what will run.
        dtype="float32" if device() == "cpu" else config.dtype,
        validate_every=1,
        initial_weights="",
        teacher="",
    )
