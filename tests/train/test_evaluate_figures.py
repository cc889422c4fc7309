"""Figures of an evaluation, computed by hand."""

import numpy as np
import pytest

from cifake_core.calibration import Calibration
from train import evaluate


def test_both_calibration_errors_before_and_after():
    """Undecided without, sure with it: half of the sure are right."""
    logits, is_fake = np.array([-0.0, -0.0, 0.0, 0.0]), np.array([True, False, True, False])
    found = evaluate.figures(Calibration(1.0, -20.0, 0.1, 0.9), logits, is_fake, np.zeros(4, bool))
    assert found["before_calibration"]["ece_p_fake"] == pytest.approx(0)
    assert found["ece_p_fake"] == pytest.approx(0.5)


def test_a_logit_of_zero_says_fake_as_one_half_does():
    logits, is_fake = np.zeros(4), np.array([True, True, True, False])
    found = evaluate.figures(Calibration(1.0, 0.0, 0.1, 0.9), logits, is_fake, np.zeros(4, bool))
    assert found["accuracy"] == found["before_calibration"]["accuracy"] == 0.75


def test_nothing_answered_has_no_accuracy():
    calibration = Calibration(1.0, 0.0, 0.01, 0.99)
    logits, is_fake = np.array([-1.0, 1.0]), np.array([True, False])
    found = evaluate.figures(calibration, logits, is_fake, np.zeros(2, bool))
    assert found["answered_share"] == 0
    assert found["accuracy_answered"] is None


def test_what_the_gate_turns_away_gets_no_answer():
    logits, is_fake = np.array([-5.0, -5.0, 5.0, 0.0]), np.array([True, False, False, True])
    away = np.array([False, True, False, True])
    found = evaluate.figures(Calibration(1.0, 0.0, 0.1, 0.9), logits, is_fake, away)
    assert found["answered_share"] == 0.75
    assert found["accuracy_answered"] == pytest.approx(2 / 3)
    assert found["with_gate"] == {"answered_share": 0.5, "accuracy_answered": 1}


def test_what_is_not_sure_cannot_be_turned_round():
    """An engine that answers with an image's mean: one sure image near the middle, one in it."""
    images = np.stack([np.full((32, 32, 3), v, np.uint8) for v in (126, 200, 128)])

    class Mean:
        def logits(self, batch):
            return batch.mean((1, 2, 3)) - 128

    is_fake, nothing = np.array([True, False, True]), np.zeros(3, bool)
    asked = Calibration(0.1, 0.0, 0.4, 0.6), images, Mean().logits(images), is_fake, nothing
    found = evaluate.thorough(Mean(), *asked)
    assert (found["n"], found["reversed"]["n"], found["reversed"]["share"]) == (3, 2, 0.5)


def test_mistakes_that_count_against_the_promise_are_sure_ones():
    """Photographs at 0.05, 0.5, 0.95 and 0.95, and the same for generated images, mirrored."""
    p = np.array([0.05, 0.5, 0.95, 0.95])
    logits = np.log((1 - p) / p)
    calibration, nothing = Calibration(1.0, 0.0, 0.1, 0.9), np.zeros(5, bool)
    of_real = np.append(logits, -9.0), np.array([False] * 4 + [True])
    found = evaluate.figures(calibration, *of_real, nothing)
    assert found["real_called_fake"]["share"] == 0.5
    of_fake = np.append(-logits, 9.0), np.array([True] * 4 + [False])
    found = evaluate.figures(calibration, *of_fake, nothing)
    assert found["fake_called_real"]["share"] == 0.5
