"""Model builders, one file each, found by name without importing Keras before one is built.

Every model takes (B, 32, 32, 3) uint8 and gives (B, 1) float32: one raw logit, from a dense unit
named ``logit``, that grows with *real*.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

# name -> "module:function"; a card names its builder by the key.
BUILDERS = {
    "lens": "cifake_core.models.lens:build_lens",
    "lens_large": "cifake_core.models.lens_large:build_lens_large",
    "paper_cnn": "cifake_core.models.paper_cnn:build_paper_cnn",
    "aireal_cnn": "cifake_core.models.aireal_cnn:build_aireal_cnn",
    "mobilenet_v2": "cifake_core.models.mobilenet_v2:build_mobilenet_v2",
    "resnet50": "cifake_core.models.resnet50:build_resnet50",
}
# Those whose loss in training holds a penalty on large weights (L2).
PENALISED = ("aireal_cnn",)
# Layers of keras.applications keep their names, so that published weights fit.
_TARGET_LAYERS = {"mobilenet_v2": "block_12_add", "resnet50": "conv2_block3_out"}


def build(name: str, **arguments) -> keras.Model:
    """Build a registered architecture with fresh weights.

    Raises:
        KeyError: no builder of that name. TypeError: an argument it does not take.
    """
    module, function = BUILDERS[name].split(":")
    return getattr(import_module(module), function)(**arguments)


def target_layer(name: str) -> str:
    """The layer that Grad-CAM looks at: the last one whose maps have 8x8 positions or more."""
    return _TARGET_LAYERS.get(name, "features")
