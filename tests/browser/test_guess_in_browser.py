"""Guessing before the model answers, in a real browser."""

import pytest
from playwright.sync_api import expect


@pytest.mark.parametrize(("width", "dark"), [(1100, False), (390, True)])
def test_guess_first(open_page, screenshot, width, dark):
    page = open_page(width, dark)
    page.get_by_text("Let me guess first").click()
    expect(page.get_by_role("switch", name="Let me guess first")).to_be_checked()
    page.get_by_role("button", name="Cat", exact=True).click()
    expect(page.get_by_role("heading", name="What do you say?")).to_be_visible()
    expect(page.get_by_text("Probability of AI-generated")).to_have_count(0)
    screenshot(page, f"guess_{width}")
    page.get_by_role("button", name="AI-generated").click()
    expect(page.get_by_role("heading", name="Real: a photograph")).to_be_visible()
    expect(page.get_by_text("You: 0 of 1 right. The model: 1 of 1 right.")).to_be_visible()
    screenshot(page, f"guessed_{width}")


def test_the_verdict_on_a_sample_is_seen_without_scrolling(open_page):
    for width, height in ((390, 844), (1024, 768)):
        page = open_page(width)
        page.set_viewport_size({"width": width, "height": height})
        page.get_by_role("button", name="Cat", exact=True).click()
        verdict = page.get_by_role("heading", name="Real: a photograph")
        expect(verdict).to_be_visible()
        box = verdict.bounding_box()
        assert box["y"] + box["height"] < height, box
