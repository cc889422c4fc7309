"""Heatmaps in a row, in a real browser."""

import re

from playwright.sync_api import expect

from cifake_core.samples import samples


def go(page) -> None:
    if page.viewport_size["width"] < 700:
        page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_role("link", name="Heatmaps side by side").click()
    page.get_by_role("heading", name="Heatmaps side by side").wait_for()
    if page.viewport_size["width"] < 700:
        page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
    page.locator("input[type=file]").set_input_files(
        [{"name": "picture.png", "mimeType": "image/png", "buffer": samples()[1].png}]
    )


def drawn(page, *names: str) -> None:
    for name in names:
        picture = page.get_by_alt_text(re.compile(f"^{re.escape(name)}, evidence for"))
        expect(picture).to_be_visible(timeout=60_000)


def bands(page) -> None:
    """The picture is drawn, so what the model makes of its bands is behind a click."""
    without = page.get_by_text(re.compile("^Without 0"))
    expect(without).to_have_count(0)
    page.get_by_text("Show the model's raw reading all the same").click()
    expect(without).to_be_visible()


def overflow(page) -> int:
    return page.evaluate(
        "() => Math.max(...[document.documentElement, "
        "document.querySelector('[data-testid=stMain]')].map(e => e.scrollWidth - e.clientWidth))"
    )


def test_methods_in_a_row_difference_and_bands(open_page, screenshot):
    page = open_page()
    go(page)
    drawn(page, "Grad-CAM", "LayerCAM", "Occlusion")  # LayerCAM by itself, once it can be
    page.get_by_role("button", name="Score-CAM").click()
    page.get_by_role("button", name="SmoothGrad").click()
    drawn(page, "Grad-CAM", "LayerCAM", "Score-CAM", "SmoothGrad", "Occlusion")
    expect(page.get_by_alt_text(re.compile("^Grad-CAM minus LayerCAM"))).to_be_visible()
    expect(page.get_by_test_id("stMetricValue")).to_have_text(re.compile(r"^-?[01]\.\d\d$"))
    bands(page)
    page.get_by_text("How the maps are drawn").click()
    picture = page.get_by_alt_text(re.compile("^Occlusion, evidence for"))
    before = picture.get_attribute("src")
    page.get_by_role("radio", name="Lines").click()
    expect(picture).not_to_have_attribute("src", before)
    screenshot(page, "side_by_side_lines")
    page.get_by_role("radio", name="Colours").click()
    page.get_by_text("How the maps are drawn").click()
    page.wait_for_timeout(500)
    screenshot(page, "side_by_side")


def test_phone_and_dark(open_page, screenshot):
    page = open_page(390, dark=True)
    go(page)
    drawn(page, "Grad-CAM", "LayerCAM", "Occlusion")
    bands(page)
    assert overflow(page) <= 0
    screenshot(page, "side_by_side_phone_dark")
