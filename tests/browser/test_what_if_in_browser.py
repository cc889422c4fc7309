"""Changing an image and watching the answer, in a real browser."""

import re

from playwright.sync_api import expect

WAIT = 90_000  # ms; the first visitor of a server waits for imports


def go(page) -> None:
    narrow = page.viewport_size["width"] < 600
    if narrow:
        page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_role("link", name="What if?").click()
    expect(page.get_by_role("heading", name="What if?")).to_be_visible(timeout=WAIT)
    if narrow:
        page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
    page.get_by_role("button", name="Clouds").click()
    drawn(page)


def drawn(page) -> None:
    expect(page.locator(".js-plotly-plot")).to_have_count(1, timeout=WAIT)
    expect(page.get_by_alt_text(re.compile("^Changed: the 32x32 pixels"))).to_be_visible()


def overflow(page) -> int:
    return page.evaluate(
        "() => Math.max(...[document.documentElement, "
        "document.querySelector('[data-testid=stMain]')].map(e => e.scrollWidth - e.clientWidth))"
    )


def test_change_cover_and_ask_every_model(open_page, screenshot):
    page = open_page()
    go(page)
    page.get_by_role("radio", name="Blur").click()
    slider = page.get_by_role("slider", name="Blur")
    picture = page.get_by_alt_text(re.compile("^Changed: the 32x32 pixels"))
    before = picture.get_attribute("src")
    slider.press("End")
    expect(slider).to_have_attribute("aria-valuetext", "3 px")
    expect(picture).not_to_have_attribute("src", before)
    screenshot(page, "what_if")
    slider.press("Home")
    expect(page.get_by_text("no pixel is changed")).to_be_visible()
    page.get_by_text("Cover a part of the image").click()
    expect(page.get_by_text("With that part covered, the answer is")).to_be_visible()
    page.get_by_text("Ask all models").click()
    expect(page.get_by_role("row", name=re.compile("paper_cnn"))).to_be_visible(timeout=WAIT)
    page.get_by_text("Which changes?").click()
    expect(page.get_by_text("the same for a person")).to_be_visible()
    screenshot(page, "what_if_all")


def test_it_fits_a_phone_in_the_dark(open_page, screenshot):
    page = open_page(390, dark=True)
    go(page)
    page.get_by_text("Cover a part of the image").click()
    expect(page.get_by_text("With that part covered, the answer is")).to_be_visible()
    page.get_by_text("Ask all models").click()
    expect(page.get_by_role("row", name=re.compile("paper_cnn"))).to_be_visible(timeout=WAIT)
    assert overflow(page) <= 0
    screenshot(page, "what_if_390_dark")
