"""Learning-rate schedules of Keras operations."""

from __future__ import annotations

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable("cifake_lens")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Cycles one after another, each rising linearly to its peak and falling to 0 as a cosine.

    One cycle is that of Smith & Topin 2017, arXiv:1708.07120.

    Args:
        cycles: (peak, steps) of each.
        warmup: share of a cycle's steps spent rising.
    """

    def __init__(self, cycles: list[tuple[float, int]], warmup: float = 0.2) -> None:
        self.cycles, self.warmup = [tuple(c) for c in cycles], warmup

    def __call__(self, step):
        step, rate, start = ops.cast(step, "float32"), 0.0, 0
        for peak, steps in self.cycles:
            share = (step - start) / steps
            rise = share / max(self.warmup, 1e-9)
            fall = ops.clip((share - self.warmup) / max(1 - self.warmup, 1e-9), 0.0, 1.0)
            height = ops.where(share < self.warmup, rise, 0.5 * (1 + ops.cos(math.pi * fall)))
            rate = ops.where(share >= 0, peak * height, rate)
            start += steps
        return rate

    def get_config(self) -> dict:
        return {"cycles": self.cycles, "warmup": self.warmup}
