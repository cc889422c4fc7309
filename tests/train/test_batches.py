from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from cifake_core.errors import ConfigError
from train import batches as batches_module
from train.batches import Batches
from train.config import Config

PLAIN = {"flip": False, "shift": 0, "batch_size": 8}


def batches(rows=None, **settings) -> Batches:
    """70 images; pixel [0, 0, 0] is the row, so that a plain batch says where it is from."""
    images = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(70)
    labels = (np.arange(70) % 3 == 0).astype(np.uint8)
    rows = np.arange(0, 70, 2) if rows is None else rows
    return Batches(images, labels, rows, Config("lens", 9, **(PLAIN | settings)))


def seen(made: Batches, steps: range) -> list[int]:
    return np.concatenate([made.batch(s)[0][:, 0, 0, 0] for s in steps]).tolist()


AUGMENTED = {"flip": True, "shift": 2, "jpeg": 0.5, "noise": 0.5, "blur": 0.5}


def assert_equal(a: tuple, b: tuple) -> None:
    assert np.array_equal(a[0], b[0])
    assert np.array_equal(a[1], b[1])


def test_a_batch_depends_on_the_step_alone():
    straight = {step: batches(**AUGMENTED).batch(step) for step in range(12)}
    other_order = batches(**AUGMENTED)
    for step in (11, 3, 4, 0, 11, 7, 3):
        assert_equal(other_order.batch(step), straight[step])


@pytest.mark.parametrize("start", [0, 1, 4, 9, 12])
@pytest.mark.parametrize("ahead", [1, 8])
def test_stream_from_any_step_is_the_rest_of_the_straight_run(start, ahead):
    straight = batches(**AUGMENTED)
    streamed = list(batches(**AUGMENTED).stream(start, 12, ahead=ahead))
    assert [step for step, _ in streamed] == list(range(start, 12))
    for step, batch in streamed:
        assert_equal(batch, straight.batch(step))


def of_threads(made: Batches, start: int, stop: int, workers: int) -> list[tuple]:
    seen = set()
    batch = made.batch

    def noted(step: int) -> tuple:
        seen.add(threading.get_ident())
        if step % 4 == 1:
            time.sleep(0.01)  # so that a later one is ready before it
        return batch(step)

    made.batch = noted
    found = list(made.stream(start, stop, workers=workers))
    assert (len(seen) == 1) is (workers == 1)
    return found


def test_batches_and_their_order_do_not_depend_on_the_number_of_threads():
    one, four = (of_threads(batches(**AUGMENTED), 3, 30, workers) for workers in (1, 4))
    assert [step for step, _ in one] == [step for step, _ in four] == list(range(3, 30))
    for (_, a), (_, b) in zip(one, four, strict=True):
        assert_equal(a, b)


@pytest.mark.parametrize(("workers", "waiting"), [(1, 8), (4, 8), (6, 12)])
def test_twice_as_many_batches_as_threads_are_under_way(workers, waiting):
    made, asked = batches(), []
    made.batch = asked.append
    stream = made.stream(0, 100, workers=workers)
    next(stream)  # one has been taken, and the next is under way in its place
    stream.close()  # waits for them
    assert len(asked) == waiting + 1


@pytest.mark.parametrize(("name", "workers"), [("cpu", 1), ("some GPU", 3)])
def test_several_threads_where_a_gpu_computes(monkeypatch, name, workers):
    monkeypatch.setattr(batches_module, "device", lambda: name)
    monkeypatch.setattr(batches_module.os, "cpu_count", lambda: 3)
    assert batches_module.workers_here() == workers


def test_a_shift_as_large_as_the_images_is_refused():
    with pytest.raises(ConfigError, match="less than 8"):
        batches(shift=8)
    batches(shift=7)


def test_stream_can_be_left_early_and_its_errors_reach_the_caller():
    made = batches()
    for step, _ in made.stream(0, 1000):
        if step == 3:
            break
    made.images = made.images[:10]
    with pytest.raises(IndexError):
        list(made.stream(0, 4))


def test_every_row_comes_at_most_once_in_an_epoch_and_all_when_they_divide():
    made = batches(rows=np.arange(32))
    assert made.steps_per_epoch == 4
    for epoch in range(3):
        assert sorted(seen(made, range(4 * epoch, 4 * epoch + 4))) == list(range(32))
    uneven = seen(batches(), range(4))
    assert len(set(uneven)) == len(uneven) == 32
    assert set(uneven) <= set(range(0, 70, 2))


def test_rows_left_over_in_one_epoch_come_in_others():
    assert set(seen(batches(), range(4 * 6))) == set(range(0, 70, 2))


def test_each_epoch_and_each_seed_has_its_own_order():
    made = batches(rows=np.arange(32))
    first, second = seen(made, range(1)), seen(made, range(4, 5))
    other = seen(batches(rows=np.arange(32), seed=2), range(1))
    assert len({tuple(first), tuple(second), tuple(other)}) == 3


def test_labels_belong_to_their_images():
    x, y = batches().batch(5)
    assert y.dtype == np.float32
    assert y.shape == (8, 1)
    assert np.array_equal(y[:, 0], x[:, 0, 0, 0] % 3 == 0)
    assert x.dtype == np.uint8


def test_fewer_rows_than_a_batch_make_one_batch_of_all():
    made = batches(rows=np.array([5, 3, 60]))
    assert made.steps_per_epoch == 1
    assert seen(made, range(1)) == [3, 5, 60]


def test_a_later_cycle_has_its_own_augmentation():
    settings = {"epochs": 1, "jpeg": 1.0, "noise": 1.0}
    images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 3), np.uint8)
    config = Config("lens", **settings, **PLAIN, then=({"epochs": 2, "jpeg": 0.0, "noise": 0.0},))
    made = Batches(images, np.zeros(32, np.uint8), np.arange(32), config)
    assert made.steps == 3 * 4
    originals = {image.tobytes() for image in images}
    clean = [{x.tobytes() for x in made.batch(step)[0]} <= originals for step in range(12)]
    assert clean == [False] * 4 + [True] * 8


def test_a_cycle_trains_on_crops_and_the_next_on_whole_images():
    rows = np.arange(32)
    images, labels = np.zeros((32, 12, 12, 3), np.uint8), np.zeros(32, np.uint8)
    config = Config("lens", 1, crop=8, batch_size=8, then=({"epochs": 1, "crop": 0},))
    made = Batches(images, labels, rows, config)
    assert [made.batch(step)[0].shape[1:3] for step in (0, 3, 4, 7)] == [(8, 8)] * 2 + [
        (12, 12)
    ] * 2
    with pytest.raises(ConfigError, match="at most 12"):
        Batches(images, labels, rows, Config("lens", 1, then=({"epochs": 1, "crop": 13},)))
