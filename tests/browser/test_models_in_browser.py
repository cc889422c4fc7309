"""The page that compares models, in a real browser."""

import re

import made_up
import pytest
from playwright.sync_api import expect
from serving import serving

# Views and the plots in each.
VIEWS = {
    "Curves": 2,
    "Threshold": 1,
    "Confidence": 2,
    "Stress": 2,
    "Classes": 1,
    "Cost": 1,
    "Training": 2,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Address of an app with three models and figures made by arithmetic."""
    root = tmp_path_factory.mktemp("three")
    models, evidence = made_up.several(root, {"lens": 4.0, "paper_cnn": 2.5, "resnet50": 3.0})
    with serving(root / "log", CIFAKE_MODELS=str(models), CIFAKE_EVIDENCE=str(evidence)) as address:
        yield address


def go(page) -> None:
    narrow = page.viewport_size["width"] < 600
    if narrow:
        page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_role("link", name="The models").click()
    expect(page.get_by_role("heading", name="The models")).to_be_visible(timeout=30_000)
    if narrow:
        page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()


def drawn(page, count: int) -> None:
    """That many plots, and nothing of another view any more."""
    expect(page.locator(".js-plotly-plot")).to_have_count(count, timeout=40_000)


def overflow(page) -> int:
    return page.evaluate(
        "() => Math.max(...[document.documentElement, "
        "document.querySelector('[data-testid=stMain]')].map(e => e.scrollWidth - e.clientWidth))"
    )


def test_table_plots_and_threshold(open_page, screenshot):
    page = open_page()
    go(page)
    table = page.get_by_test_id("stTable").first
    for name in ("lens", "paper_cnn", "resnet50"):
        expect(table.get_by_text(name, exact=True)).to_be_visible(timeout=30_000)
    drawn(page, 2)
    expect(page.locator(".js-plotly-plot").first.locator(".scatterlayer .trace")).to_have_count(
        3, timeout=30_000
    )
    screenshot(page, "models")

    page.get_by_role("radio", name="Threshold").click()
    drawn(page, 1)
    slider = page.get_by_role("slider", name="Called AI-generated from")
    recall = page.get_by_test_id("stMetric").filter(has_text="Recall")
    expect(recall).not_to_contain_text("100.00%")
    slider.press("Home")  # from 0 on everything is called AI-generated, half of it rightly
    expect(recall).to_contain_text("100.00%", timeout=30_000)
    expect(page.get_by_test_id("stMetric").filter(has_text="Accuracy")).to_contain_text(
        "50.00%", timeout=30_000
    )
    drawn(page, 1)
    # While the old plot goes there are two for a moment.
    expect(page.locator(".st-key-confusion .js-plotly-plot").last).to_contain_text(
        re.compile("10,000"), timeout=30_000
    )


@pytest.mark.parametrize("dark", [False, True])
def test_every_view_fits_a_phone(open_page, screenshot, dark):
    page = open_page(390, dark)
    go(page)
    for view, count in VIEWS.items():
        page.get_by_role("radio", name=view).click()
        drawn(page, count)
        assert overflow(page) <= 0, view
    for view, words in (("Promise", "What an answer promises"), ("Limits", "cannot do")):
        page.get_by_role("radio", name=view).click()
        expect(page.get_by_role("heading", name=words)).to_be_visible(timeout=30_000)
        drawn(page, 0)
        assert overflow(page) <= 0, view
    screenshot(page, f"models_390_{'dark' if dark else 'light'}")
