"""A new file dropped over an old one, in a real browser, with switches set."""

import re

import pytest
from playwright.sync_api import expect

from cifake_core.samples import samples

WAIT = 90_000  # ms; the first visitor of a server waits for imports
PICTURES = {s.name: s.png for s in samples() if s.name in ("Clouds", "Rings", "Ball")}


def upload(page, name: str) -> None:
    page.locator("input[type=file]").set_input_files(
        [{"name": f"{name}.png", "mimeType": "image/png", "buffer": PICTURES[name]}]
    )
    expect(page.get_by_text(f"Your image “{name}.png”").first).to_be_visible(timeout=WAIT)


def mark(element) -> None:
    """So that one that went away and came back is told from one that stayed."""
    element.evaluate("e => { e.dataset.stayed = 'yes'; }")


def test_ask_all_stays_on_when_an_upload_is_replaced_twice(open_page):
    page = open_page()
    upload(page, "Clouds")
    switch = page.get_by_role("switch", name="Ask all models")
    page.get_by_text("Ask all models").click()
    expect(switch).to_be_checked()
    rows = page.get_by_role("row", name=re.compile("paper_cnn"))
    expect(rows).to_be_visible(timeout=WAIT)
    page.get_by_text("Grad-CAM++", exact=True).click()
    expect(page.get_by_text(re.compile(r"^Grad-CAM\+\+, evidence for"))).to_be_visible(timeout=WAIT)
    mark(switch)
    for name in ("Rings", "Ball"):
        upload(page, name)
        expect(switch).to_be_checked()
        expect(switch).to_have_attribute("data-stayed", "yes")
        expect(page.get_by_text("None of the 5 models can tell.")).to_be_visible(timeout=WAIT)
        expect(page.get_by_text(re.compile(r"^Grad-CAM\+\+, evidence for"))).to_be_visible(
            timeout=WAIT
        )
        expect(page.get_by_test_id("stException")).to_have_count(0)
    upload(page, "Clouds")
    expect(rows).to_be_visible(timeout=WAIT)


def test_what_if_keeps_its_switches_when_an_upload_is_replaced_twice(open_page):
    page = open_page()
    page.get_by_role("link", name="What if?").click()
    expect(page.get_by_role("heading", name="What if?")).to_be_visible(timeout=WAIT)
    upload(page, "Clouds")
    labels = ("Cover a part of the image", "Ask all models")
    switches = [page.get_by_role("switch", name=label) for label in labels]
    for label, switch in zip(labels, switches, strict=True):
        page.get_by_text(label).click()
        expect(switch).to_be_checked()
    expect(page.get_by_role("row", name=re.compile("paper_cnn"))).to_be_visible(timeout=WAIT)
    mark(switches[0])
    for name in ("Rings", "Clouds"):
        upload(page, name)
        for switch in switches:
            expect(switch).to_be_checked()
        expect(switches[0]).to_have_attribute("data-stayed", "yes")


@pytest.mark.parametrize("width", [1100, 390])
def test_an_upload_can_be_removed(open_page, width):
    page = open_page(width)
    upload(page, "Rings")
    remove = page.get_by_role("button", name="Remove this image")
    page.get_by_test_id("stFileUploader").get_by_role("button", name=re.compile("Remove")).click()
    expect(page.get_by_text("Rings.png", exact=True)).to_have_count(0)
    expect(page.get_by_role("heading", name="Can't tell")).to_be_visible()
    remove.click()
    expect(page.get_by_role("heading", name="Can't tell")).to_have_count(0)
    expect(remove).to_have_count(0)
    upload(page, "Rings")
    remove.click()
    expect(page.get_by_role("heading", name="Can't tell")).to_have_count(0)
    expect(page.get_by_text("Rings.png", exact=True)).to_have_count(0)
    upload(page, "Rings")
    expect(page.get_by_role("heading", name="Can't tell")).to_be_visible()
