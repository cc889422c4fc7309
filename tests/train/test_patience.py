from __future__ import annotations

import pytest

from train.config import Config
from train.patience import enough, is_best, rate_after


def config(**values) -> Config:
    return Config("paper_cnn", 30, schedule="constant", learning_rate=0.8, **values)


@pytest.mark.parametrize(
    ("losses", "rate"),
    [
        ([], 0.8),
        ([1.0], 0.8),
        ([1.0, 1.1], 0.8),
        ([1.0, 1.1, 1.2], 0.4),  # two epochs no better than 1.0
        ([1.0, 1.1, 1.2, 1.3], 0.4),  # counting starts again
        ([1.0, 1.1, 1.2, 1.3, 1.0], 0.2),  # as good is not better
        ([1.0, 1.1, 0.9, 1.0, 0.8], 0.8),
    ],
)
def test_plateau_halves_the_rate(losses, rate):
    assert rate_after(losses, config(plateau=2)) == pytest.approx(rate)
    assert rate_after(losses, config()) == 0.8


@pytest.mark.parametrize(
    ("losses", "over"),
    [
        ([], False),
        ([1.0, 1.1], False),
        ([1.0, 1.1, 1.2], True),
        ([1.0, 1.1, 0.9, 1.0], False),
        ([1.0, 0.9, 0.9, 0.9], True),
    ],
)
def test_early_stopping_counts_from_the_best_epoch(losses, over):
    assert enough(losses, config(early_stopping=2)) is over
    assert not enough(losses, config())


def test_the_best_is_lower_than_all_before():
    assert is_best([2.0])
    assert is_best([2.0, 1.0])
    assert not is_best([2.0, 1.0, 1.0])
    assert not is_best([1.0, 2.0])
