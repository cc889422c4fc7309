import numpy as np
import pytest

from cifake_core.calibration import Calibration, Verdict, choose_thresholds, fit_platt
from cifake_core.metrics import negative_log_likelihood


def test_p_fake_falls_as_the_logit_grows_with_real():
    calibration = Calibration(2.0, 0.0, 0.3, 0.7)
    np.testing.assert_allclose(calibration.p_fake(np.array([0.0])), 0.5)
    np.testing.assert_allclose(calibration.p_fake(np.array([2.0])), 1 / (1 + np.e))
    assert calibration.p_fake(np.array([-1e6]))[0] == 1
    assert calibration.p_fake(np.array([1e6]))[0] == 0


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


@pytest.mark.parametrize(
    "values", [(0, 0, 0.3, 0.7), (-1, 0, 0.3, 0.7), (1, 0, 0.6, 0.7), (1, 0, 0.3, 1.1)]
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


def test_thresholds_leave_at_most_the_share_uncertain():
    rng = np.random.default_rng(3)
    p_fake = rng.beta(0.15, 0.15, 10_000)
    real_to, fake_from = choose_thresholds(p_fake, 0.05)
    uncertain = np.mean((p_fake > real_to) & (p_fake < fake_from))
    assert 0.045 <= uncertain <= 0.05
    assert real_to + fake_from == pytest.approx(1)


def test_sure_predictions_need_no_uncertain_zone():
    real_to, fake_from = choose_thresholds(np.array([0.0, 1.0] * 50), 0.0)
    assert real_to <= 0.5 <= fake_from
    assert real_to == 0
