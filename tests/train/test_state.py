"""Of a run that stops early the best weights ship, or none do."""

from __future__ import annotations

import shutil

import keras
import numpy as np
import pytest

from cifake_core.errors import ConfigError
from train import checkpoint
from train.state import restore_best, state_of

LOG = [
    {"step": 2, "loss": 9.0},
    {"step": 4, "validation_loss": 0.5},
    {"step": 8, "validation_loss": 0.3},
    {"step": 12, "validation_loss": 0.3},
    {"step": 16, "validation_loss": 0.4},
]


def net(value: float) -> keras.Model:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(), "mse")
    model.optimizer.build(model.trainable_variables)
    model.set_weights([np.full((1, 1), value, np.float32)])
    return model


@pytest.fixture
def best(tmp_path):
    (folder := tmp_path / "best").mkdir()
    for step, value in ((4, 4.0), (8, 8.0)):
        checkpoint.save(folder, step, state_of(net(value)))
    return folder


def test_the_best_weights_come_back(best, tmp_path):
    restore_best(tmp_path, model := net(16), LOG)
    assert model.get_weights()[0] == 8


@pytest.mark.parametrize("how", ["no folder", "no files", "newest damaged", "of another step"])
def test_without_the_best_weights_nothing_ships(best, tmp_path, how):
    if how == "no folder":
        shutil.rmtree(best)
    elif how == "no files":
        for path in best.iterdir():
            path.unlink()
    elif how == "newest damaged":
        (best / checkpoint.SLOTS[1]).write_bytes(b"")
    else:
        checkpoint.save(best, 12, state_of(net(12)))
    with pytest.raises(ConfigError, match="does not hold the weights of step 8"):
        restore_best(tmp_path, net(16), LOG)


def test_a_run_that_was_never_validated_has_no_best_weights(best, tmp_path):
    with pytest.raises(ConfigError, match="step 0"):
        restore_best(tmp_path, net(16), LOG[:1])
