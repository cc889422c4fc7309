from __future__ import annotations

import math

import numpy as np
import pytest


@pytest.fixture(scope="module")
def one_cycle():
    from train.schedule import OneCycle  # imports Keras

    return OneCycle


def values(schedule, steps) -> np.ndarray:
    from keras import ops

    return np.array([float(ops.convert_to_numpy(schedule(step))) for step in steps])


def test_rises_as_a_line_and_falls_as_a_cosine(one_cycle):
    made = values(one_cycle([(0.4, 100)], warmup=0.2), range(101))
    for step in range(21):
        assert made[step] == pytest.approx(0.4 * step / 20, abs=1e-6)
    for step in range(20, 101):
        expected = 0.4 * (1 + math.cos(math.pi * (step - 20) / 80)) / 2
        assert made[step] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("warmup", "first", "last"), [(0.0, 1.0, 0.0), (1.0, 0.0, 1.0)])
def test_no_warmup_and_nothing_else(one_cycle, warmup, first, last):
    made = values(one_cycle([(1.0, 10)], warmup=warmup), (0, 5, 10))
    assert made == pytest.approx([first, 0.5, last], abs=1e-6)


def test_stays_at_nought_after_the_end(one_cycle):
    assert values(one_cycle([(1.0, 10)]), (10, 11, 50)) == pytest.approx([0, 0, 0], abs=1e-6)


def test_a_second_cycle_follows_the_first(one_cycle):
    both = values(one_cycle([(0.4, 20), (0.1, 10)], warmup=0.2), range(31))
    assert both[:20] == pytest.approx(values(one_cycle([(0.4, 20)], warmup=0.2), range(20)))
    assert both[20:] == pytest.approx(values(one_cycle([(0.1, 10)], warmup=0.2), range(11)))


def test_comes_back_from_its_configuration(one_cycle):
    import keras

    schedules = keras.optimizers.schedules
    made = one_cycle([(0.3, 40), (0.1, 20)], warmup=0.1)
    again = schedules.deserialize(schedules.serialize(made))
    assert np.array_equal(values(again, range(61)), values(made, range(61)))
