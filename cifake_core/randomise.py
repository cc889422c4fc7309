"""A model that forgets, from the answer down (Adebayo et al. 2018, arXiv:1810.03292).

A heatmap of it that looks like the trained model's was never about what was learned.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

_JOINED = re.compile(r"^net\d+_")


def learned(model: keras.Model) -> list[list[str]]:
    """Names of the layers whose weights were trained, from the logit down to the image.

    A layer without a kernel (batch normalisation) goes with the one that feeds it: apart, neither
    would be what a reader calls a layer. So do the layers of one name in nets that were joined
    (``net2_stem1`` with ``stem1``). One that is used twice counts once.
    """
    groups: list[list[str]] = []
    found: dict[str, list[str]] = {}
    for layer in model.layers:  # from the image up
        if not layer.weights or _is_fixed(layer):
            continue
        plain = _JOINED.sub("", layer.name)
        if any(w.name == "kernel" for w in layer.weights):
            group = found.get(plain)
        else:
            group = next((found[name] for name in _below(layer) if name in found), None)
        if group is None:
            groups.append(group := [])
        group.append(layer.name)
        found[layer.name] = found[plain] = group
    first_net_first = [sorted(g, key=lambda name: bool(_JOINED.match(name))) for g in groups]
    return first_net_first[::-1]


def _is_fixed(layer) -> bool:
    """Filters that nobody ever trained, as ``lens`` may have."""
    from cifake_core.models.lens import Fixed

    return isinstance(getattr(layer, "depthwise_initializer", None), Fixed)


def _below(layer) -> Iterator[str]:
    """Names of the layers that feed a layer, the nearest first, each by its first input."""
    while nodes := layer._inbound_nodes:
        if not nodes[0].input_tensors:
            return
        layer = nodes[0].input_tensors[0]._keras_history.operation
        yield layer.name


def randomised(model: keras.Model, depth: int, seed: int = 0) -> keras.Model:
    """A copy whose top ``depth`` groups of :func:`learned` have fresh weights.

    Each weight is drawn by its layer's own initialiser. That includes batch normalisation's scale,
    shift, mean and variance: they were learned, or measured behind weights that are gone. The same
    seed gives a layer the same weights at every depth, so that each depth adds to the one before.

    Raises:
        ValueError: the model has not so many groups.
    """
    import keras

    groups = learned(model)
    if not 0 <= depth <= len(groups):
        raise ValueError(f"{depth} layers cannot be randomised, there are {len(groups)}")
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for name in (name for group in groups[:depth] for name in group):
        layer = copy.get_layer(name)
        for weight in layer.weights:
            weight.assign(_fresh(layer, weight, seed))
    return copy


def _fresh(layer, weight, seed: int):
    initialiser = getattr(layer, f"{weight.name}_initializer", None) or layer.depthwise_initializer
    settings = initialiser.get_config()
    if "seed" in settings:
        own = zlib.crc32(f"{layer.name}/{weight.name}".encode())  # hash() differs in each process
        settings["seed"] = int(np.random.SeedSequence([seed, own]).generate_state(1)[0] >> 1)
    return initialiser.__class__.from_config(settings)(weight.shape, weight.dtype)
