"""What a step changes: read it, bring it back, see whether it still is numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cifake_core.errors import ConfigError
from train import checkpoint


def state_of(model) -> list[np.ndarray]:
    """Everything a step changes: model variables (seeds too), then optimizer variables."""
    import keras

    variables = [*model.variables, *model.optimizer.variables]
    return [keras.ops.convert_to_numpy(v.value) for v in variables]


def restore(folder: Path, model) -> int:
    """Load the newest checkpoint of a run into ``model``; returns the steps done (0 for none)."""
    found = checkpoint.load(folder)
    if not found:
        return 0
    step, arrays = found
    variables = [*model.variables, *model.optimizer.variables]
    shapes = [tuple(v.shape) for v in variables]
    if shapes != [a.shape for a in arrays]:
        raise ConfigError(f"The checkpoint in {folder} is of another model; choose another --run.")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return step


def restore_best(folder: Path, model, entries: list[dict[str, Any]]) -> None:
    """Load the weights of the lowest validation loss in a run's log, its first if it came twice.

    Raises:
        ConfigError: ``best/`` does not hold them. The last weights must not ship in their place.
    """
    validated = [e for e in entries if "validation_loss" in e]
    best = min(validated, key=lambda e: e["validation_loss"])["step"] if validated else 0
    step = restore(folder / "best", model)
    if not step or step != best:
        raise ConfigError(
            f"{folder / 'best'} does not hold the weights of step {best}, where the validation "
            "loss was lowest. Copy it again, or begin anew with another --run."
        )


def finite(model) -> bool:
    """Whether all that is trained is a number, which no later step could mend."""
    import keras

    convert = keras.ops.convert_to_numpy
    return all(np.isfinite(convert(v.value)).all() for v in model.trainable_variables)
