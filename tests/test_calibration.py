import math

import numpy as np
import pytest

from cifake_core.calibration import (
    Calibration,
    Verdict,
    conformal_thresholds,
    fit_platt,
    promisable,
)
from cifake_core.metrics import negative_log_likelihood


def test_p_fake_falls_as_the_logit_grows_with_real():
    calibration = Calibration(2.0, 0.0, 0.3, 0.7)
    np.testing.assert_allclose(calibration.p_fake(np.array([0.0])), 0.5)
    np.testing.assert_allclose(calibration.p_fake(np.array([2.0])), 1 / (1 + np.e))
    assert calibration.p_fake(np.array([-1e6]))[0] == 1
    assert calibration.p_fake(np.array([1e6]))[0] == 0


def test_raw_scores_are_the_logits_behind_the_probability():
    calibration = Calibration(2.0, 0.5, 0.3, 0.7)
    # p = 0.2 is odds of 4 for real: log 4 = z / 2 + 0.5.
    np.testing.assert_allclose(calibration.raw(np.array([0.2])), -2 * (np.log(4) - 0.5))
    logits = np.array([-40.0, -6.87, 0.0, 4.3, 200.0])
    np.testing.assert_allclose(calibration.raw(calibration.p_fake(logits)), -logits, atol=1e-6)
    assert np.isfinite(calibration.raw(np.array([0.0, 1.0]))).all()


@pytest.mark.parametrize(
    ("p_fake", "verdict"),
    [
        (0.0, Verdict.REAL),
        (0.3, Verdict.REAL),
        (0.3001, Verdict.UNCERTAIN),
        (0.6999, Verdict.UNCERTAIN),
        (0.7, Verdict.FAKE),
        (1.0, Verdict.FAKE),
    ],
)
def test_verdict_at_its_thresholds(p_fake, verdict):
    assert Calibration(1.0, 0.0, 0.3, 0.7).verdict(p_fake) is verdict


def test_sure_is_what_gets_a_verdict():
    calibration = Calibration(1.0, 0.0, 0.3, 0.7)
    p_fake = np.array([0.0, 0.3, 0.3001, 0.6999, 0.7, 1.0])
    assert calibration.is_sure(p_fake).tolist() == [True, True, False, False, True, True]


@pytest.mark.parametrize(
    "values",
    [
        *[(0, 0, 0.3, 0.7), (-1, 0, 0.3, 0.7), (1, 0, 0.6, 0.7), (1, 0, 0.3, 1.1)],
        *[(math.inf, 0, 0.3, 0.7), (1, math.nan, 0.3, 0.7), (1, math.inf, 0.3, 0.7)],
    ],
)
def test_nonsense_is_refused(values):
    with pytest.raises(ValueError, match="not a calibration"):
        Calibration(*values)


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("true_bias", [-1.0, 0.0, 0.7])
def test_fitted_values_recover_the_true_ones(true_temperature, true_bias):
    rng = np.random.default_rng(1)
    honest = rng.normal(0, 3, 200_000)
    is_real = rng.random(len(honest)) < 1 / (1 + np.exp(-honest))
    temperature, bias = fit_platt((honest - true_bias) * true_temperature, is_real)
    assert temperature == pytest.approx(true_temperature, rel=0.03)
    assert bias == pytest.approx(true_bias, abs=0.03)


def test_fitted_values_by_hand():
    """Two logits and two weights, so each logit's log odds are those of its own images.

    At +1 four of five are real, at -1 one of three: w + b = log 4 and b - w = -log 2.
    """
    logits = np.repeat([1.0, -1.0], [5, 3])
    is_real = np.array([1, 1, 1, 1, 0, 1, 0, 0], bool)
    temperature, bias = fit_platt(logits, is_real)
    # Closer than a pull that anybody could feel would leave them.
    assert 1 / temperature == pytest.approx(1.5 * np.log(2), abs=1e-4)
    assert bias == pytest.approx(0.5 * np.log(2), abs=1e-4)


def test_fitted_values_are_a_minimum():
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 5, 5000)
    is_real = rng.random(5000) < 1 / (1 + np.exp(-logits / 2 - 0.5))
    temperature, bias = fit_platt(logits, is_real)
    best = negative_log_likelihood(logits / temperature + bias, is_real)
    for factor, more in ((0.97, 0), (1.03, 0), (1, -0.02), (1, 0.02)):
        other = negative_log_likelihood(logits / (temperature * factor) + bias + more, is_real)
        assert other > best


