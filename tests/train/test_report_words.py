"""What RESULTS.md says of calibration, of planted patches and of the cross-check."""

import json
import os
from pathlib import Path

import made_up
import numpy as np
import pytest

from cifake_core import curves, metrics
from cifake_core.errors import ConfigError
from train import report_words as say


def hits(fake: int, real: int) -> dict:
    n = fake + real
    found = {"n": n, "hit_share": 0.85 if n else None, "hit_interval_95": [0.75, 0.92]}
    return found | {"by_patch": {"FAKE": {"n": fake}, "REAL": {"n": real}}}


def test_a_share_of_hits_says_what_kind_the_patches_were():
    assert say.hits(hits(68, 0)) == "85% (75% to 92%) of 68 (all AI-generated)"
    assert say.hits(hits(0, 5)) == "85% (75% to 92%) of 5 (all photographed)"
    assert say.hits(hits(144, 7)) == "85% (75% to 92%) of 151 (144 AI-generated, 7 photographed)"
    assert say.hits(hits(0, 0)) == "none"


@pytest.mark.parametrize(
    ("differences", "words"),
    [
        ((0.0, 0.0), "all figures agree to the last decimal kept, the 6th"),
        ((0.0, 1e-6), "all figures agree to 5 decimals"),
        ((0.0005, 0.0, None), "all figures agree to 3 decimals"),
        ((0.0006,), "all figures agree to 2 decimals"),
        ((0.05,), "all figures agree to 1 decimal"),
        ((0.25, 0.0), "the figures differ by up to 0.25"),
        ((None,), "nothing to compare"),
    ],
)
def test_agreement_is_said_in_decimals(differences, words):
    assert say.agreement([{"largest_difference": d} for d in differences]) == words


@pytest.fixture
def four(tmp_path, monkeypatch):
    """Of a model that says 0.5 of four images, of which one is AI-generated and leaks."""
    monkeypatch.setenv("CIFAKE_MODELS", str(tmp_path))
    made = made_up.card(tmp_path, "lens", temperature=1.0, bias=0.0)
    is_fake = np.array([True, False, False, False])
    return made, made_up.evidence(made, np.zeros(4), is_fake, is_fake)


def test_calibration_of_p_fake_and_of_the_middle(four):
    made, evidence = four
    everything, leak_free = say.calibration("lens", evidence, "again")
    cells = [cell.strip() for cell in everything.strip("|").split("|")]
    errors = ["0.2000 / 0.2500", "0.2500 / 0.2500"]
    fitted_to = made["calibration"]["fitted_to"]
    assert cells == ["`lens`", "4", *errors, "4", "50.0%", "25.0%", fitted_to]
    assert "| 3 | 50.0% | 0.0% |" in leak_free


@pytest.mark.parametrize("part", ["after", "before", "logits"])
def test_older_evidence_names_the_command(four, part):
    evidence = json.loads(json.dumps(four[1]))
    official = evidence["test"]["official"]
    if part == "logits":
        del evidence["logits"]
    else:
        del {"after": official, "before": official["before_calibration"]}[part]["ece_p_fake"]
    with pytest.raises(ConfigError, match="run `again`"):
        say.calibration("lens", evidence, "again")


def test_a_goal_that_chance_alone_could_have_met_is_called_so():
    def said(right: int) -> str:
        accuracy, interval = right / 20_000, metrics.wilson_interval(right, 20_000)
        rows = [
            {"label": label, "accuracy": accuracy, "accuracy_interval_95": interval}
            for label in say.GOALS["lens"]
        ]
        return say.goals("lens", rows, "")[0].partition("goal ")[2]

    # 1.96 standard errors of 0.965 at 20,000 are 0.00255.
    assert said(19_299) == "96.5%: missed."
    assert said(19_300) == "96.5%: met, but chance alone could explain it."
    assert said(19_340) == "96.5%: met, but chance alone could explain it."
    assert said(19_360) == "96.5%: met."
    assert say.goals("resnet50", [], "") == []


def test_calibration_errors_over_the_goal_are_named():
    fine = {"ece": 0.004, "ece_p_fake": 0.01}
    assert say.too_far({"one": fine}).endswith("met by all.")
    found = say.too_far({"one": fine, "two": fine | {"ece_p_fake": 0.012}})
    assert found.endswith("missed by `two` (of p_fake: 0.0120).")


def middle(p_fake: float, fake_share: float) -> curves.Bin:
    return curves.Bin(0.2, 0.8, 100, p_fake, fake_share, 0.05)


def test_who_leans_in_the_middle():
    found = {"a": middle(0.5, 0.3), "b": middle(0.5, 0.7), "c": middle(0.5, 0.45), "d": None}
    assert say.leaning(found) == (
        "In the middle p_fake leans, on the official images, towards AI-generated: `a`; towards "
        "real: `b`; chance alone could explain the gap of `c`."
    )
    assert say.leaning({"c": middle(0.5, 0.45)}) == (
        "In the middle chance alone could explain the gap of `c`."
    )
    assert say.leaning({"d": None}) == ""


def test_promises_with_what_chance_may_make_of_them(four):
    made, evidence = four
    made["validation"]["confusion"] = {"fake_as_fake": 1, "real_as_real": 1}
    made["calibration"]["promised_error"] = 0.5
    (Path(os.environ["CIFAKE_MODELS"]) / "lens" / "card.json").write_text(json.dumps(made))
    for key in ("official", "leak_free"):
        one_way = {"share": 0.0, "interval_95": [0.0, 0.5]}
        evidence["test"][key] |= {"real_called_fake": one_way, "fake_called_real": one_way}
    evidence["thorough"]["reversed"] = {"n": 2, "share": 0.5, "interval_95": [0.1, 0.9]}
    everything, leak_free = say.promises("lens", evidence, "again")
    # Of one fake, with a threshold that one image set for an error of one half.
    assert "| 50.00% on average (0.00% to 100.00%) |" in everything
    assert "| 50.00% (10.00% to 90.00%) of 2 |" in everything
    assert leak_free.endswith("|  |")  # of which no fake is left
    del evidence["thorough"]["reversed"]["n"]
    with pytest.raises(ConfigError, match="run `again`"):
        say.promises("lens", evidence, "again")
