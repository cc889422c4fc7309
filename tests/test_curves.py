"""Curves from logits, against cases worked out by hand."""

import base64

import numpy as np
import pytest

from cifake_core import curves, metrics


def packed(values) -> str:
    return base64.b64encode(np.packbits(values).tobytes()).decode()


def evidence(logits, is_fake, leaked) -> dict[str, str]:
    data = np.asarray(logits, "<f4").tobytes()
    return {
        "logits": base64.b64encode(data).decode(),
        "is_fake": packed(is_fake),
        "leaked": packed(leaked),
        "turned_away": packed(AWAY),
    }


# Ten rows, so that the bits fill one byte and a part of another.
LOGITS = [1.5, -2, 0, 3, 4, 5, 6, 7, 8, -9.25]
FAKE = [False, True] * 5
LEAKED = [False] * 9 + [True]
AWAY = [False] * 8 + [True] * 2


def test_decode_gives_back_what_was_encoded():
    scores = curves.decode(evidence(LOGITS, FAKE, LEAKED))
    assert scores.logits.tolist() == LOGITS
    assert scores.is_fake.tolist() == FAKE
    assert scores.leaked.tolist() == LEAKED
    assert scores.away.tolist() == AWAY


@pytest.mark.parametrize(
    "wrong",
    [
        {"logits": None},
        {"logits": ""},
        {"logits": "no base64!"},
        {"logits": base64.b64encode(b"12345").decode()},
        {"logits": base64.b64encode(np.full(10, np.nan, "<f4").tobytes()).decode()},
        {"is_fake": packed([True] * 8)},
        {"leaked": packed([True] * 17)},
        {"leaked": 5},
    ],
)
def test_scores_that_do_not_fit_together_are_none(wrong):
    assert curves.decode(evidence(LOGITS, FAKE, LEAKED) | wrong) is None


@pytest.mark.parametrize("key", ["logits", "is_fake", "leaked", "turned_away"])
def test_missing_scores_are_none(key):
    found = evidence(LOGITS, FAKE, LEAKED)
    del found[key]
    assert curves.decode(found) is None


def test_operating_points_by_hand():
    # From the top: fake, fake, real, fake, real. The first two steps go straight up: no corner.
    p_fake = np.array([0.9, 0.8, 0.6, 0.4, 0.1])
    is_fake = np.array([True, True, False, True, False])
    found = curves.operating_points(p_fake, is_fake)
    assert found.threshold.tolist() == [np.inf, 0.8, 0.6, 0.4, 0.1]
    np.testing.assert_allclose(found.recall, [0, 2 / 3, 2 / 3, 1, 1])
    np.testing.assert_allclose(found.false_alarms, [0, 0, 1 / 2, 1 / 2, 1])
    np.testing.assert_allclose(found.precision, [1, 1, 2 / 3, 3 / 4, 3 / 5])


def test_equal_probabilities_are_one_step():
    found = curves.operating_points(np.full(4, 0.5), np.array([True, False, True, True]))
    assert found.recall.tolist() == [0, 1]
    assert found.false_alarms.tolist() == [0, 1]
    assert found.precision.tolist() == [1, 0.75]


def test_one_kind_alone_divides_by_nothing():
    found = curves.operating_points(np.array([0.2, 0.7]), np.array([False, False]))
    assert found.recall.tolist() == [0, 0]
    assert found.false_alarms.tolist() == [0, 1]


def test_thinning_keeps_the_ends_and_the_area():
    rng = np.random.default_rng(5)
    is_fake = np.arange(20_000) % 2 == 0
    p_fake = 1 / (1 + np.exp(-rng.normal(np.where(is_fake, 1.0, -1.0), 1.0)))
    whole = curves.operating_points(p_fake, is_fake, points=20_001)
    thin = curves.operating_points(p_fake, is_fake, points=300)
    assert len(whole.recall) > 3_000
    assert len(thin.recall) == 300
    for found, tolerance in ((whole, 1e-9), (thin, 1e-3)):
        area = np.trapezoid(found.recall, found.false_alarms)
        assert area == pytest.approx(metrics.auroc(p_fake, is_fake), abs=tolerance)
        assert (found.recall[-1], found.false_alarms[-1]) == (1, 1)


def test_reliability_by_hand():
    p_fake = np.array([0.65, 0.25, 0.95, 0.0, 1.0])
    is_fake = np.array([False, False, True, False, False])
    first, second, third, last = curves.reliability(p_fake, is_fake, bins=5)
    assert (first.low, first.high, first.count, first.fake_share) == (0, 0.2, 1, 0)
    assert (second.low, second.count, second.p_fake) == (0.2, 1, 0.25)
    assert (third.low, third.high, third.fake_share) == (0.6, 0.8, 0)
    assert (last.low, last.high, last.count, last.fake_share) == (0.8, 1, 2, 0.5)
    assert last.p_fake == pytest.approx(0.975)


