"""Model builders, one file each, found by name without importing Keras before one is built."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

# name -> "module:function"; a card names its builder by the key.
BUILDERS = {
    "lens": "cifake_core.models.lens:build_lens",
}


def build(name: str, **arguments) -> keras.Model:
    """Build a registered architecture with fresh weights.

    Raises:
        KeyError: no builder of that name. TypeError: an argument it does not take.
    """
    module, function = BUILDERS[name].split(":")
    return getattr(import_module(module), function)(**arguments)
