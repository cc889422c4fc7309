"""What the validation losses so far say about going on; pure, so that a resumed run agrees.

What is counted are validations, of which there is one every ``validate_every`` epochs.
"""

from __future__ import annotations

from train.config import Config


def rate_after(losses: list[float], config: Config) -> float:
    """The learning rate after these validations: halved whenever ``plateau`` of them in a row
    brought no better loss.

    That is keras.callbacks.ReduceLROnPlateau with a factor of 0.5 and ``min_delta=0``: any lower
    loss is a better one, while Keras by default asks that it be lower by more than 1e-4.
    """
    rate, best, waited = config.learning_rate, float("inf"), 0
    for loss in losses:
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if config.plateau and waited >= config.plateau:
            rate, waited = rate / 2, 0
    return rate


def enough(losses: list[float], config: Config) -> bool:
    """True when the last ``early_stopping`` validations brought no better loss."""
    if not config.early_stopping or not losses:
        return False
    return len(losses) - 1 - losses.index(min(losses)) >= config.early_stopping


def is_best(losses: list[float]) -> bool:
    """True when the last loss is lower than all before it."""
    return len(losses) == 1 or losses[-1] < min(losses[:-1])
