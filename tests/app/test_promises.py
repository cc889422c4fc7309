"""What pages say of the probability and of the thresholds' promise: as measured, no more."""

import json
from pathlib import Path

import made_up
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cifake_core.artifacts import read_card
from cifake_core.calibration import Calibration
from pages.parts import evidence, model_views

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("check/one_image.py", "study/models.py")
COUNT = 400


@pytest.fixture
def model(tmp_path, monkeypatch):
    """Function (share AI-generated, damaged) -> folder of a model that says 0.6 of 400 images."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("CIFAKE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("CIFAKE_EVIDENCE", str(tmp_path))

    def made(share: float, damaged: bool = True) -> Path:
        card = made_up.card(tmp_path / "models", "lens", temperature=1.0, bias=0.0)
        card["calibration"]["fitted_to"] = "images damaged somehow"
        if not damaged:
            card["calibration"]["fitted_to"] = "images as they are"
            del card["calibration"]["damage"]
        (tmp_path / "models" / "lens" / "card.json").write_text(json.dumps(card))
        logits = np.full(COUNT, np.log(0.4 / 0.6))
        is_fake = np.arange(COUNT) < share * COUNT
        found = made_up.evidence(card, logits, is_fake, np.zeros(COUNT, bool))
        made_up.write(tmp_path, "lens", found)
        return tmp_path

    return made


def words(page: str) -> str:
    app = AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=60).run()
    app.switch_page(page).run()
    if "models" in page:
        app.segmented_control(key="view").set_value("Confidence").run()
    assert not app.exception
    kinds = ("markdown", "caption", "info", "warning", "error")
    return " ".join(" ".join(e.value for kind in kinds for e in app.get(kind)).split())


@pytest.mark.parametrize("page", PAGES)
def test_a_lean_is_said_with_its_figures(model, page):
    model(0.4)
    said = words(page)
    assert "On the 400 test images of CIFAKE the probability was off by 20.0 points" in said
    assert "between 20% and 80%, on average 60%, and 40% of those are AI-generated: in the" in said
    assert "it leans towards *AI-generated*." in said
    assert "It was calibrated on images damaged somehow, not on unchanged ones" in said


def test_no_lean_and_the_other_lean(model):
    model(0.6, damaged=False)
    said = model_views.at_its_word(evidence.measured(read_card("lens")))
    assert said.endswith("60% of those are AI-generated.")


def test_a_lean_towards_real(model):
    model(0.8, damaged=False)
    said = model_views.at_its_word(evidence.measured(read_card("lens")))
    assert said.endswith("in the middle it leans towards *real*.")


@pytest.mark.parametrize("page", PAGES)
def test_older_evidence_claims_nothing_and_breaks_nothing(model, page):
    path = model(0.4) / "lens.json"
    found = json.loads(path.read_text())
    for figures in found["test"].values():
        figures.pop("ece_p_fake", None)
        figures.get("before_calibration", {}).pop("ece_p_fake", None)
    path.write_text(json.dumps(found))
    said = words(page)
    assert "points on average" not in said
    assert "leans towards *" not in said


@pytest.mark.parametrize("page", PAGES)
def test_the_promise_is_a_sentence_of_its_own(model, page):
    model(0.4)
    app = AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=60).run()
    app.switch_page(page).run()
    error = read_card("lens").raw["calibration"]["promised_error"]
    (said,) = [e.value for e in app.markdown if "wrongly called real" in e.value]
    assert said.endswith(
        f"Of {1 / error:.0f} real photographs like those of CIFAKE at most about one is wrongly "
        f"called AI-generated, and of {1 / error:.0f} AI-generated images like those of CIFAKE at "
        "most about one is wrongly called real. That is what the thresholds aim at, not a proof: "
        "the images that set them also helped to choose the model. For other images nothing is "
        "promised."
    )
    assert len(said) < 400  # nothing else stands in it


def test_models_with_other_promises_have_a_sentence_each(model, tmp_path):
    model(0.4)
    made_up.card(tmp_path / "models", "other", promised_error=0.01)
    both = [evidence.measured(read_card(name)) for name in ("lens", "other")]
    said = model_views.guarantee(both)
    assert "lens: of 200 real photographs" in said
    assert "other: of 100 real photographs" in said


def test_both_calibration_errors_are_in_the_table(model):
    folder = model(0.4)
    app = AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=60).run()
    app.switch_page("study/models.py").run()
    official = json.loads((folder / "lens.json").read_text())["test"]["official"]
    for number, when in ((0, ""), (1, " before calibration")):
        table = app.table[number].value.set_index("Figure")["lens"]
        figures = official["before_calibration"] if number else official
        name = "ECE of the probability" if number else "ECE (calibration error) of the probability"
        assert table[f"{name}{when}"] == f"{figures['ece_p_fake']:.4f}"
        assert table[f"ECE of confidence{when}"] == f"{figures['ece']:.4f}"


def test_the_diagram_is_drawn_over_p_fake(model):
    folder = model(0.4)
    app = AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=60).run()
    app.switch_page("study/models.py").run()
    app.segmented_control(key="view").set_value("Confidence").run()
    drawn = json.loads(app.get("plotly_chart")[0].proto.spec)
    (line,) = [t for t in drawn["data"] if t["name"] == "perfectly calibrated"]
    assert (line["x"], line["y"]) == ([0, 1], [0, 1])
    low, high = drawn["layout"]["xaxis"]["range"]
    assert low < 0.05 < 0.95 < high
    found = json.loads((folder / "lens.json").read_text())
    assert Calibration(**found["calibration"]).p_fake(np.log(0.4 / 0.6)) == pytest.approx(0.6)
    after = next(
        t for t in drawn["data"] if t["name"] == "after calibration" and t["type"] == "scatter"
    )
    assert after["x"] == pytest.approx([0.6])
    assert after["y"] == pytest.approx([0.4])
