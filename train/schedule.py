"""The one-cycle learning-rate schedule (Smith & Topin 2017, arXiv:1708.07120), cosine-shaped."""

from __future__ import annotations

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable("cifake_lens")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly to ``peak`` over ``warmup * steps`` steps, then falls to 0 as a cosine."""

    def __init__(self, peak: float, steps: int, warmup: float = 0.2) -> None:
        self.peak, self.steps, self.warmup = peak, steps, warmup

    def __call__(self, step):
        share = ops.cast(step, "float32") / self.steps
        rise = share / max(self.warmup, 1e-9)
        fall = ops.clip((share - self.warmup) / max(1 - self.warmup, 1e-9), 0.0, 1.0)
        factor = ops.where(share < self.warmup, rise, 0.5 * (1 + ops.cos(math.pi * fall)))
        return self.peak * factor

    def get_config(self) -> dict:
        return {"peak": self.peak, "steps": self.steps, "warmup": self.warmup}
