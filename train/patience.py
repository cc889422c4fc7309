"""What the validation losses so far say about going on; pure, so that a resumed run agrees."""

from __future__ import annotations

from train.config import Config


def rate_after(losses: list[float], config: Config) -> float:
    """The learning rate after these epochs: halved whenever ``plateau`` epochs brought no better
    loss, as keras.callbacks.ReduceLROnPlateau does it with a factor of 0.5.
    """
    rate, best, waited = config.learning_rate, float("inf"), 0
    for loss in losses:
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if config.plateau and waited >= config.plateau:
            rate, waited = rate / 2, 0
    return rate


def enough(losses: list[float], config: Config) -> bool:
    """True when ``early_stopping`` epochs brought no better loss."""
    if not config.early_stopping or not losses:
        return False
    return len(losses) - 1 - losses.index(min(losses)) >= config.early_stopping


def is_best(losses: list[float]) -> bool:
    """True when the last loss is lower than all before it."""
    return len(losses) == 1 or losses[-1] < min(losses[:-1])
