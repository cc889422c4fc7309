"""A class asks whether a heatmap can be believed, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

WAIT = 180_000  # ms; TensorFlow loads first


def overflow(page) -> int:
    """Pixels that stand out to the right of the window."""
    return page.evaluate(
        "() => Math.max(...[document.documentElement, "
        "document.querySelector('[data-testid=stMain]')].map(e => e.scrollWidth - e.clientWidth))"
    )


def forget(page) -> None:
    """Choose an image, then let every layer forget."""
    page.get_by_role("button", name="Clouds").click()
    slider = page.get_by_role("slider", name=re.compile("How many layers forget"))
    slider.wait_for(timeout=WAIT)
    expect(page.get_by_alt_text(re.compile("the copy, 1 of 9"))).to_be_visible(timeout=WAIT)
    slider.press("End")
    expect(page.get_by_alt_text(re.compile("the copy, 9 of 9"))).to_be_visible(timeout=WAIT)


def go(page, width: int) -> None:
    if width < 800:
        page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_role("link", name="Can you believe a heatmap?").click()
    expect(page.get_by_role("heading", name="Can you believe a heatmap?")).to_be_visible(
        timeout=WAIT
    )
    if width < 800:
        page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()


@pytest.mark.parametrize(("width", "dark"), [(1100, False), (390, True)])
def test_figures_and_the_experiment(open_page, screenshot, width, dark):
    page = open_page(width, dark)
    go(page, width)
    expect(page.locator(".js-plotly-plot")).to_have_count(2, timeout=WAIT)
    page.get_by_text("The same in sentences, method by method").click()
    expect(page.get_by_text("points into the patch").first).to_be_visible()
    # Nothing of the short table hides behind a sideways scroll.
    table = page.get_by_test_id("stTable").first
    assert table.evaluate("t => t.querySelector('table').getBoundingClientRect().right") <= width
    assert table.evaluate("t => Math.max(...[t, ...t.children].map(e => e.scrollWidth))") <= width
    for outcome in ("passes", "undecided"):
        box = table.get_by_text(outcome, exact=True).first.bounding_box()
        assert box["x"] + box["width"] <= width
    forget(page)
    expect(page.get_by_text("Forgotten: the last layer")).to_be_visible()
    expect(page.get_by_test_id("stMetric")).to_have_count(2)
    assert overflow(page) <= 0
    screenshot(page, f"trust_{width}_{'dark' if dark else 'light'}")
    page.get_by_role("radio", name="Forgetting").click()
    expect(page.get_by_text("layers that forgot").first).to_be_visible(timeout=WAIT)
    assert overflow(page) <= 0
    screenshot(page, f"trust_depths_{width}")