def test_mean_gap_of_the_bins_is_the_calibration_error():
    rng = np.random.default_rng(1)
    p_fake, is_fake = rng.random(5_000), rng.random(5_000) < 0.4
    bins = curves.reliability(p_fake, is_fake)
    gap = sum(b.count * abs(b.fake_share - b.p_fake) for b in bins) / len(p_fake)
    assert sum(b.count for b in bins) == len(p_fake)
    assert gap == pytest.approx(metrics.calibration_error_of_p_fake(p_fake, is_fake))


@pytest.mark.parametrize(("fakes", "lean"), [(40, 1), (41, 0), (50, 0), (59, 0), (60, -1)])
def test_the_middle_leans_if_chance_cannot_explain_it(fakes, lean):
    """Of 100 images with 0.5: 1.96 standard deviations of 5 images are 9.8 of them."""
    p_fake = np.concatenate([np.full(100, 0.5), [0.19, 0.8, 0.99]])
    is_fake = np.arange(103) < fakes
    found = curves.middle(p_fake, is_fake)
    assert (found.low, found.high, found.count) == (*curves.MIDDLE, 100)
    assert (found.p_fake, found.fake_share) == (0.5, fakes / 100)
    assert found.lean == lean
    assert curves.middle(p_fake[100:], is_fake[100:]) is None


@pytest.mark.parametrize(("fakes", "lean"), [(41, 1), (42, 0), (58, 0), (59, -1)])
def test_chance_is_that_of_the_single_images(fakes, lean):
    """100 times 0.25 * 0.75: 1.96 standard deviations of 4.33 images are 8.49 of them."""
    found = curves.middle(np.tile([0.25, 0.75], 50), np.arange(100) < fakes)
    assert found.p_fake == 0.5
    assert found.spread == pytest.approx(0.0433, abs=1e-4)
    assert found.lean == lean


def test_the_middle_has_its_lower_edge_and_not_its_upper_one():
    found = curves.middle(np.array(curves.MIDDLE), np.array([True, True]))
    assert (found.count, found.p_fake) == (1, curves.MIDDLE[0])


def test_what_must_be_kept_back_by_hand():
    """Ten answers, the surest first; the fourth and the last two are wrong."""
    confidence = np.array([10, 9, 8, 7, 6, 5, 4, 3, 2, 1.0])
    right = np.array([1, 1, 1, 0, 1, 1, 1, 1, 0, 0], bool)
    for accuracy, kept in ((1.0, 3), (7 / 8, 8), (0.86, 8), (0.7, 10)):
        assert curves.unanswered_for(confidence, right, accuracy) == pytest.approx(1 - kept / 10)
    assert curves.unanswered_for(np.ones(10), right, 0.71) is None  # all are equally sure


def test_at_threshold_by_hand():
    p_fake = np.array([0.9, 0.7, 0.2, 0.7, 0.1])
    is_fake = np.array([True, True, True, False, False])
    found = curves.at_threshold(p_fake, is_fake, 0.7)
    assert found["confusion"] == {
        "fake_as_fake": 2,
        "fake_as_real": 1,
        "real_as_fake": 1,
        "real_as_real": 1,
    }
    assert found["accuracy"] == 3 / 5
    assert (found["precision"], found["recall"]) == (2 / 3, 2 / 3)
    low, high = found["accuracy_interval_95"]
    assert low < 3 / 5 < high
    assert curves.at_threshold(p_fake, is_fake, 0.71)["precision"] == 1


def test_what_the_gate_turned_away_is_not_answered_at_any_price():
    # The surest is wrong; the gate turns it and another one away. Of the other four all are right,
    # so 2 of 6 stay unanswered. Without the gate no share of answers is right throughout.
    p_fake = np.array([0.99, 0.95, 0.9, 0.2, 0.3, 0.6])
    is_fake = np.array([False, True, True, False, False, True])
    away = np.array([True, True, False, False, False, False])
    assert curves.least_unanswered(p_fake, is_fake, away, 1.0) == pytest.approx(2 / 6)
    assert curves.least_unanswered(p_fake, is_fake, np.zeros(6, bool), 1.0) is None
    # 5 of 6 answers are right.
    assert curves.least_unanswered(p_fake, is_fake, np.zeros(6, bool), 5 / 6) == 0


def test_interval_of_what_stays_unanswered():
    """Sure answers are right and 300 of 1,000 unsure ones wrong: nothing to choose but the edge."""
    p_fake = np.r_[np.full(1000, 0.99), np.linspace(0.5, 0.6, 1000)]
    is_fake = np.r_[np.ones(1000, bool), np.arange(1000) % 10 >= 3]
    away = np.zeros(2000, bool)
    asked = p_fake, is_fake, away, 0.9
    low, high = curves.least_unanswered_interval(*asked)
    assert low < curves.least_unanswered(*asked) < high
    assert high - low < 0.15
    assert (low, high) == curves.least_unanswered_interval(*asked)
    nothing = np.full(20, 0.9), np.zeros(20, bool), np.zeros(20, bool), 0.9
    assert curves.least_unanswered_interval(*nothing) is None