def test_labels_told_apart_without_error_stay_finite():
    logits = np.linspace(-8, 8, 100)
    temperature, bias = fit_platt(logits, logits > 0)
    assert 0 < temperature < 1
    assert abs(bias) < 1


def test_logits_that_point_the_wrong_way_are_refused():
    logits = np.random.default_rng(4).normal(0, 3, 1000)
    with pytest.raises(ValueError, match="do not grow"):
        fit_platt(logits, logits < 0)


def test_conformal_thresholds_by_hand():
    """Nine images of each class, one in ten: the ninth of each is the k-th, k = 10 * 0.9."""
    real = np.array([0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.10, 0.7212])
    fake = 1 - np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.6])
    p_fake = np.concatenate([real, fake])
    is_fake = np.arange(18) >= 9
    real_to, fake_from = conformal_thresholds(p_fake, is_fake, 0.1)
    assert fake_from == pytest.approx(0.7213)  # just above the largest
    assert real_to == pytest.approx(0.3999)  # just below 0.4
    assert (real_to, fake_from) == (round(real_to, 4), round(fake_from, 4))
    # Two in ten: the eighth image, 0.10, is below one half, where nothing is called fake.
    assert conformal_thresholds(p_fake, is_fake, 0.2) == (0.5, 0.5)


def test_the_image_to_come_counts_among_those_held_out():
    """Ten of each class, one in ten: 11 * 0.9 is above 9, so the tenth and not the ninth."""
    real = np.array([0.0] * 8 + [0.6, 0.7212])
    p_fake, is_fake = np.concatenate([real, 1 - real]), np.arange(20) >= 10
    assert conformal_thresholds(p_fake, is_fake, 0.1) == pytest.approx((0.2787, 0.7213))


def test_boundless_sureness_of_what_is_wrong_is_refused():
    with pytest.raises(ValueError, match="boundlessly sure"):
        conformal_thresholds(np.ones(400), np.arange(400) < 200, 0.01)


def test_what_too_few_images_cannot_promise():
    for few in (True, False):  # the smaller class decides, whichever it is
        assert promisable(np.array([few] * 9 + [not few] * 99), 0.005) == pytest.approx(0.1)
    assert promisable(np.array([True] * 400 + [False] * 400), 0.005) == 0.005


def test_the_promise_holds_on_new_images_for_each_class():
    """Averaged over many held-out sets, whatever the two classes' distributions are."""
    rng, error = np.random.default_rng(5), 0.05

    def drawn(count):
        return np.concatenate([rng.beta(1, 4, count), 1 - rng.beta(0.5, 6, count)])

    is_fake, new_is_fake = np.arange(400) >= 200, np.arange(4000) >= 2000
    mistaken = []
    for _ in range(200):
        real_to, fake_from = conformal_thresholds(drawn(200), is_fake, error)
        new = drawn(2000)
        mistaken.append(
            [(new[~new_is_fake] >= fake_from).mean(), (new[new_is_fake] <= real_to).mean()]
        )
    real_called_fake, fake_called_real = np.mean(mistaken, axis=0)
    assert real_called_fake <= error + 0.003
    assert fake_called_real <= error + 0.003
    assert real_called_fake > error / 2  # and it is not bought by never answering


@pytest.mark.parametrize(
    ("p_fake", "sentence"),
    [
        (0.886, "88.6% for AI-generated is not enough for an answer: this model needs 91.5%."),
        (0.21, "79.0% for real is not enough for an answer: this model needs 96.0%."),
        # Never "91.5% is not enough, it needs 91.5%".
        (0.91496, "91.496% for AI-generated is not enough for an answer: this model needs 91.500"),
    ],
)
def test_thin_evidence_is_said_with_both_numbers(p_fake, sentence):
    assert Calibration(1, 0, real_to=0.04, fake_from=0.915).too_thin(p_fake).startswith(sentence)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_no_numbers_are_refused(bad):
    with pytest.raises(ValueError, match="not all finite"):
        fit_platt(np.array([1.0, -1.0, bad]), np.array([True, False, True]))


@pytest.mark.parametrize("is_fake", [True, False])
def test_thresholds_need_both_classes(is_fake):
    with pytest.raises(ValueError, match="both classes"):
        conformal_thresholds(np.array([0.2, 0.7]), np.full(2, is_fake), 0.1)
