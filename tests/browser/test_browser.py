"""What a person does with the page, in a real browser."""

import io
import json
import re
from contextlib import suppress
from functools import partial

import hostile
import pytest
from PIL import Image
from playwright.sync_api import expect
from serving import serving

from cifake_core import images
from cifake_core.errors import ImageError
from cifake_core.samples import samples

ANSWER = re.compile("photograph|AI-generated$|Can't tell")
CLOUDS = next(s.png for s in samples() if s.name == "Clouds")


def upload(page, data: bytes, name: str = "picture.png", kind: str = "image/png") -> None:
    page.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": kind, "buffer": data}]
    )


def upload_until(page, arrived, data: bytes, name: str, kind: str) -> None:
    """Once more if it never arrives.

    One in some hundred files that a program drops while the box is drawn anew does not reach the
    page's own code; the box goes on showing the old one, and a person drops it again.
    """
    for _ in range(2):
        upload(page, data, name, kind)
        with suppress(AssertionError):
            return arrived()
    upload(page, data, name, kind)
    return arrived()


def verdict(page):
    return page.get_by_role("heading", level=2, name=ANSWER)


def heatmaps_loaded(page) -> None:
    page.get_by_text("Drawn by tf-keras-vis").wait_for(timeout=90_000)


def overflow(page) -> int:
    """Pixels that stand out to the right of the window."""
    return page.evaluate(
        "() => Math.max(...[document.documentElement, "
        "document.querySelector('[data-testid=stMain]')].map(e => e.scrollWidth - e.clientWidth))"
    )


def test_upload_verdict_heatmap_and_downloads(open_page, screenshot):
    page = open_page()
    upload(page, CLOUDS)
    expect(verdict(page)).to_be_visible()
    expect(page.get_by_text("Probability of AI-generated")).to_be_visible()
    heatmap = page.get_by_alt_text(re.compile("^Grad-CAM, evidence for"))
    empty = page.get_by_text("nothing in this image speaks for that answer")
    expect(heatmap.or_(empty)).to_be_visible()
    heatmaps_loaded(page)
    screenshot(page, "one_image")

    page.get_by_role("radio", name="Grad-CAM++").click()
    expect(page.get_by_alt_text(re.compile(r"^Grad-CAM\+\+, evidence for"))).to_be_visible()
    picture = page.get_by_alt_text(re.compile(r"^Grad-CAM\+\+, evidence for"))
    before = picture.get_attribute("src")
    slider = page.get_by_role("slider", name="Opacity")
    slider.press("ArrowRight")
    expect(slider).to_have_value("60")
    expect(picture).not_to_have_attribute("src", before)

    with page.expect_download() as download:
        page.get_by_role("button", name="Result (JSON)").click()
    result = json.loads(download.value.path().read_text())
    assert result["verdict"] in {"real", "fake", "uncertain"}
    assert 0 <= result["p_fake"] <= 1
    with page.expect_download() as download:
        page.get_by_role("button", name="Heatmap (PNG)").click()
    with Image.open(io.BytesIO(download.value.path().read_bytes())) as image:
        assert image.size == (384, 384)


def test_the_first_visitor_of_a_server_may_come_by_any_address(chromium, tmp_path):
    with serving(tmp_path / "log") as address:
        page = chromium.new_page()
        page.goto(f"{address}/dataset")
        expect(page.get_by_role("heading", name="The data set")).to_be_visible(timeout=90_000)
        page.get_by_role("link", name="The models").click()
        expect(page.get_by_role("heading", name="The models")).to_be_visible()
        expect(page.get_by_text("Page not found")).to_have_count(0)
        page.goto(f"{address}/nothing")
        expect(page.get_by_text("Page not found")).to_be_visible()
        page.close()


def test_target_can_be_switched(open_page):
    page = open_page()
    upload(page, CLOUDS)
    heatmaps_loaded(page)
    for answer, words in (("Why real?", "real"), ("Why AI-generated?", "AI-generated")):
        page.get_by_role("radio", name=answer).click()
        # A picture with that caption, or the sentence that there is nothing to draw.
        expect(page.get_by_text(re.compile(f"^Grad-CAM, evidence for {words}"))).to_be_visible()


