"""How fast a model answers on this machine, by the engine that the app has."""

from __future__ import annotations

import json
import statistics
import time

import numpy as np

from cifake_core import artifacts
from cifake_core.catalogue import is_of
from cifake_core.errors import ConfigError
from cifake_core.predict import CHUNK, Engine, cores
from train.export import evidence_dir, write_json

SPEED = ("ms_per_image", "images_per_s", "processors")


def time_again(name: str) -> None:
    """Write the speed on this machine, at this moment, into a model's evidence.

    Raises:
        ConfigError: there is none of this card.
    """
    card, path = artifacts.read_card(name), evidence_dir() / f"{name}.json"
    evidence = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not is_of(card, evidence):
        raise ConfigError(f"{name} was not measured yet: run this without --cost.")
    evidence["cost"] |= speed(artifacts.load_engine(card), artifacts.golden_images(card.image_size))
    write_json(path, evidence)


def speed(engine: Engine, images: np.ndarray) -> dict:
    """Medians: one image at a time, and in batches of 64."""
    few = np.resize(images[:CHUNK], (CHUNK, *images.shape[1:]))
    for batch in (few[:1], few):
        engine.logits(batch)  # the first call makes its plans
    one = statistics.median(_seconds(engine, few[:1]) for _ in range(200))
    many = statistics.median(_seconds(engine, few) for _ in range(20))
    return dict(zip(SPEED, (one * 1000, CHUNK / many, cores()), strict=True))


def _seconds(engine: Engine, batch: np.ndarray) -> float:
    start = time.perf_counter()
    engine.logits(batch)
    return time.perf_counter() - start
