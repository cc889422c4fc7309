"""The figures against sums done by hand or the slow way."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from cifake_core import metrics


def scores_with_ties(seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    positive = rng.random(count) < 0.4
    return np.round(rng.random(count) * 0.7 + 0.3 * positive, 1), positive


@pytest.mark.parametrize("seed", range(5))
def test_auroc_is_the_share_of_pairs_in_order(seed):
    scores, positive = scores_with_ties(seed)
    pairs = [
        1.0 if p > n else 0.5 if p == n else 0.0
        for p in scores[positive]
        for n in scores[~positive]
    ]
    assert metrics.auroc(scores, positive) == pytest.approx(np.mean(pairs))


def test_auroc_of_perfect_reversed_equal_and_one_sided_scores():
    positive = np.array([False, False, True, True])
    scores = np.array([0.1, 0.2, 0.3, 0.4])
    assert metrics.auroc(scores, positive) == 1
    assert metrics.auroc(-scores, positive) == 0
    assert metrics.auroc(np.ones(4), positive) == 0.5
    assert math.isnan(metrics.auroc(scores, np.ones(4, bool)))
    assert math.isnan(metrics.auroc(scores, np.zeros(4, bool)))


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_threshold_by_threshold(seed):
    scores, positive = scores_with_ties(seed)
    expected, recall_before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        chosen = scores >= threshold
        recall = (chosen & positive).sum() / positive.sum()
        expected += (recall - recall_before) * (chosen & positive).sum() / chosen.sum()
        recall_before = recall
    assert metrics.average_precision(scores, positive) == pytest.approx(expected)


def test_average_precision_by_hand():
    # In falling order: hit, miss, hit; precision 1 at recall 1/2 and 2/3 at recall 1.
    scores, positive = np.array([0.2, 0.9, 0.5]), np.array([True, True, False])
    assert metrics.average_precision(scores, positive) == pytest.approx((1 + 2 / 3) / 2)
    assert metrics.average_precision(scores, np.zeros(3, bool)) == 0
    assert metrics.average_precision(np.ones(4), np.array([1, 0, 0, 0], bool)) == 0.25


@pytest.mark.parametrize(("hits", "count"), [(0, 1), (1, 1), (0, 50), (50, 50), (7, 9), (98, 100)])
def test_wilson_bounds_solve_their_equation(hits, count):
    low, high = metrics.wilson_interval(hits, count)
    share = hits / count
    assert 0 <= low < high <= 1
    assert low - 1e-12 <= share <= high + 1e-12
    for bound in (low, high):
        if 1e-9 < bound < 1 - 1e-9:
            z = abs(share - bound) / math.sqrt(bound * (1 - bound) / count)
            assert z == pytest.approx(1.959964, rel=1e-6)


def test_wilson_published_value_and_edges():
    # Newcombe 1998, table I: 81 of 263.
    assert metrics.wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert metrics.wilson_interval(0, 0) == (0, 1)
    for count in range(1, 400):
        assert metrics.wilson_interval(0, count)[0] >= 0
        assert metrics.wilson_interval(count, count)[1] <= 1


P_FAKE = np.array([0.9, 0.5, 0.2, 0.7, 0.1, 0.4])
IS_FAKE = np.array([True, True, True, False, False, False])


def test_confusion_counts_a_half_as_fake():
    assert metrics.confusion(P_FAKE, IS_FAKE) == {
        "fake_as_fake": 2,
        "fake_as_real": 1,
        "real_as_fake": 1,
        "real_as_real": 2,
    }
    assert metrics.confusion(P_FAKE, IS_FAKE, threshold=0.8)["fake_as_fake"] == 1
    assert metrics.confusion(P_FAKE, IS_FAKE, threshold=0.8)["real_as_fake"] == 0


def test_precision_recall_f1():
    made = metrics.precision_recall_f1(hits=6, false_alarms=2, misses=4)
    assert made == pytest.approx({"precision": 0.75, "recall": 0.6, "f1": 2 / 3})
    nothing = {"precision": 0, "recall": 0, "f1": 0}
    assert metrics.precision_recall_f1(0, 0, 0) == nothing
    assert metrics.precision_recall_f1(0, 3, 2) == nothing


@pytest.mark.parametrize("bins", [1, 4, 15])
def test_calibration_error_bin_by_bin(bins):
    rng = np.random.default_rng(bins)
    p_fake = np.concatenate([rng.random(300), [0.0, 0.5, 1.0]])
    is_fake = rng.random(303) < p_fake**2
    confidence = np.where(p_fake >= 0.5, p_fake, 1 - p_fake)
    correct = (p_fake >= 0.5) == is_fake
    expected = 0.0
    for i in range(bins):
        low, high = i / bins, (i + 1) / bins
        inside = (confidence >= low) & ((confidence < high) | (i == bins - 1))
        if inside.any():
            gap = abs(correct[inside].mean() - confidence[inside].mean())
            expected += inside.mean() * gap
    assert metrics.expected_calibration_error(p_fake, is_fake, bins) == pytest.approx(expected)


def test_calibration_error_of_the_sure():
    sure = np.array([1.0, 1.0, 0.0, 0.0])
    right = np.array([True, True, False, False])
    assert metrics.expected_calibration_error(sure, right) == 0
    assert metrics.expected_calibration_error(sure, ~right) == 1
    # A confidence of 1 shares the last bin with 0.99: one right of two at 0.995. With bins of half
    # that width, which share [0.5, 1] alone, 0.95 would not be in it.
    wide = metrics.expected_calibration_error(np.array([1, 0.95]), np.array([True, False]))
    assert wide == pytest.approx(0.475)
    mixed = metrics.expected_calibration_error(np.array([1, 0.99]), np.array([False, True]))
    assert mixed == pytest.approx(0.495)


@pytest.mark.parametrize("bins", [1, 4, 15])
def test_calibration_error_of_p_fake_bin_by_bin(bins):
    rng = np.random.default_rng(bins)
    p_fake = np.concatenate([rng.random(300), [0.0, 0.5, 1.0]])
    is_fake = rng.random(303) < p_fake**2
    expected = 0.0
    for i in range(bins):
        inside = (p_fake >= i / bins) & ((p_fake < (i + 1) / bins) | (i == bins - 1))
        if inside.any():
            expected += inside.mean() * abs(is_fake[inside].mean() - p_fake[inside].mean())
    assert metrics.calibration_error_of_p_fake(p_fake, is_fake, bins) == pytest.approx(expected)


def test_a_lean_that_confidence_hides():
    """Half of the images with 0.6 and with 0.4 each: too high by 0.2, and by 0.2."""
    p_fake = np.repeat([0.6, 0.4], 5)
    is_fake = np.array([1, 1, 0, 0, 0, 1, 0, 0, 0, 0], bool)  # 0.4 and 0.2 truly are
    assert metrics.expected_calibration_error(p_fake, is_fake) == pytest.approx(0)
    assert metrics.calibration_error_of_p_fake(p_fake, is_fake) == pytest.approx(0.2)
    made = metrics.summary(p_fake, is_fake)
    assert (made["ece"], made["ece_p_fake"]) == (pytest.approx(0), pytest.approx(0.2))


def test_brier_by_hand():
    assert metrics.brier(np.array([0.8, 0.3]), np.array([True, False])) == pytest.approx(0.065)
    assert metrics.brier(np.array([1.0, 0.0]), np.array([True, False])) == 0


def test_log_likelihood_by_hand_and_for_huge_logits():
    logits, is_real = np.array([2.0, -1.0, 0.5]), np.array([True, False, False])
    p_real = 1 / (1 + np.exp(-logits))
    expected = -np.log(np.where(is_real, p_real, 1 - p_real)).mean()
    assert metrics.negative_log_likelihood(logits, is_real) == pytest.approx(expected)
    wrong = metrics.negative_log_likelihood(np.array([-1e4]), np.array([True]))
    assert wrong == pytest.approx(1e4)
    assert metrics.negative_log_likelihood(np.array([1e4]), np.array([True])) == 0


def test_abstention_curve_by_hand():
    # Confidence 0.9 (right), 0.8 (wrong), 0.7 (right), 0.6 (right), from the surest on.
    p_fake, is_fake = np.array([0.6, 0.1, 0.8, 0.3]), np.array([True, False, False, False])
    curve = metrics.abstention_curve(p_fake, is_fake)
    assert [p["answered_share"] for p in curve] == [1, 0.75, 0.5, 0.25]
    assert [p["accuracy"] for p in curve] == pytest.approx([3 / 4, 2 / 3, 1 / 2, 1])
    assert [p["min_confidence"] for p in curve] == pytest.approx([0.6, 0.7, 0.8, 0.9])


def test_abstention_curve_keeps_the_equally_sure_together():
    p_fake = np.array([0.75, 0.25, 0.75, 0.5, 0.5])
    is_fake = np.array([True, True, True, False, True])
    curve = metrics.abstention_curve(p_fake, is_fake)
    assert [(p["answered_share"], p["min_confidence"]) for p in curve] == [(1, 0.5), (0.6, 0.75)]
    assert [p["accuracy"] for p in curve] == pytest.approx([3 / 5, 2 / 3])


def test_abstention_curve_takes_as_many_points_as_asked():
    rng = np.random.default_rng(1)
    p_fake = rng.random(1000)
    is_fake = rng.random(1000) < p_fake
    curve = metrics.abstention_curve(p_fake, is_fake, points=40)
    assert [p["answered_share"] for p in curve] == pytest.approx(np.arange(40, 0, -1) / 40)
    for point in curve:
        answered = np.maximum(p_fake, 1 - p_fake) >= point["min_confidence"]
        assert answered.mean() == point["answered_share"]
        right = (p_fake >= 0.5) == is_fake
        assert right[answered].mean() == pytest.approx(point["accuracy"])
    assert curve[-1]["accuracy"] > curve[0]["accuracy"]
    json.dumps(curve, allow_nan=False)


def test_abstention_curve_rounds_up_where_points_do_not_divide_the_images():
    """A quarter of ten is two and a half: three are answered."""
    curve = metrics.abstention_curve(np.arange(50, 60) / 100, np.ones(10, bool), points=4)
    assert [p["answered_share"] for p in curve] == [1, 0.8, 0.5, 0.3]


def test_summary_holds_each_figure():
    made = metrics.summary(P_FAKE, IS_FAKE)
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert made["n"] == 6
    assert made["accuracy"] == pytest.approx(4 / 6)
    assert made["accuracy_interval_95"] == list(metrics.wilson_interval(4, 6))
    assert made["auroc"] == pytest.approx(6 / 9)
    assert made["average_precision"] == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)
    squares = 0.1**2 + 0.5**2 + 0.8**2 + 0.7**2 + 0.1**2 + 0.4**2
    assert made["brier"] == pytest.approx(squares / 6)
    assert made["fake"] == pytest.approx({"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3})
    everything_fake = metrics.summary(np.ones(4), np.array([True, False, False, False]))
    assert everything_fake["fake"] == pytest.approx({"precision": 0.25, "recall": 1, "f1": 0.4})
    assert everything_fake["real"] == {"precision": 0, "recall": 0, "f1": 0}
    # One of four, and of the other class it would be three.
    assert (everything_fake["average_precision"], everything_fake["brier"]) == (0.25, 0.75)


def test_summary_of_one_label_alone_is_still_json():
    made = metrics.summary(np.array([0.9, 0.2]), np.array([True, True]))
    assert made["auroc"] is None
    json.dumps(made, allow_nan=False)


def test_range_of_a_promise_by_hand():
    """One calibration image, error 1/2: the threshold lies anywhere, all counts are as likely."""
    assert metrics.promised_range(1, 0.5, 9, share=0.8) == (0.0, 8 / 9)
    # 3 images, error 1/4: of one test image a mistake in 1 of 4 cases.
    assert metrics.promised_range(3, 0.25, 1, share=0.4) == (0.0, 0.0)
    assert metrics.promised_range(3, 0.25, 1, share=0.6) == (0.0, 1.0)


@pytest.mark.parametrize(("calibrated", "error", "tested"), [(5000, 0.005, 10_000), (40, 0.1, 50)])
def test_range_of_a_promise_as_it_is_drawn(calibrated, error, tested):
    """Uniform scores: the threshold is the k-th of them, and new ones exceed it."""
    rng = np.random.default_rng(1)
    k = math.ceil((calibrated + 1) * (1 - error) - 1e-9)
    chance = 1 - rng.beta(k, calibrated + 1 - k, 200_000)
    mistakes = rng.binomial(tested, chance) / tested
    low, high = metrics.promised_range(calibrated, error, tested)
    assert (mistakes < low).mean() <= 0.026
    assert (mistakes > high).mean() <= 0.026
    assert (mistakes <= low).mean() >= 0.024
    assert (mistakes >= high).mean() >= 0.024
    narrower = metrics.wilson_interval(round(error * tested), tested)
    assert high - low > narrower[1] - narrower[0]


def test_precision_and_recall_of_real_by_hand():
    """Three photographs, of which one is called real and two are called fake; one fake found."""
    found = metrics.summary(np.array([0.9, 0.9, 0.9, 0.1]), np.array([True, False, False, False]))
    assert found["real"]["precision"] == 1
    assert found["real"]["recall"] == pytest.approx(1 / 3)
    assert found["fake"]["precision"] == pytest.approx(1 / 3)
    assert found["fake"]["recall"] == 1
