"""Picking a model and asking all of them, in a real browser."""

import json
import re
import shutil

import pytest
from playwright.sync_api import expect
from serving import serving

from cifake_core.artifacts import ASSETS

WAIT = 90_000  # ms; the first visitor of a server waits for imports


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Address of an app with three models: real, AI-generated and a damaged one."""
    models = tmp_path_factory.mktemp("models")
    for name, bias in (("lens", 3.0), ("paper_cnn", -3.0), ("resnet50", 0.0)):
        folder = shutil.copytree(ASSETS / "models" / "lens", models / name)
        card = json.loads((folder / "card.json").read_text())
        card |= {"name": name, "title": f"{name}: a title"}
        card["calibration"] |= {"temperature": 1e6, "bias": bias}
        (folder / "card.json").write_text(json.dumps(card))
    (models / "resnet50" / "model.onnx").write_bytes(b"")
    with serving(models / "log", CIFAKE_MODELS=str(models)) as address:
        yield address


def test_pick_a_model_and_ask_all(open_page, screenshot):
    page = open_page()
    page.get_by_role("button", name="Clouds").click()
    expect(page.get_by_role("heading", level=2).first).to_contain_text("photograph", timeout=WAIT)
    expect(page.locator(".js-plotly-plot")).to_have_count(0)
    page.get_by_text("Ask all models").click()
    expect(page.get_by_text("The models disagree: 1 says real")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("heading", level=2).first).to_contain_text("Can't tell", timeout=WAIT)
    expect(page.get_by_text("paper_cnn says the opposite")).to_be_visible(timeout=WAIT)
    expect(page.locator(".js-plotly-plot")).to_have_count(1, timeout=WAIT)
    expect(page.get_by_role("row", name=re.compile("resnet50.*is damaged"))).to_be_visible(
        timeout=WAIT
    )
    picker = page.get_by_role("combobox", name="Model")
    picker.scroll_into_view_if_needed()
    page.wait_for_timeout(500)  # a list that opens while the page still scrolls closes again
    picker.click()
    page.get_by_role("option", name="paper_cnn").click()
    expect(page.get_by_text("lens says the opposite")).to_be_visible(timeout=WAIT)
    page.get_by_text("tf-keras-vis are loaded").wait_for(timeout=WAIT)
    screenshot(page, "ask_all")

    page.get_by_role("link", name="The data set").click()
    expect(page.get_by_role("heading", name="The data set")).to_be_visible(timeout=WAIT)
    page.get_by_role("link", name="One image").click()
    expect(page.get_by_text("lens says the opposite")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("combobox", name="Model")).to_have_value(re.compile("paper_cnn"))
    expect(page.get_by_text("The models disagree: 1 says real")).to_be_visible(timeout=WAIT)


def test_all_answers_fit_a_phone(open_page, screenshot):
    page = open_page(390)
    page.get_by_role("button", name="Clouds").click()
    page.get_by_text("Ask all models").click()
    expect(page.get_by_text("The models disagree: 1 says real")).to_be_visible(timeout=WAIT)
    expect(page.locator(".js-plotly-plot")).to_have_count(1, timeout=WAIT)
    page.get_by_text("Where did it look?").wait_for(timeout=WAIT)
    wide = "e => e.scrollWidth - e.clientWidth"
    assert page.get_by_test_id("stMain").evaluate(wide) <= 0
    # Nothing of the table lies to the right of the screen, behind a scroll that nobody sees.
    cells = page.get_by_role("row", name=re.compile("lens, picked")).get_by_role("cell").all()
    assert len(cells) == 4
    assert "by itself" in cells[1].inner_text()
    for cell in cells:
        box = cell.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    screenshot(page, "ask_all_390")
