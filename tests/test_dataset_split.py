"""The validation cut and the duplicates, on made-up rows and on the real data set."""

from __future__ import annotations

import numpy as np
import pytest

from cifake_core import dataset
from cifake_core.dataset import SPLITS, Split, validation_indices
from cifake_core.labels import FAKE, REAL


def rows_with_copies(each: int = 200, pairs: int = 300, seed: int = 0) -> Split:
    """20 strata of ``each`` rows; ``pairs`` random pairs of rows, across strata too, are equal."""
    labels = np.repeat([0, 1], 10 * each).astype(np.uint8)
    classes = np.tile(np.repeat(np.arange(10), each), 2).astype(np.uint8)
    rng = np.random.default_rng(seed)
    digests = np.array([f"{i:040d}" for i in range(20 * each)], dtype="S40")
    chosen = rng.permutation(len(digests))[: 2 * pairs].reshape(2, pairs)
    digests[chosen[0]] = digests[chosen[1]]
    nothing = np.zeros(len(digests))
    return Split(nothing, labels, classes, nothing, digests, nothing)


def strata(split: Split, rows: np.ndarray) -> np.ndarray:
    return np.bincount(split.labels[rows] * 10 + split.classes[rows], minlength=20)


def assert_copies_stay_together(split: Split, held_out: np.ndarray) -> None:
    rest = np.setdiff1d(np.arange(len(split)), held_out)
    assert not np.isin(split.digests[held_out], split.digests[rest]).any()


@pytest.mark.parametrize("size", [20, 400, 2000])
def test_cut_is_stratified_disjoint_and_keeps_copies_together(size):
    split = rows_with_copies()
    held_out = validation_indices(split, size)
    assert held_out.dtype == np.int64
    assert np.all(np.diff(held_out) > 0), "sorted, and no row twice"
    assert held_out.min() >= 0
    assert held_out.max() < len(split)
    assert strata(split, held_out).tolist() == [size // 20] * 20
    assert_copies_stay_together(split, held_out)


def test_cut_depends_on_the_rows_and_the_seed_alone():
    held_out = validation_indices(rows_with_copies())
    assert np.array_equal(held_out, validation_indices(rows_with_copies()))
    other = validation_indices(rows_with_copies(), seed=1)
    assert not np.array_equal(held_out, other)
    assert len(np.intersect1d(held_out, other)) < len(held_out) / 2


def test_cut_of_a_small_set_is_a_tenth(tiny_cifake):
    split = dataset.load(tiny_cifake).train
    held_out = validation_indices(split)
    assert len(held_out) == len(split) // 10
    assert_copies_stay_together(split, held_out)
    assert len(validation_indices(split, size=0)) == 0


def test_group_larger_than_the_room_stays_in_training():
    split = rows_with_copies(each=20, pairs=0)
    split.digests[:15] = split.digests[0]
    held_out = validation_indices(split, size=40)
    assert held_out.min() >= 15
    assert strata(split, held_out).tolist() == [2] * 20


def test_leaked_rows_are_those_also_in_training(tiny_cifake):
    data = dataset.load(tiny_cifake)
    leaked = dataset.leaked_rows(data)
    assert leaked.dtype == bool
    assert data.test.names[leaked].tolist() == ["test/FAKE/0002 (7).jpg"]


def pairs_inside(split: Split, label: int) -> int:
    return int((split.labels == label).sum()) - len(np.unique(split.digests[split.labels == label]))


def test_real_set_has_its_published_size(real_cifake):
    for name in SPLITS:
        split, each = getattr(real_cifake, name), dataset.EXPECTED_COUNTS[name]
        assert split.images.shape == (2 * each, 32, 32, 3)
        assert split.images.dtype == np.uint8
        assert np.bincount(split.labels).tolist() == [each, each]
        assert strata(split, np.arange(len(split))).tolist() == [each // 10] * 20
    assert (len(real_cifake.train), len(real_cifake.test)) == (100_000, 20_000)


def test_real_set_has_its_known_duplicates(real_cifake):
    train, test = real_cifake.train, real_cifake.test
    leaked = dataset.leaked_rows(real_cifake)
    assert leaked.sum() == 378
    assert set(test.labels[leaked]) == {FAKE}
    assert (pairs_inside(train, FAKE), pairs_inside(test, FAKE)) == (920, 38)
    assert (pairs_inside(train, REAL), pairs_inside(test, REAL)) == (0, 0)


@pytest.mark.parametrize(("label", "in_train", "in_test"), [(REAL, 921, 921), (FAKE, 925, 924)])
def test_real_files_have_their_known_mean_sizes(real_cifake, label, in_train, in_test):
    for split, mean in ((real_cifake.train, in_train), (real_cifake.test, in_test)):
        assert round(split.file_sizes[split.labels == label].mean()) == mean


def test_real_cut_has_500_of_each_kind(real_cifake):
    held_out = validation_indices(real_cifake.train)
    assert len(held_out) == 10_000
    assert strata(real_cifake.train, held_out).tolist() == [500] * 20
    assert_copies_stay_together(real_cifake.train, held_out)