def test_bad_files_get_one_sentence_and_the_next_upload_works(open_page):
    """All of them in one session: none may spoil it for those that follow."""
    page, shown = open_page(), ""
    alert = page.get_by_test_id("stAlert")
    for number, name in enumerate(sorted(hostile.HOSTILE)):
        data = hostile.HOSTILE[name]()
        sentence = refusal(data)
        if sentence == shown or number % 8 == 7:  # no sentence is taken for the one before
            seen = expect(verdict(page), name).to_be_visible
            upload_until(page, seen, samples()[number % 3].png, "picture.png", "image/png")
            expect(page.get_by_test_id("stAlertContentError"), name).to_have_count(0)
        if sentence:
            assert len(sentence) < 400, name
            words = re.compile(re.escape(sentence))
            # A list, so that it waits for exactly one: a page drawn anew may hold more.
            one = partial(expect(alert, name).to_have_text, [words])
            upload_until(page, one, data, f"{name}.jpg", "image/jpeg")
            expect(verdict(page), name).to_have_count(0)
        else:  # the browser does not even send it, and says why
            upload(page, data, f"{name}.jpg", "image/jpeg")
            expect(page.get_by_text("must be 25.0MB or smaller"), name).to_be_visible()
        assert "Traceback" not in page.content(), name
        shown = sentence
    seen = expect(verdict(page)).to_be_visible
    upload_until(page, seen, CLOUDS, "picture.png", "image/png")


def refusal(data: bytes) -> str:
    """The sentence that the page must show; none of what is too large to be sent."""
    if len(data) > images.MAX_BYTES:
        return ""
    with pytest.raises(ImageError) as found:
        images.decode(data)
    return str(found.value)


def test_file_name_is_never_markup(open_page):
    page = open_page()
    upload(page, CLOUDS, "<img src=x onerror=alert(1)> **bold** :red[x].png")
    expect(verdict(page)).to_be_visible()
    assert page.locator("img[src='x']").count() == 0
    assert page.locator("strong", has_text="bold").count() == 0


def test_large_image_is_not_judged(open_page, screenshot):
    page = open_page()
    page.get_by_role("button", name="Large sunset").click()
    expect(page.get_by_role("heading", name="Can't tell")).to_be_visible()
    expect(page.get_by_text("reduced 15.0-fold")).to_be_visible()
    heatmaps_loaded(page)
    screenshot(page, "large_image")


def test_random_image_hides_its_label_until_asked(open_page, real_cifake):
    assert len(real_cifake.test) == 20_000
    page = open_page()
    button = page.get_by_role("button", name="Random CIFAKE image")
    button.wait_for(timeout=90_000)
    button.click()
    expect(verdict(page)).to_be_visible()
    expect(page.get_by_text("In CIFAKE it is")).to_have_count(0)
    page.get_by_text("Show what it truly is").click()
    expect(page.get_by_text("In CIFAKE it is")).to_be_visible()


def test_dataset_page(open_page, screenshot):
    page = open_page()
    page.get_by_role("link", name="The data set").click()
    expect(page.get_by_role("heading", name="The data set")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(3)
    expect(page.get_by_text("file size is hardly a cue")).to_be_visible()
    screenshot(page, "dataset")


@pytest.mark.parametrize(("width", "dark"), [(390, False), (390, True), (1100, True)])
def test_phone_width_and_dark_mode(open_page, screenshot, width, dark):
    page = open_page(width, dark)
    upload(page, CLOUDS)
    expect(verdict(page)).to_be_visible()
    heatmaps_loaded(page)
    assert overflow(page) <= 0
    shade = page.locator(".stApp").evaluate("e => getComputedStyle(e).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", shade)[:3])) < 3 * 128) == dark
    screenshot(page, f"one_image_{width}_{'dark' if dark else 'light'}")


def test_every_picture_has_alt_text(open_page):
    page = open_page()
    upload(page, CLOUDS)
    heatmaps_loaded(page)
    pictures = page.get_by_test_id("stMain").locator("img")
    expect(pictures.nth(3)).to_be_visible()
    for picture in pictures.all():
        assert picture.get_attribute("alt")


def test_how_a_map_is_made_and_the_answer_that_goes_along(open_page, screenshot):
    page = open_page(390, dark=True)
    page.get_by_role("button", name="Cat").click()
    expect(verdict(page)).to_be_visible()
    heatmaps_loaded(page)
    page.get_by_text("How this map is made").click()
    steps = page.get_by_alt_text(re.compile("^Map .* times its weight: strongest"))
    expect(steps).to_have_count(4)
    expect(steps.last).to_be_visible()
    # Two beside each other.
    first, second = (steps.nth(i).bounding_box() for i in (0, 1))
    assert first["y"] == second["y"]
    assert second["x"] + second["width"] <= 390
    assert overflow(page) <= 0
    screenshot(page, "how_a_map_is_made")
    page.get_by_role("radio", name="Why AI-generated?").click()
    expect(page.get_by_text("of the strongest one for real")).to_be_visible()
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_role("link", name="What if?").click()
    expect(page.get_by_role("heading", name="What if?")).to_be_visible()
    page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
    expect(page.get_by_role("radio", name="Why AI-generated?")).to_be_checked()
