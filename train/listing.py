"""The recipes at a glance: ``python -m train.train --list``."""

from __future__ import annotations

import os

from cifake_core.models import build
from train.config import RECIPES, load_recipe, read_recipe

ABOUT = ("what", "source", "cost", "expect")


def listing() -> list[str]:
    """A paragraph for each recipe: parameters, epochs, and what its ``about`` table says."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    lines = []
    for path in sorted(RECIPES.glob("*.toml")):
        config, about = load_recipe(path.stem), read_recipe(path.stem).get("about", {})
        parameters = build(config.model, **config.model_args).count_params()
        epochs = " + ".join(str(phase.epochs) for phase in config.phases())
        at_most = "at most " if config.early_stopping else ""
        lines.append(f"{path.stem}: {about.get('what', config.model)}")
        lines.append(f"  parameters  {parameters:,}")
        lines.append(f"  epochs      {at_most}{epochs}, batches of {config.batch_size}")
        lines += [f"  {key:10}  {about[key]}" for key in ABOUT[1:] if key in about]
        lines.append("")
    return lines[:-1]
